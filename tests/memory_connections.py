"""The connections in memory: who is connected, and who is told of what changed."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import anyio

from daemon.core.backfill import Cursor, Feed
from daemon.core.issues import LISTING, listings_of
from daemon.core.model import FbPayment, Issue, IssueKind, PartnerId, PaymentId, Scope
from daemon.core.state import Connection, ConnectionStatus
from daemon.core.take_back import Standing
from tests.memory_books import Books

A_MONTH = timedelta(days=30)


class MemoryConnections:
    """Fulfils `ConnectionStore`."""

    def __init__(self, fail: Callable[[str], None]) -> None:
        self.connections: dict[PartnerId, Connection] = {}
        self.books: dict[PartnerId, Books] = {}
        self.listeners: list[anyio.abc.ObjectSendStream[tuple[PartnerId, str]]] = []
        self.fail = fail

    def connect(self, connection: Connection) -> None:
        """Store a consent."""
        self.connections[connection.partner_id] = connection
        self.books.setdefault(connection.partner_id, Books())
        self.notify(connection.partner_id, "connection")

    def notify(self, partner_id: PartnerId, kind: str) -> None:
        """Wake whoever listens."""
        for listener in self.listeners:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.WouldBlock):
                listener.send_nowait((partner_id, kind))  # type: ignore[attr-defined]

    async def partners(self) -> tuple[PartnerId, ...]:
        self.fail("partners")
        wanted = {ConnectionStatus.PENDING, ConnectionStatus.CONNECTED}
        return tuple(key for key, row in self.connections.items() if row.status in wanted)

    async def connection(self, partner_id: PartnerId) -> Connection:
        self.fail("connection")
        return replace(self.connections[partner_id], cursors=tuple(self.books[partner_id].cursors.values()))

    async def mark_connected(self, scope: Scope, now: datetime) -> None:
        del now
        self.fail("mark_connected")
        self._change(scope.partner_id, status=ConnectionStatus.CONNECTED)

    async def park(self, scope: Scope, reason: str, now: datetime) -> None:
        del now
        self._change(scope.partner_id, parked=reason)

    async def unpark(self, scope: Scope) -> None:
        self._change(scope.partner_id, parked=None)

    async def disconnected(self, partner_id: PartnerId, now: datetime) -> None:
        del now
        self._change(partner_id, status=ConnectionStatus.NOT_CONNECTED, disconnecting=False)

    async def finish_run(
        self,
        scope: Scope,
        feed: Feed,
        cursor: Cursor,
        outcome: str,
        *,
        kept: timedelta = A_MONTH,
        error: str = "",
    ) -> None:
        books = self.books[scope.partner_id]
        books.runs.append((feed, cursor, outcome))
        for listing in listings_of(feed) if outcome == "complete" else ():
            books.issues.pop((IssueKind.FILTER_IGNORED, (LISTING, listing)), None)

    async def to_take_back(self, scope: Scope, payment_id: PaymentId) -> Standing | None:
        return None

    async def taken_back(self, scope: Scope, standing: Standing, record: FbPayment) -> None:
        raise AssertionError("nothing is taken back here")

    async def raise_issue(self, scope: Scope, issue: Issue) -> None:
        self.books[scope.partner_id].issues[issue.kind, issue.subject] = issue

    @contextlib.asynccontextmanager
    async def wakes(self) -> AsyncIterator[AsyncIterator[tuple[PartnerId, str]]]:
        send, receive = anyio.create_memory_object_stream[tuple[PartnerId, str]](1000)
        self.listeners.append(send)
        try:
            async with send, receive:
                yield receive
        finally:
            self.listeners.remove(send)

    def _books_of(self, partner_id: PartnerId) -> Books:
        return self.books[partner_id]

    def _change(self, partner_id: PartnerId, **changes: Any) -> None:
        self.connections[partner_id] = replace(self.connections[partner_id], **changes)
