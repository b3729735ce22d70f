"""When each feed is due: a function of what is stored, the same after a restart, a reload and a press of Sync now."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from daemon.core import events
from daemon.core.backfill import Cursor, Feed
from daemon.core.deadlines import refresh_at, with_deadlines
from daemon.core.effects import RereadObjects
from daemon.core.state import Connection, Lane
from daemon.core.transition import HEAD_START
from tests.core.supervisors import (
    NOW,
    POLICY,
    TOKEN_LIFE,
    connected_connection,
    finished,
    history,
    in_flight,
    minutes,
    pending_connection,
    running,
    settled,
    step_syncing,
)

DAY = timedelta(days=1)


def due(feed: Feed, connection: Connection, now: datetime = NOW) -> datetime | None:
    cursors = with_deadlines(connection.cursors, connection, now, POLICY.pull)
    assert [cursor.feed for cursor in cursors] == list(Feed)
    return next(cursor.due_at for cursor in cursors if cursor.feed is feed)


def with_feed(cursor: Cursor, **changes: object) -> Connection:
    others = tuple(other for other in history() if other.feed is not cursor.feed)
    return connected_connection(cursors=(*others, cursor), **changes)


FRESH = pending_connection()
BEGUN = pending_connection(cursors=(running(Feed.BACKFILL, NOW - minutes(2)),))
READ = pending_connection(cursors=(finished(Feed.BACKFILL, NOW - minutes(30)),))
DONE = connected_connection()

ROWS: list[tuple[str, Feed, Connection, datetime | None]] = [
    ("a backfill that never began is due now", Feed.BACKFILL, FRESH, NOW),
    ("a backfill that ended never comes back", Feed.BACKFILL, READ, None),
    ("no closing pass before the backfill began", Feed.CLOSING, FRESH, None),
    ("no closing pass before the backfill ended", Feed.CLOSING, BEGUN, None),
    ("a closing pass after the backfill", Feed.CLOSING, READ, NOW),
    ("no closing pass once connected", Feed.CLOSING, DONE, None),
    ("payments every few minutes", Feed.PAYMENTS, DONE, NOW + minutes(1)),
    ("invoices hourly", Feed.INVOICES, DONE, NOW + minutes(50)),
    ("payments first an interval after the backfill began", Feed.PAYMENTS, BEGUN, NOW + minutes(1)),
    ("invoices first an interval after the backfill began", Feed.INVOICES, READ, NOW + minutes(30)),
    ("payments wait for the backfill to begin", Feed.PAYMENTS, FRESH, None),
    (
        "payments at once where no backfill can be dated",
        Feed.PAYMENTS,
        connected_connection(cursors=()),
        NOW,
    ),
    ("no census while pending", Feed.CENSUS, READ, None),
    (
        "the first census a week after connecting",
        Feed.CENSUS,
        DONE,
        NOW - minutes(99) + 7 * DAY,
    ),
    ("a census weekly", Feed.CENSUS, with_feed(finished(Feed.CENSUS, NOW - DAY)), NOW + 6 * DAY),
    (
        "a census at once where none can be dated",
        Feed.CENSUS,
        connected_connection(cursors=()),
        NOW,
    ),
    (
        "a run that outlasts its interval leaves a quarter of it to the others",
        Feed.INVOICES,
        with_feed(finished(Feed.INVOICES, NOW - minutes(95), seconds=90 * 60)),
        NOW + minutes(10),
    ),
    (
        "a run that began on a clock ahead of ours is due within an interval",
        Feed.INVOICES,
        with_feed(finished(Feed.INVOICES, NOW + 300 * DAY)),
        NOW + minutes(60),
    ),
    (
        "Sync now is due at once",
        Feed.INVOICES,
        connected_connection(sync_asked_at=NOW),
        NOW,
    ),
    (
        "Sync now is served by a run that began after it",
        Feed.INVOICES,
        connected_connection(sync_asked_at=NOW - minutes(10)),
        NOW + minutes(50),
    ),
    (
        "Sync now starts a feed that never ran",
        Feed.PAYMENTS,
        replace(BEGUN, sync_asked_at=NOW),
        NOW,
    ),
    (
        "Sync now waits for the backfill to begin",
        Feed.PAYMENTS,
        pending_connection(sync_asked_at=NOW),
        None,
    ),
    (
        "Sync now does not postpone what is overdue",
        Feed.PAYMENTS,
        with_feed(replace(finished(Feed.PAYMENTS, NOW - DAY), due_at=NOW - minutes(5)), sync_asked_at=NOW),
        NOW - minutes(5),
    ),
]


@pytest.mark.parametrize(("feed", "connection", "at"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_feed_is_due(feed: Feed, connection: Connection, at: datetime | None) -> None:
    assert due(feed, connection) == at


@pytest.mark.parametrize("connection", [FRESH, BEGUN, READ, DONE])
def test_deadlines_worked_out_twice_are_the_same(connection: Connection) -> None:
    once = with_deadlines(connection.cursors, connection, NOW, POLICY.pull)
    assert with_deadlines(once, connection, NOW, POLICY.pull) == once


def test_a_run_that_is_not_closed_keeps_its_cursor() -> None:
    for cursor in (running(Feed.PAYMENTS), replace(running(Feed.PAYMENTS), queue=())):
        cursors = with_deadlines((*history()[:2], cursor), DONE, NOW + DAY, POLICY.pull)
        assert cursor in cursors


def test_a_closing_pass_counts_on_while_it_is_repeated_and_anew_when_one_had_ended() -> None:
    ended = finished(Feed.CLOSING, NOW - minutes(9), runs=4)
    for due_at, runs in ((NOW, 4), (None, 0)):
        connection = replace(READ, cursors=(*READ.cursors, replace(ended, due_at=due_at)))
        cursors = with_deadlines(connection.cursors, connection, NOW, POLICY.pull)
        assert next(cursor for cursor in cursors if cursor.feed is Feed.CLOSING).runs == runs


REFRESHES: list[tuple[str, datetime | None, datetime]] = [
    ("unknown expiry: now", None, NOW),
    ("a long life: the margin before", NOW + TOKEN_LIFE, NOW + TOKEN_LIFE - minutes(60)),
    ("a short life: at three quarters", NOW + minutes(40), NOW + minutes(30)),
    ("expired: overdue", NOW - minutes(1), NOW - minutes(1)),
]


@pytest.mark.parametrize(("expires_at", "at"), [row[1:] for row in REFRESHES], ids=[row[0] for row in REFRESHES])
def test_a_token_is_refreshed_well_before_it_expires(expires_at: datetime | None, at: datetime) -> None:
    assert refresh_at(expires_at, NOW, POLICY) == at


def test_a_payment_on_its_way_has_a_head_start_over_the_decision_about_its_invoice() -> None:
    state, effects = step_syncing(in_flight(settled(), Lane.PUSH), events.RereadAsked())
    assert (state.schedule.reread_at, effects) == (NOW + HEAD_START, [])
    again, _ = step_syncing(state, events.RereadAsked(), NOW + HEAD_START / 2)
    assert again.schedule.reread_at == NOW + HEAD_START  # payments that follow one another do not put it off
    _, effects = step_syncing(again, events.Woke(), NOW + HEAD_START)
    assert [type(effect) for effect in effects] == [RereadObjects]
