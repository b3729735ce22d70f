"""Runs 0004_triggers.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0004_triggers")
