"""The connections: who is to be supervised, what each has reached, and its runs and issues."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import anyio
import anyio.lowlevel
import asyncpg
import msgspec

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.issue_reconcile import close_issues, open_issue
from daemon.adapters.postgres.pool import Conn, Source
from daemon.adapters.postgres.push_changes import OURSELVES, audit
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import StoreUnavailable
from daemon.core.issues import LISTING, listings_of, reconnect
from daemon.core.model import AccountId, Issue, IssueKind, PartnerId, Scope
from daemon.core.state import Connection, ConnectionStatus

_SQL = queries.load("connections")
A_MONTH: Final = timedelta(days=30)
COMPLETE: Final = "complete"
"""The outcome of a run that read everything it set out to read."""
_READ_TOGETHER: Final = 500
"""So many connections at most are loaded by one query."""
_READS_ALL_CHANGED_INVOICES: Final = frozenset({Feed.INVOICES, Feed.CLOSING, Feed.CENSUS})


class ConnectionStore:
    """Each method is one transaction."""

    _reading: "_Reading | None" = None
    """The next query for connections, while it has not begun."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def partners(self) -> tuple[PartnerId, ...]:
        """List the partners that need a supervisor: every one whose connection is not "not connected"."""
        async with self._source.connection() as connection:
            return tuple(PartnerId(row[0]) for row in await connection.fetch(_SQL["partners"]))

    async def connection(self, partner_id: PartnerId) -> Connection:
        """Load one partner's connection with its cursors; a partner without one is "not connected".

        Whoever asks before the query of somebody else begins is answered by that one: a start asks for thousands.
        """
        reading = self._reading
        if reading is not None and len(reading.partners) < _READ_TOGETHER:
            reading.partners.add(partner_id)
            await reading.done.wait()
        else:
            reading = self._reading = _Reading({partner_id})
            await self._read(reading)
        if reading.found is None:
            raise StoreUnavailable(reading.failure)
        nobody = Connection(partner_id=partner_id, status=ConnectionStatus.NOT_CONNECTED)
        return reading.found.get(partner_id, nobody)

    async def _read(self, reading: "_Reading") -> None:
        """Load whoever has asked by the time that Postgres can be asked; all of them hear what came of it."""
        try:
            async with self._source.connection() as connection:
                await anyio.lowlevel.checkpoint()  # those who are about to ask
                self._close(reading)
                rows = await connection.fetch(_SQL["load"], reading.partners)
                cursors: dict[str, list[Cursor]] = {row["partner_id"]: [] for row in rows}
                for partner_id, value in await connection.fetch(_SQL["cursors"], reading.partners):
                    cursors.setdefault(partner_id, []).append(msgspec.convert(value, Cursor))
            reading.found = {row["partner_id"]: _connection_of(row, tuple(cursors[row["partner_id"]])) for row in rows}
        except StoreUnavailable as error:
            reading.failure = str(error)
        finally:
            self._close(reading)
            reading.done.set()

    def _close(self, reading: "_Reading") -> None:
        if self._reading is reading:
            self._reading = None

    async def mark_connected(self, scope: Scope, now: datetime) -> None:
        """Store that the initial sync is complete (C3) and tell the platform."""
        async with self._source.writing(scope.partner_id) as connection:
            if await connection.fetchval(_SQL["mark_connected"], scope.partner_id, scope.account_id, now):
                await add_event(connection, scope.partner_id, "connected", {"account_id": scope.account_id})
                await _audit_state(connection, scope.partner_id, "finished the initial sync", "all is read")

    async def park(self, scope: Scope, reason: str, now: datetime) -> None:
        """Store that the partner must connect again, open the issue and tell the platform (C7, T4)."""
        async with self._source.writing(scope.partner_id) as connection:
            if await connection.fetchval(_SQL["park"], scope.partner_id, scope.account_id, reason, now):
                await open_issue(connection, scope, reconnect(reason))
                await add_event(connection, scope.partner_id, "reconnect_needed", {"reason": reason})
                await _audit_state(connection, scope.partner_id, "stopped until FreshBooks is connected again", reason)

    async def unpark(self, scope: Scope) -> None:
        """Store that the connection works again, clear the issue and tell the platform."""
        async with self._source.writing(scope.partner_id) as connection:
            if await connection.fetchval(_SQL["unpark"], scope.partner_id, scope.account_id):
                await close_reconnect(connection, scope)
                await add_event(connection, scope.partner_id, "reconnected", {})
                await _audit_state(connection, scope.partner_id, "went on syncing", "FreshBooks takes the tokens again")

    async def disconnected(self, partner_id: PartnerId, now: datetime) -> None:
        """Store that the connection ended and forget its tokens; all else stays (C6)."""
        async with self._source.writing(partner_id) as connection:
            if await connection.fetchval(_SQL["disconnected"], partner_id, now):
                await connection.execute(_SQL["forget_tokens"], partner_id)
                await close_reconnect(connection, Scope(partner_id=partner_id, account_id=AccountId("")))
                await add_event(connection, partner_id, "disconnected", {})
                await _audit_state(connection, partner_id, "ended the connection and forgot its tokens", "asked for")

    async def finish_run(
        self, scope: Scope, feed: Feed, cursor: Cursor, outcome: str, *, kept: timedelta = A_MONTH, error: str = ""
    ) -> None:
        """Append to the sync history a run that is complete, or fails since now and why; drop what is too old (T3).

        A complete pass over the invoices dates all that it found unchanged; and whatever it listed was what was asked.
        """
        ended = cursor.finished_at or cursor.began_at
        if ended is None:
            raise ValueError(f"a run of {feed} that never began cannot end")
        complete = outcome == COMPLETE
        async with self._source.fenced(scope.partner_id) as connection:
            await connection.execute(
                _SQL["add_run"],
                scope.partner_id,
                scope.account_id,
                feed.value,
                stage_of(cursor),
                cursor.began_at,
                ended,
                outcome,
                cursor.pages_done,
                cursor.read,
                cursor.changed,
                error,
            )
            await connection.execute(_SQL["drop_old_runs"], scope.partner_id, ended - kept)
            await connection.execute(
                _SQL["mark_run"],
                scope.partner_id,
                scope.account_id,
                ended,
                ended if complete else None,
                cursor.began_at if complete and feed in _READS_ALL_CHANGED_INVOICES else None,
            )
            if complete:
                await close_issues(connection, scope, IssueKind.FILTER_IGNORED, LISTING, listings_of(feed))

    async def raise_issue(self, scope: Scope, issue: Issue) -> None:
        """Open an issue, or refresh the open one of the same kind and subject."""
        async with self._source.writing(scope.partner_id) as connection:
            await open_issue(connection, scope, issue)


@dataclass(slots=True, eq=False)
class _Reading:
    """A query for some connections, and what came of it: `found` is None when it failed, or was given up."""

    partners: set[PartnerId]
    found: dict[str, Connection] | None = None
    failure: str = "the query was given up: ask again"
    done: anyio.Event = field(default_factory=anyio.Event)


async def add_event(connection: Conn, partner_id: PartnerId, kind: str, data: dict[str, str]) -> None:
    """Tell the platform what happened to the connection (T4)."""
    await connection.execute(_SQL["add_event"], partner_id, kind, data)


async def _audit_state(connection: Conn, partner_id: PartnerId, what: str, why: str) -> None:
    await audit(connection, partner_id, who=OURSELVES, what=what, subject="connection", why=why)


async def close_reconnect(connection: Conn, scope: Scope) -> None:
    """Close the issue that asks the partner to connect again."""
    kind, identifier = reconnect("").subject
    await close_issues(connection, scope, IssueKind.RECONNECT, kind, [identifier])


def stage_of(cursor: Cursor) -> str:
    """Name what a cursor reads now, such as "invoices, deleted"; empty when nothing remains."""
    if not cursor.queue:
        return ""
    listing = cursor.queue[0]
    return f"{listing.resource.value}, deleted" if listing.deleted else listing.resource.value


def _connection_of(row: asyncpg.Record, cursors: tuple[Cursor, ...]) -> Connection:
    partner_id = PartnerId(row["partner_id"])
    status = ConnectionStatus(row["status"])
    connected = status is not ConnectionStatus.NOT_CONNECTED
    return Connection(
        partner_id=partner_id,
        status=status,
        scope=Scope(partner_id=partner_id, account_id=AccountId(row["account_id"])) if connected else None,
        parked=row["parked_reason"],
        disconnecting=row["disconnecting"],
        accounts_chosen=row["accounts_chosen"],
        token_expires_at=row["expires_at"],
        epoch=row["epoch"],
        timezone=row["timezone"],
        business_uuid=row["business_uuid"],
        cursors=cursors,
        sync_asked_at=row["sync_asked_at"],
        paused=row["paused"],
        push_open=row["push_open"],
    )
