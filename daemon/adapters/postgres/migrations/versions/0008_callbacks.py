"""Runs 0008_callbacks.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0008_callbacks")
