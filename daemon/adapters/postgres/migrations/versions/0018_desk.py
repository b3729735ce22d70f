"""Runs 0018_desk.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0018_desk")
