"""Tells, without alembic and in one query, whether the database has the schema that this daemon needs."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg

from daemon.core.errors import StoreUnavailable

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class MigrationError(Exception):
    """The database and the migration files do not belong together; the message says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFile:
    """A numbered file of SQL and the hash of its content."""

    revision: str
    stem: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """Every file has run, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """So many files have not run: `migrate` is needed."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """The database knows revisions that this version does not: a newer daemon made it."""

    revisions: tuple[str, ...]


SchemaState = UpToDate | Behind | Ahead


def migration_files(directory: Path = MIGRATIONS) -> tuple[MigrationFile, ...]:
    """List the numbered files in their order. Raises MigrationError when two have one number."""
    files = tuple(
        MigrationFile(
            revision=path.stem.split("_")[0], stem=path.stem, sha256=hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(directory.glob("[0-9]*_*.sql"))
    )
    for before, after in pairwise(files):
        if before.revision == after.revision:
            raise MigrationError(f"{before.stem}.sql and {after.stem}.sql have one number: renumber the newer one")
    return files


async def schema_state(dsn: str, directory: Path = MIGRATIONS) -> SchemaState:
    """Compare the files with what ran. Raises MigrationError for an edited file, StoreUnavailable."""
    try:
        connection = await asyncpg.connect(dsn, command_timeout=30)
        try:
            return compare(migration_files(directory), await applied(connection))
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"Postgres does not answer ({error}): check the server and the DSN") from error


async def applied(connection: asyncpg.Connection) -> dict[str, str]:
    """Tell revision and content hash of every file that ran; empty for a database that was never migrated."""
    if await connection.fetchval("SELECT to_regclass('sync.migration')") is None:
        return {}
    return {row[0]: row[1] for row in await connection.fetch("SELECT revision, sha256 FROM sync.migration")}


def compare(files: tuple[MigrationFile, ...], ran: dict[str, str]) -> SchemaState:
    """Tell how the files relate to what ran. Raises MigrationError when a file that ran was edited afterwards."""
    known = {file.revision for file in files}
    newer = tuple(sorted(revision for revision in ran if revision not in known))
    if newer:
        return Ahead(revisions=newer)
    for file in files:
        if ran.get(file.revision, file.sha256) != file.sha256:
            raise MigrationError(
                f"{file.stem}.sql was edited after it ran on this database: restore it, put the change into a new file"
            )
    pending = len(known - ran.keys())
    return Behind(count=pending) if pending else UpToDate()
