"""Runs 0015_row_security.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0015_row_security")
