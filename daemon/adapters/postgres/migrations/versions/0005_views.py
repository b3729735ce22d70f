"""Runs 0005_views.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0005_views")
