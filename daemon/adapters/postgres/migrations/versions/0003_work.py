"""Runs 0003_work.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0003_work")
