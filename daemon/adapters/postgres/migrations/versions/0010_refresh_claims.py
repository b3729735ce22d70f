"""Runs 0010_refresh_claims.sql."""

from daemon.adapters.postgres.migrate import run_migration

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply the file."""
    run_migration("0010_refresh_claims")
