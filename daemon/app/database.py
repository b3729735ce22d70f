"""Which Postgres the daemon uses, its own or the operator's, and whether its schema is the one needed."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from anyio.abc import Process

from daemon.adapters.postgres.embedded import DATABASE, EmbeddedPostgres
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.schema_state import Ahead, Behind, MigrationError, UpToDate, schema_state
from daemon.app.errors import StartRefused
from daemon.core.errors import SettingsError
from daemon.settings import Settings

_PID_FILE: Final = "postmaster.pid"
_PORT_LINE, _SOCKET_LINE = 3, 4  # of postmaster.pid, as the Postgres manual lists its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A Postgres that answers; `server` is the process when it is the daemon's own."""

    dsn: str = field(repr=False)
    server: Process | None = None


def data_dir(settings: Settings) -> Path:
    """Where the daemon's own Postgres keeps its files."""
    return settings.state_dir() / "postgres"


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """Use the configured Postgres, or run the daemon's own for as long as the context lasts.

    Raises SettingsError when the daemon's own cannot run.
    """
    dsn = settings.postgres.dsn.get_secret_value()
    if dsn:
        yield Database(dsn=dsn)
        return
    _make_state_dir(settings.state_dir())
    async with EmbeddedPostgres.start(data_dir(settings)) as postgres:
        yield Database(dsn=postgres.dsn, server=postgres.process)


def _make_state_dir(place: Path) -> None:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SettingsError(
            f"postgres.state_dir: {place} cannot be used ({why}): choose another directory, or set postgres.dsn"
        ) from error


async def running_database(settings: Settings) -> Database:
    """Find the Postgres that a running daemon uses, without starting one. Raises StartRefused."""
    dsn = settings.postgres.dsn.get_secret_value()
    if dsn:
        return Database(dsn=dsn)
    place = data_dir(settings)
    try:
        lines = (place / _PID_FILE).read_text().splitlines()
    except OSError:
        lines = []
    if len(lines) <= _SOCKET_LINE:
        raise StartRefused(
            f"postgres.dsn is not set, and the daemon's own Postgres in {place} is not running: "
            "start the daemon first, or set postgres.dsn"
        )
    host, port = quote(lines[_SOCKET_LINE], safe=""), lines[_PORT_LINE]
    return Database(dsn=f"postgresql://postgres@/{DATABASE}?host={host}&port={port}")


@asynccontextmanager
async def opened_pool(settings: Settings) -> AsyncIterator[Pool]:
    """Open the database of a running daemon, its schema checked. Raises StartRefused, StoreUnavailable."""
    database = await running_database(settings)
    await require_schema(database.dsn)
    async with Pool.open(database.dsn) as pool:
        yield pool


async def bring_up_to_date(dsn: str) -> list[str]:
    """Run the migrations that have not run; tell what was done. Raises StartRefused, StoreUnavailable."""
    # alembic takes a third of a second to import, and only migrations need it.
    from daemon.adapters.postgres.migrate import migrate  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)  # what ran is told by us
    try:
        return await migrate(dsn)
    except MigrationError as error:
        raise StartRefused(str(error)) from error


async def require_schema(dsn: str) -> None:
    """Check that the schema is the one this version needs. Raises StartRefused with the next step, StoreUnavailable."""
    try:
        state = await schema_state(dsn)
    except MigrationError as error:
        raise StartRefused(str(error)) from error
    match state:
        case UpToDate():
            return
        case Behind(count=count):
            steps = f"{count} migration{'s have' if count > 1 else ' has'}"
            raise StartRefused(
                f"{steps} not run on this database: run: freshbooks-syncd migrate, or start with --migrate"
            )
        case Ahead(revisions=revisions):
            raise StartRefused(
                f"the database has revision {revisions[-1]}, which this version does not know: run the newer version"
            )
