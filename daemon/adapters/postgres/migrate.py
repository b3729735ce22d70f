"""Brings the database to the newest schema: raw SQL files in order, run once, by one process at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, util
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from daemon.adapters.postgres.schema_state import (
    MIGRATIONS,
    Ahead,
    MigrationError,
    MigrationFile,
    applied,
    compare,
    migration_files,
)
from daemon.core.errors import StoreUnavailable

LOCK_KEY: Final = 0x73796E6364  # "syncd"
LOCK_POLL_S: Final = 0.1
ROLES: Final = ("syncd", "platform", "syncd_reader")
_UNREACHABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,  # TimeoutError is one
)


async def migrate(dsn: str, directory: Path = MIGRATIONS) -> list[str]:
    """Run every file that has not run, and tell which did, with a sentence about roles that could not be made.

    Several processes may call it at once: one works, the others wait and then find nothing to do.
    Raises MigrationError for an edited file or a database newer than this daemon, StoreUnavailable.
    """
    try:
        async with _lock(dsn) as connection:
            await connection.execute((MIGRATIONS / "bootstrap.sql").read_text())
            files = migration_files(directory)
            ran = await applied(connection)
            state = compare(files, ran)
            if isinstance(state, Ahead):
                raise MigrationError(
                    f"the database has revision {state.revisions[-1]}, unknown to this version: run the newer one"
                )
            pending = [file for file in files if file.revision not in ran]
            if pending:
                await _upgrade(dsn, directory)
                await connection.execute(_GUARD_NEW_TABLES)
            return [file.stem for file in pending] + await _missing_roles(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(f"this user may not make the schema ({error}): connect as the database's owner") from error
    except _UNREACHABLE as error:
        raise StoreUnavailable(f"Postgres does not answer ({error}): check the server and the DSN") from error


# CREATE OR REPLACE VIEW forgets the option without which a view shows its owner's rows to whoever asks.
_GUARD_NEW_TABLES: Final = """
DO $$
DECLARE shown regclass;
BEGIN
    IF to_regprocedure('sync.guard_partner_rows()') IS NOT NULL THEN
        PERFORM sync.guard_partner_rows();
        FOR shown IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'sync'::regnamespace AND relkind = 'v' LOOP
            EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', shown);
        END LOOP;
        -- Postgres refuses COPY into a guarded table to whoever is not exempt, and only a superuser can exempt a role.
        FOR shown IN SELECT unnest(ARRAY['sync.applied', 'sync.credit', 'sync.customer', 'sync.fb_payment',
                'sync.invoice', 'sync.ledger_account', 'sync.line_item']::regclass[]) LOOP
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', shown);
            EXECUTE format('DROP POLICY IF EXISTS everybody_s_work ON %s', shown);
            EXECUTE format('DROP POLICY IF EXISTS one_partner ON %s', shown);
        END LOOP;
    END IF;
END $$"""


def run_migration(stem: str) -> None:
    """Run a file on alembic's connection and write down its hash; called by the revisions themselves."""
    directory = Path(op.get_context().script.dir)  # type: ignore[union-attr]
    file = next(file for file in migration_files(directory) if file.stem == stem)
    _run_in_transaction(op.get_bind(), directory, file)


def _run_in_transaction(bind: Connection, directory: Path, file: MigrationFile) -> None:
    record = "INSERT INTO sync.migration (revision, name, sha256) VALUES ('{}', '{}', '{}')"
    bind.exec_driver_sql(record.format(file.revision, file.stem, file.sha256))  # opens the driver's transaction too
    driver = bind.connection.driver_connection
    # Not through SQLAlchemy, which prepares single statements and reads `:name` as a parameter.
    util.await_only(driver.execute((directory / f"{file.stem}.sql").read_text()))  # type: ignore[union-attr]


async def _upgrade(dsn: str, directory: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(directory))
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with engine.connect() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


@asynccontextmanager
async def _lock(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Hold the migration lock on a connection of its own.

    It is polled, because a waiter inside pg_advisory_lock would keep a snapshot, for which CREATE INDEX CONCURRENTLY
    waits.
    """
    connection = await asyncpg.connect(dsn, command_timeout=30)
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
            await connection.execute("SELECT pg_sleep($1)", LOCK_POLL_S)
        yield connection
    finally:
        await connection.close()


async def _missing_roles(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT name FROM unnest($1::text[]) AS wanted (name) WHERE to_regrole(name) IS NULL", list(ROLES)
    )
    return [
        f"role {row[0]} is missing: this user may not create roles; create it and run the grants of 0007_roles.sql "
        "and 0017_row_security.sql"
        for row in rows
    ]
