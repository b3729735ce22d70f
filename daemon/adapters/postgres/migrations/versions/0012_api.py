"""Runs 0012_api.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0012_api")
