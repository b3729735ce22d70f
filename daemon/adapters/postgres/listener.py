"""Hears what is notified on `syncd_wake`, on a connection of its own that is opened again whenever it is lost."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import asyncpg

from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId

Wake = tuple[PartnerId, str]
CHANNEL: Final = "syncd_wake"
KINDS: Final = ("connection", "reread", "push")
_PING_AFTER_S: Final = 30.0
"""So long without a word, and the connection is asked whether it still lives: a cut cable tells nothing."""
_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class Listener:
    """Yields wakes; equal ones that were not taken yet are told once.

    What was notified while the connection was lost is gone, so a new connection wakes every partner for everything.
    """

    def __init__(
        self,
        dsn: str,
        partners: Callable[[], Awaitable[tuple[PartnerId, ...]]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._dsn = dsn
        self._partners = partners
        self._sleep = sleep
        self._pending: dict[Wake, None] = {}
        self._news = anyio.Event()
        self._lost = False

    @asynccontextmanager
    async def wakes(self) -> AsyncIterator[AsyncIterator[Wake]]:
        """Listen until the context is left. Raises StoreUnavailable when the first connection fails."""
        connection = await self._connect()
        state = _Held(connection)
        try:
            yield self._iterate(state)
        finally:
            state.connection.terminate()

    async def _iterate(self, held: "_Held") -> AsyncIterator[Wake]:
        while True:
            while self._pending:
                wake = next(iter(self._pending))
                del self._pending[wake]
                yield wake
            if self._lost or not await self._is_alive(held.connection):
                held.connection.terminate()
                held.connection = await self._reconnect()

    async def _is_alive(self, connection: asyncpg.Connection) -> bool:
        """Wait for news, or for the time to ask whether there can still be any."""
        with anyio.move_on_after(_PING_AFTER_S):
            await self._news.wait()
        self._news = anyio.Event()
        if self._pending or self._lost:
            return True
        try:
            await connection.execute("SELECT", timeout=_PING_AFTER_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            return False
        return True

    async def _reconnect(self) -> asyncpg.Connection:
        attempt = 0
        while True:
            try:
                connection = await self._connect()
                for partner_id in await self._partners():
                    self._pending.update({(partner_id, kind): None for kind in KINDS})
                return connection
            except StoreUnavailable:
                await self._sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1

    async def _connect(self) -> asyncpg.Connection:
        self._lost = False
        try:
            connection = await asyncpg.connect(
                self._dsn, timeout=10, server_settings={"application_name": "freshbooks-syncd listener"}
            )
            connection.add_termination_listener(self._on_end)
            await connection.add_listener(CHANNEL, self._on_notice)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise StoreUnavailable(f"Postgres cannot be listened to now: {error}") from error
        return connection

    def _on_notice(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:  # noqa: ANN401
        partner_id, _, kind = str(payload).partition(":")
        self._pending[PartnerId(partner_id), kind] = None
        self._news.set()

    def _on_end(self, _connection: Any) -> None:  # noqa: ANN401 -- asyncpg names either of its connection types
        self._lost = True
        self._news.set()


class _Held:
    """The connection in use, which a reconnect replaces."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
