"""Runs 0011_refresh_claims.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0011_refresh_claims")
