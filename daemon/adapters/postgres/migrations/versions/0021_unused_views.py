"""Runs 0021_unused_views.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0021_unused_views")
