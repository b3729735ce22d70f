"""Hears what is notified, on a connection of its own that is opened again whenever it is lost."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any, Final

import anyio
import asyncpg

from daemon.adapters.postgres import page_news
from daemon.adapters.postgres.page_news import PageNews
from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId

Wake = tuple[PartnerId, str]
CHANNEL: Final = "syncd_wake"
KINDS: Final = ("connection", "reread", "push", "verify")
PING_AFTER_S: Final = 30.0
"""So long without a word, and the connection is asked whether it still lives: a cut cable tells nothing."""
_LOST: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # TimeoutError is one
)
_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class Listener:
    """Yields wakes; equal ones that were not taken yet are told once. What changed under open pages goes to `pages`.

    What was notified while the connection was lost is gone, so a new connection wakes every partner for everything.
    """

    def __init__(
        self,
        dsn: str,
        partners: Callable[[], Awaitable[tuple[PartnerId, ...]]],
        sleep: Callable[[float], Awaitable[None]],
        ping_after_s: float = PING_AFTER_S,
        pages: PageNews | None = None,
    ) -> None:
        self._pages = pages
        self._ping_after_s = ping_after_s
        self._dsn = dsn
        self._partners = partners
        self._sleep = sleep
        self._pending: dict[Wake, None] = {}
        self._news = anyio.Event()
        self._connection: asyncpg.Connection | None = None
        self._is_lost = False

    @asynccontextmanager
    async def wakes(self) -> AsyncIterator[AsyncIterator[Wake]]:
        """Listen until the context is left. Raises StoreUnavailable when the first connection fails."""
        self._connection = await self._connect()
        try:
            yield self._iterate()
        finally:
            self._connection.terminate()

    async def _iterate(self) -> AsyncIterator[Wake]:
        while True:
            while self._pending:
                wake = next(iter(self._pending))
                del self._pending[wake]
                yield wake
            if not await self._is_alive():
                await self._reconnect()

    async def _is_alive(self) -> bool:
        """Wait for news, or for the time to ask whether there can still be any."""
        with anyio.move_on_after(self._ping_after_s) as silence:
            await self._news.wait()
        self._news = anyio.Event()
        if self._is_lost:
            return False
        if not silence.cancelled_caught:
            return True
        try:
            await self._listening.execute("SELECT", timeout=self._ping_after_s)
        except _LOST:
            return False
        return True

    @property
    def _listening(self) -> asyncpg.Connection:
        if self._connection is None:
            raise RuntimeError("enter `wakes` first")
        return self._connection

    async def _reconnect(self) -> None:
        self._listening.terminate()
        for wait_s in chain(_RETRY_S, repeat(_RETRY_S[-1])):
            try:
                self._connection = await self._connect()
                for partner_id in await self._partners():
                    self._pending.update({(partner_id, kind): None for kind in KINDS})
                if self._pages is not None:
                    self._pages.missed()
                return
            except StoreUnavailable:
                self._listening.terminate()
                await self._sleep(wait_s)

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(
                self._dsn, timeout=10, server_settings={"application_name": "freshbooks-syncd listener"}
            )
            await connection.add_listener(CHANNEL, self._on_notice)
            if self._pages is not None:
                await connection.add_listener(page_news.CHANNEL, self._on_page_news)
        except _LOST as error:
            raise StoreUnavailable(f"Postgres cannot be listened to now: {error}") from error
        self._is_lost = False
        connection.add_termination_listener(self._on_end)
        return connection

    def _on_notice(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:  # noqa: ANN401
        partner_id, _, kind = str(payload).partition(":")
        self._pending[PartnerId(partner_id), kind] = None
        self._news.set()

    def _on_page_news(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:  # noqa: ANN401
        if self._pages is not None:
            self._pages.hear(str(payload))

    def _on_end(self, connection: Any) -> None:  # noqa: ANN401 -- asyncpg names either of its connection types
        if connection is self._connection:
            self._is_lost = True
            self._news.set()
