"""Runs 0019_used_link.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0019_used_link")
