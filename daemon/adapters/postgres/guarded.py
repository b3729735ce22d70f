"""A member's own connection to Postgres: the lock on it says that the process lives."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import APPLICATION, translated
from daemon.core.errors import StoreUnavailable

_SQL = queries.load("leases")
COMMAND_TIMEOUT_S: Final = 4.0
"""Less than a lease lives: a Postgres that does not answer is noticed while the lease is still trusted."""
IDLE_S: Final = 1.0
"""A process that is frozen within a transaction here holds up all others, who would wait for it until they are frozen
themselves, or give up. Postgres ends it after so long."""


class GuardedConnection:
    """One connection that holds an advisory lock for as long as it lives, so that the others notice a crash at once."""

    def __init__(self, dsn: str, member_id: str) -> None:
        self._dsn = dsn
        self._member_id = member_id
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> None:
        """Hold the lock that says that this process lives, on a connection that does. Raises StoreUnavailable."""
        if self._connection is not None and not self._connection.is_closed():
            return
        with translated():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=COMMAND_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                server_settings={
                    "application_name": f"{APPLICATION} leases",
                    "timezone": "UTC",
                    "idle_in_transaction_session_timeout": f"{IDLE_S:.0f}s",
                },
            )
            held = await self._connection.fetchval(_SQL["guard"], self._member_id)
        if not held:
            self.close()
            raise StoreUnavailable("Postgres still holds this process' former connection")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend the connection, opened before, with a transaction around it. Raises StoreUnavailable."""
        if self._connection is None:
            raise StoreUnavailable("the leases' connection is not open")
        with translated():
            try:
                async with self._connection.transaction():
                    yield self._connection
            except TimeoutError:
                # What became of the statement is unknown, and so is the state of the connection.
                self.close()
                raise

    async def refuse_elsewhere(self, connection: asyncpg.Connection, coordinator: str) -> None:
        """Raise StoreUnavailable while a living member agrees on leases in another place than this one."""
        other = await connection.fetchrow(_SQL["elsewhere"], coordinator)
        if other is not None:
            raise StoreUnavailable(
                f"{other['name']} works on this database and agrees on leases in {other['coordinator']}, this process "
                f"in {coordinator}: give all processes the same [leases], and stop those that have another"
            )

    def close(self) -> None:
        """Close the connection; whoever still is a member then counts as crashed."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def application_of(member_id: str) -> str:
    """Tell what a member's connections are called."""
    return f"{APPLICATION} {member_id}"
