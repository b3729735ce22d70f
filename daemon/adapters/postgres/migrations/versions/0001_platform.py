"""Runs 0001_platform.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply the file."""
    run_migration("0001_platform")
