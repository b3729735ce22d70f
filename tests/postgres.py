"""Real Postgres for tests: one server a session, one database a test."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from daemon.adapters.postgres.embedded import EmbeddedPostgres
from tests.requirements import SYSTEM_POSTGRES_BINARIES, needs_system_postgres

PostgresKind = Literal["embedded", "system"]

MIGRATED: Final = "migrated"

# Runs a test on the bundled Postgres and on the oldest supported one.
on_every_postgres = pytest.mark.parametrize(
    "postgres_kind", ["embedded", pytest.param("system", marks=needs_system_postgres)]
)


class PostgresServers:
    """The session's servers, each started when it is first asked for.

    They live in a thread of their own, so that tests may run on any event loop.
    """

    def __init__(self, portal: BlockingPortal, stack: ExitStack, place: Path) -> None:
        self._portal = portal
        self._stack = stack
        self._place = place
        self._servers: dict[PostgresKind, EmbeddedPostgres] = {}
        self._migrated: set[PostgresKind] = set()
        self._numbers = itertools.count(1)

    def server(self, kind: PostgresKind = "embedded") -> EmbeddedPostgres:
        if kind not in self._servers:
            binaries = SYSTEM_POSTGRES_BINARIES if kind == "system" else None
            started = EmbeddedPostgres.start(self._place / kind, binaries=binaries, durable=False)
            self._servers[kind] = self._stack.enter_context(self._portal.wrap_async_context_manager(started))
        return self._servers[kind]

    def migrated_template(self, kind: PostgresKind = "embedded") -> str:
        """The name of a database with our schema in it, to copy from."""
        # alembic and sqlalchemy: the core's tests, which ask for no database, begin sooner without them.
        from daemon.adapters.postgres.migrate import migrate  # noqa: PLC0415

        if kind not in self._migrated:
            self._portal.call(_execute, self.server(kind).dsn, f'CREATE DATABASE "{MIGRATED}"')
            self._portal.call(migrate, self.server(kind).dsn_of(MIGRATED))
            self._migrated.add(kind)
        return MIGRATED

    @contextmanager
    def database(self, kind: PostgresKind = "embedded", *, template: str = "template0") -> Iterator[str]:
        """A database that is gone afterwards; gives its DSN."""
        server = self.server(kind)
        name = f"test_{next(self._numbers)}"
        self._portal.call(_execute, server.dsn, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield server.dsn_of(name)
        finally:
            self._portal.call(_execute, server.dsn, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def postgres_servers() -> Iterator[PostgresServers]:
    with tempfile.TemporaryDirectory(prefix="pg-") as place, start_blocking_portal() as portal, ExitStack() as stack:
        yield PostgresServers(portal, stack, Path(place))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def ask(dsn: str, query: str) -> object:
    """Ask for one value."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
