"""Runs 0013_leases.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0013_leases")
