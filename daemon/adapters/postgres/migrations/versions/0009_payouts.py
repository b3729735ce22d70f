"""Runs 0009_payouts.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0009_payouts")
