"""Runs 0022_coordinator.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0022_coordinator")
