"""Runs 0002_sync.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0002_sync")
