"""Runs 0016_mirror.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0016_mirror")
