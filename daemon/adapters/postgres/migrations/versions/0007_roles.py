"""Runs 0007_roles.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0007_roles")
