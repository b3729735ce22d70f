"""Runs 0014_row_security.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0014_row_security")
