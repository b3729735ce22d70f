"""When each feed runs next, worked out from what is stored, so that a restart, a reload and Sync now always agree."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import assert_never

from daemon.core.backfill import Cursor, Feed
from daemon.core.model.quick import replace
from daemon.core.policy import Policy, PullPolicy
from daemon.core.state import Connection, ConnectionStatus

REST = 1 / 4
"""A run that outlasts its interval leaves this share of it to the feeds that wait behind it."""


def with_deadlines(
    cursors: Iterable[Cursor], connection: Connection, now: datetime, policy: PullPolicy
) -> tuple[Cursor, ...]:
    """Give every feed its cursor, and every feed that waits its deadline; a run that is not closed keeps its cursor."""
    kept = {cursor.feed: cursor for cursor in cursors}
    known = {feed: kept.get(feed) or Cursor(feed=feed) for feed in Feed}
    return tuple(
        cursor if cursor.is_running or cursor.is_unfinished else _with_deadline(cursor, known, connection, now, policy)
        for cursor in known.values()
    )


def refresh_at(expires_at: datetime | None, now: datetime, policy: Policy) -> datetime:
    """Tell when to refresh, well before expiry: by the policy's margin, or a quarter of a life that is shorter."""
    if expires_at is None:
        return now
    return expires_at - min(policy.token_refresh_margin, max(expires_at - now, timedelta(0)) / 4)


def _with_deadline(
    cursor: Cursor, known: Mapping[Feed, Cursor], connection: Connection, now: datetime, policy: PullPolicy
) -> Cursor:
    is_connected = connection.status is ConnectionStatus.CONNECTED
    match cursor.feed:
        case Feed.BACKFILL:
            return _due(cursor, None if cursor.finished_at else _at_once(cursor, now))
        case Feed.CLOSING:
            return _closing(cursor, now, is_wanted=not is_connected and known[Feed.BACKFILL].finished_at is not None)
        case Feed.PAYMENTS | Feed.INVOICES:
            interval = policy.payments_interval if cursor.feed is Feed.PAYMENTS else policy.invoices_interval
            first = known[Feed.BACKFILL].began_at or (now - interval if is_connected else None)
            return _due(cursor, _live(cursor, first, interval, connection.sync_asked_at, now))
        case Feed.CENSUS:
            interval = policy.census_interval
            first = known[Feed.CLOSING].finished_at or now - interval
            return _due(cursor, _next(cursor, first, interval, now) if is_connected else None)
        case _:
            assert_never(cursor.feed)


def _due(cursor: Cursor, due_at: datetime | None) -> Cursor:
    """Give the cursor another deadline; most keep theirs, and are the same value then."""
    return cursor if cursor.due_at == due_at else replace(cursor, due_at=due_at)


def _live(
    cursor: Cursor, first: datetime | None, interval: timedelta, asked_at: datetime | None, now: datetime
) -> datetime | None:
    """Follow changes only once the backfill has begun: what it reads later needs no following (C3)."""
    if first is None:
        return None
    is_asked = asked_at is not None and (cursor.began_at is None or cursor.began_at < asked_at)
    return _at_once(cursor, now) if is_asked else _next(cursor, first, interval, now)


def _closing(cursor: Cursor, now: datetime, *, is_wanted: bool) -> Cursor:
    """A partner stays Pending only while a closing pass is due or running: nothing else could end it (C3)."""
    if not is_wanted:
        return _due(cursor, None)
    # A closing pass that has no deadline had ended an earlier initial sync: this one counts its passes anew (C6).
    return replace(cursor, due_at=_at_once(cursor, now), runs=cursor.runs if cursor.due_at else 0)


def _next(cursor: Cursor, first: datetime, interval: timedelta, now: datetime) -> datetime:
    """An interval after the last run began, but never further off than an interval: the clock may have been wrong."""
    due_at = (cursor.began_at or first) + interval
    if cursor.finished_at is not None:
        due_at = max(due_at, cursor.finished_at + interval * REST)
    return min(due_at, now + interval)


def _at_once(cursor: Cursor, now: datetime) -> datetime:
    return now if cursor.due_at is None else min(cursor.due_at, now)
