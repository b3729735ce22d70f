"""Runs 0006_desk.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0006_desk")
