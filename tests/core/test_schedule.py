"""Which effect each lane starts, in which order, and when a supervisor wakes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.effects import CountPages, Effect, EnsureCallbacks, LaneEffect, ListAccounts, PullPages, RereadObjects
from daemon.core.model import Resource
from daemon.core.schedule import EPOCH, lane_of, may_go_on, start_work, wake_at, with_cursor, with_lane
from daemon.core.state import Connection, Lane, LaneState, NotConnected, Schedule, State, Syncing, cursor_of
from tests.core.supervisors import (
    NOW,
    POLICY,
    SCOPE,
    calm,
    connected_connection,
    finished,
    history,
    in_flight,
    minutes,
    pending_connection,
    running,
    settled,
    syncing,
    with_cursors,
)


def started(state: Syncing, now: datetime = NOW) -> list[LaneEffect]:
    return start_work(state, now, POLICY)[1]


def pulled(state: Syncing, now: datetime = NOW) -> Cursor:
    """The cursor that the pull lane goes on with."""
    effects = [effect for effect in started(state, now) if isinstance(effect, PullPages | CountPages)]
    assert len(effects) == 1
    return effects[0].cursor


def reading(connection: Connection, now: datetime) -> Syncing:
    """A state in which only the feeds have something to do."""
    return replace(syncing(connection, now), schedule=Schedule(token_until=now + minutes(9)))


def days_asked(passes: Sequence[Pass]) -> set[date | None]:
    return {listing.updated_from for listing in passes if listing.resource is not Resource.CREDITS}


# ---- what goes first -------------------------------------------------------------------------------------------------

RUNS = {feed: running(feed) for feed in Feed}
ORDER: list[tuple[str, Syncing, Effect]] = [
    (
        "an object that is asked for goes before everything",
        with_cursors(settled(reread_at=NOW, accounts_at=NOW), *RUNS.values()),
        RereadObjects(scope=SCOPE),
    ),
    (
        "the chart of accounts goes before the feeds",
        with_cursors(settled(accounts_at=NOW), *RUNS.values()),
        ListAccounts(scope=SCOPE),
    ),
    (
        "the doorbells go before the feeds",
        with_cursors(settled(callbacks_at=NOW), *RUNS.values()),
        EnsureCallbacks(scope=SCOPE),
    ),
    (
        "payments go before invoices",
        with_cursors(settled(), *RUNS.values()),
        PullPages(scope=SCOPE, cursor=RUNS[Feed.PAYMENTS]),
    ),
    (
        "invoices go before the census",
        with_cursors(settled(), RUNS[Feed.INVOICES], RUNS[Feed.CENSUS]),
        PullPages(scope=SCOPE, cursor=RUNS[Feed.INVOICES]),
    ),
    (
        "what lives goes before the backfill",
        with_cursors(calm(pending_connection()), RUNS[Feed.INVOICES], RUNS[Feed.BACKFILL]),
        PullPages(scope=SCOPE, cursor=RUNS[Feed.INVOICES]),
    ),
    (
        "the backfill goes before the closing pass",
        with_cursors(calm(pending_connection()), RUNS[Feed.BACKFILL], RUNS[Feed.CLOSING]),
        PullPages(scope=SCOPE, cursor=RUNS[Feed.BACKFILL]),
    ),
    (
        "the closing pass is read while pending",
        with_cursors(calm(pending_connection(cursors=history())), RUNS[Feed.CLOSING]),
        PullPages(scope=SCOPE, cursor=RUNS[Feed.CLOSING]),
    ),
    (
        "the census is read once connected",
        with_cursors(settled(), RUNS[Feed.CENSUS]),
        PullPages(scope=SCOPE, cursor=RUNS[Feed.CENSUS]),
    ),
]


@pytest.mark.parametrize(("state", "effect"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_the_pull_lane_reads_first_things_first(state: Syncing, effect: Effect) -> None:
    assert started(state) == [effect]


POLLING = in_flight(with_cursors(settled(), RUNS[Feed.INVOICES]), Lane.PULL)
GOES_ON: list[tuple[str, State, Feed, bool]] = [
    ("a poll goes on with its next listing", POLLING, Feed.INVOICES, True),
    (
        "not while an object is asked for",
        replace(POLLING, schedule=replace(POLLING.schedule, reread_at=NOW)),
        Feed.INVOICES,
        False,
    ),
    ("not while a more urgent feed is due", with_cursors(POLLING, RUNS[Feed.PAYMENTS]), Feed.INVOICES, False),
    (
        "not while paused",
        replace(POLLING, connection=replace(POLLING.connection, paused=True)),
        Feed.INVOICES,
        False,
    ),
    ("not without a token", replace(POLLING, schedule=Schedule()), Feed.INVOICES, False),
    ("not once disconnected", NotConnected(partner_id=SCOPE.partner_id), Feed.INVOICES, False),
    *(
        (f"the {feed} is stored page by page", with_cursors(calm(pending_connection()), RUNS[feed]), feed, False)
        for feed in (Feed.BACKFILL, Feed.CLOSING)
    ),
    ("the census is stored page by page", with_cursors(settled(), RUNS[Feed.CENSUS]), Feed.CENSUS, False),
]


@pytest.mark.parametrize(("state", "feed", "goes_on"), [row[1:] for row in GOES_ON], ids=[row[0] for row in GOES_ON])
def test_a_poll_that_found_nothing_new_goes_on_while_nothing_more_urgent_is_due(
    state: State, feed: Feed, *, goes_on: bool
) -> None:
    assert may_go_on(state, feed, NOW) is goes_on


def test_a_feed_that_is_due_interrupts_a_backfill_between_two_pages_and_loses_none_of_it() -> None:
    state = calm(pending_connection(cursors=(RUNS[Feed.BACKFILL],)))
    later = NOW + POLICY.pull.payments_interval
    state, effects = start_work(state, later, POLICY)
    assert [e.cursor.feed for e in effects if isinstance(e, PullPages)] == [Feed.PAYMENTS]
    assert cursor_of(state, Feed.BACKFILL) == RUNS[Feed.BACKFILL]


def test_a_listing_that_always_fails_does_not_hold_up_the_others() -> None:
    state = with_cursors(settled(reread_at=NOW, accounts_at=NOW), RUNS[Feed.PAYMENTS], RUNS[Feed.INVOICES])
    order: list[object] = []
    for failures in range(5):
        turn = with_lane(state, Lane.PULL, LaneState(failures=failures, not_before=NOW))
        effect = started(turn)[0]
        order.append(effect.cursor.feed if isinstance(effect, PullPages) else type(effect))
    assert order == [RereadObjects, ListAccounts, Feed.PAYMENTS, Feed.INVOICES, RereadObjects]


# ---- how a run begins ------------------------------------------------------------------------------------------------


def test_a_fresh_backfill_is_counted_before_it_is_read() -> None:
    effects = started(calm(pending_connection()))
    assert [type(effect) for effect in effects] == [CountPages]
    begun = start_work(calm(pending_connection()), NOW, POLICY)[0]
    assert cursor_of(begun, Feed.BACKFILL).began_at == NOW


def test_the_initial_sync_begins_with_the_last_months_by_the_calendar_of_freshbooks() -> None:
    late_evening_in_new_york = datetime(2027, 3, 1, 3, 0, tzinfo=UTC)
    cursor = pulled(reading(pending_connection(), late_evening_in_new_york), late_evening_in_new_york)
    recent = [listing.issued_from for listing in cursor.queue if listing.resource is Resource.INVOICES]
    assert recent[0] == date(2026, 2, 28)


def test_a_run_keeps_the_page_size_that_it_began_with() -> None:
    policy = replace(POLICY, pull=replace(POLICY.pull, page_size=50))
    state = settled()
    begun, _ = start_work(state, NOW + minutes(2), policy)
    assert cursor_of(begun, Feed.PAYMENTS).page_size == 50


DAYS = [
    ("in winter, five hours behind", datetime(2026, 1, 15, 4, 59, tzinfo=UTC), date(2026, 1, 12)),
    ("a minute later it is the next day there", datetime(2026, 1, 15, 5, 0, tzinfo=UTC), date(2026, 1, 13)),
    ("in summer, four hours behind", datetime(2026, 7, 15, 4, 0, tzinfo=UTC), date(2026, 7, 13)),
    ("a minute earlier it is the day before", datetime(2026, 7, 15, 3, 59, tzinfo=UTC), date(2026, 7, 12)),
    ("a day after spring forward", datetime(2026, 3, 9, 4, 30, tzinfo=UTC), date(2026, 3, 6)),
    ("in the hour that spring skips", datetime(2026, 3, 8, 7, 30, tzinfo=UTC), date(2026, 3, 6)),
    ("in the autumn hour that repeats", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), date(2026, 10, 30)),
    ("in its repetition", datetime(2026, 11, 1, 6, 30, tzinfo=UTC), date(2026, 10, 30)),
    ("two days after fall back", datetime(2026, 11, 3, 4, 30, tzinfo=UTC), date(2026, 11, 1)),
]


@pytest.mark.parametrize(("began_at", "day"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS])
@pytest.mark.parametrize("feed", [Feed.PAYMENTS, Feed.INVOICES])
def test_changes_are_asked_from_two_days_before_the_last_run_began_as_new_york_counts_days(
    feed: Feed, began_at: datetime, day: date
) -> None:
    later = began_at + timedelta(days=9)
    others = [finished(other, later - minutes(1)) for other in Feed if other is not feed]
    due = replace(finished(feed, began_at), due_at=later)
    state = with_cursors(reading(connected_connection(), later), due, *others)
    cursor = pulled(state, later)
    assert cursor.feed is feed
    assert days_asked(cursor.queue) == {day}


def test_a_first_run_asks_for_changes_since_the_backfill_began() -> None:
    backfill = running(Feed.BACKFILL, NOW - timedelta(days=5))
    state = with_cursors(calm(pending_connection()), backfill, Cursor(feed=Feed.PAYMENTS, due_at=NOW))
    assert days_asked(pulled(state).queue) == {date(2026, 2, 25)}


def test_a_run_that_began_on_a_clock_ahead_of_ours_leaves_no_hole() -> None:
    wrong = replace(finished(Feed.PAYMENTS, NOW + timedelta(days=300)), due_at=NOW)
    assert days_asked(pulled(with_cursors(settled(), wrong)).queue) == {date(2026, 3, 2)}


# ---- when to wake ----------------------------------------------------------------------------------------------------

AT = NOW + minutes(3)
HELD = LaneState(failures=1, not_before=NOW + minutes(9))
WAKES: list[tuple[str, Syncing, datetime | None]] = [
    ("the first feed that is due", settled(), NOW + minutes(1)),
    ("a push", settled(push_at=NOW + timedelta(seconds=10)), NOW + timedelta(seconds=10)),
    ("a reread", settled(reread_at=NOW + timedelta(seconds=10)), NOW + timedelta(seconds=10)),
    ("a refresh", settled(refresh_at=NOW + timedelta(seconds=10)), NOW + timedelta(seconds=10)),
    ("a busy lane is waited for, not timed", in_flight(settled(push_at=AT), Lane.PULL), AT),
    ("all lanes busy", in_flight(settled(), *Lane), None),
    ("a held lane waits", with_lane(in_flight(settled(), Lane.AUTH, Lane.PUSH), Lane.PULL, HELD), NOW + minutes(9)),
    (
        "a run in progress waits for nothing but its lane",
        with_lane(with_cursors(settled(), RUNS[Feed.PAYMENTS]), Lane.PULL, HELD),
        NOW + minutes(9),
    ),
    ("a run in progress is due now", with_cursors(settled(), RUNS[Feed.PAYMENTS]), EPOCH),
    (
        "no payment is pushed before accounts are chosen",
        in_flight(calm(connected_connection(accounts_chosen=False), push_at=AT), Lane.PULL, Lane.AUTH),
        None,
    ),
    (
        "without a token only the refresh counts",
        settled(token_until=None, refresh_at=AT, push_at=NOW),
        AT,
    ),
    ("a parked partner sleeps", replace(settled(push_at=AT), parked="revoked"), None),
    ("a paused partner sleeps", calm(connected_connection(paused=True)), None),
    ("a disconnecting partner revokes now", calm(connected_connection(disconnecting=True)), EPOCH),
]


@pytest.mark.parametrize(("state", "at"), [row[1:] for row in WAKES], ids=[row[0] for row in WAKES])
def test_a_supervisor_wakes_for_the_earliest_thing_that_a_free_lane_can_do(state: Syncing, at: datetime | None) -> None:
    assert wake_at(state) == at


def test_who_is_not_connected_sleeps() -> None:
    assert wake_at(NotConnected(partner_id=SCOPE.partner_id)) is None


# ---- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_that_is_replaced_is_the_one_that_is_read(lane: Lane) -> None:
    state = with_lane(settled(), lane, HELD)
    assert [lane_of(state, other) == HELD for other in Lane] == [other is lane for other in Lane]


def test_a_replaced_cursor_keeps_its_place_and_a_new_one_is_added() -> None:
    state = settled()
    assert [c.feed for c in with_cursor(state, RUNS[Feed.PAYMENTS]).cursors] == [c.feed for c in state.cursors]
    bare = replace(state, cursors=())
    assert with_cursor(bare, RUNS[Feed.CENSUS]).cursors == (RUNS[Feed.CENSUS],)
    assert cursor_of(bare, Feed.CENSUS) == Cursor(feed=Feed.CENSUS)
