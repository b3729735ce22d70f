"""Reads how all partners stand, in one statement."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.core.backfill import Feed
from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, PartnerId
from daemon.core.state import ConnectionStatus

_SQL = queries.load("fleet")
LOT: Final = 100
_FEEDS = {feed.value: feed for feed in Feed}
_KINDS = {kind.value: kind for kind in IssueKind}
_NONE: Final[frozenset[Feed]] = frozenset()
_NOTHING: Final[Mapping[IssueKind, int]] = MappingProxyType({})
"""Nothing runs at most partners, and they have no issue: ten thousand rows share these."""


class FleetStore:
    """What is read across partners; every method raises StoreUnavailable."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def fleet(self) -> tuple[FleetRow, ...]:
        """Tell how every partner stands, connected or not, in the order of their ids.

        In lots: of thousands at once, everybody else's work would wait until all of them were made.
        """
        async with self._source.transaction() as connection:
            return tuple([_row(row) async for row in connection.cursor(_SQL["fleet"], prefetch=LOT)])

    async def ping(self) -> None:
        """Ask Postgres for nothing, to see that it answers."""
        async with self._source.connection() as connection:
            await connection.execute("SELECT")


def _row(row: asyncpg.Record) -> FleetRow:
    status = ConnectionStatus(row["status"])
    cursors: Mapping[str, Mapping[str, Any]] = row["cursors"]
    return FleetRow(
        partner_id=PartnerId(row["partner_id"]),
        name=row["name"],
        status=status,
        parked=row["parked_reason"],
        paused=row["paused"],
        percent=_percent(status, cursors),
        last_success_at=row["last_success_at"],
        ended_at=tuple(_ended_at(cursors.get(feed)) for feed in _FEEDS),
        running=frozenset(_FEEDS[feed] for feed, cursor in cursors.items() if _is_running(feed, cursor)) or _NONE,
        unpushed=row["unpushed"],
        oldest_unpushed_at=row["oldest_unpushed_at"],
        waiting=row["waiting"],
        owner=row["owner"],
        verified_at=row["verified_at"],
        drift=row["drift"],
        issues={_KINDS[kind]: count for kind, count in row["issues"].items() if kind in _KINDS} or _NOTHING,
    )


def _percent(status: ConnectionStatus, cursors: Mapping[str, Mapping[str, Any]]) -> int:
    """Tell the initial sync's progress; 100 only once a closing pass found nothing new (C3)."""
    if status is ConnectionStatus.CONNECTED:
        return 100
    percent: int = cursors.get(Feed.BACKFILL, {}).get("percent") or 0
    return min(percent, 99)


def _is_running(feed: str, cursor: Mapping[str, Any]) -> bool:
    return feed in _FEEDS and bool(cursor["began_at"]) and not cursor["finished_at"]


def _ended_at(cursor: Mapping[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(cursor["finished_at"]) if cursor and cursor["finished_at"] else None
