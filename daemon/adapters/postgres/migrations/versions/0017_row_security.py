"""Runs 0017_row_security.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0017_row_security")
