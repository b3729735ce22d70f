"""Runs 0020_held.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0020_held")
