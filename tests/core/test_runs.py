"""What the end of a run does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core import events
from daemon.core.backfill import Cursor, Feed
from daemon.core.effects import MarkConnected, PushNext, RereadObjects, StoreCursor
from daemon.core.runs import close_runs
from daemon.core.state import Connected, Lane, Pending, Syncing, cursor_of
from tests.core.supervisors import (
    NOW,
    POLICY,
    SCOPE,
    calm,
    connected_connection,
    in_flight,
    minutes,
    pending_connection,
    running,
    settled,
    step_syncing,
    with_cursors,
)


def ended(feed: Feed) -> Cursor:
    """A run whose last page is stored."""
    return replace(running(feed), queue=(), page=1, began_at=NOW - minutes(1))


def test_a_state_without_a_complete_run_stays_as_it_is() -> None:
    assert close_runs(settled(), NOW, POLICY) == (settled(), [])


@pytest.mark.parametrize(
    ("feed", "due_at"),
    [
        (Feed.PAYMENTS, NOW + minutes(2)),
        (Feed.INVOICES, NOW + minutes(59)),
        (Feed.CENSUS, NOW - minutes(1) + timedelta(days=7)),
    ],
)
def test_a_complete_run_is_stored_with_its_end_and_its_next_deadline(feed: Feed, due_at: object) -> None:
    state, effects = close_runs(with_cursors(settled(), ended(feed)), NOW, POLICY)
    closed = cursor_of(state, feed)
    assert (closed.finished_at, closed.percent, closed.runs, closed.due_at) == (NOW, 100, 1, due_at)
    assert effects == [StoreCursor(scope=SCOPE, cursor=closed)]


def test_the_end_of_the_backfill_makes_the_closing_pass_due_and_connects_nobody() -> None:
    state, effects = close_runs(with_cursors(calm(pending_connection()), ended(Feed.BACKFILL)), NOW, POLICY)
    assert isinstance(state, Pending)
    assert cursor_of(state, Feed.CLOSING).due_at == NOW
    assert [type(effect) for effect in effects] == [StoreCursor]


def test_a_closing_run_that_ends_after_connecting_changes_nothing_more() -> None:
    state, effects = close_runs(with_cursors(settled(), ended(Feed.CLOSING)), NOW, POLICY)
    assert isinstance(state, Connected)
    assert not any(isinstance(effect, MarkConnected) for effect in effects)


def just_connected(**connection: object) -> Syncing:
    cursors = (replace(ended(Feed.BACKFILL), finished_at=NOW),)
    pending = calm(pending_connection(cursors=cursors, **connection))
    return close_runs(with_cursors(pending, ended(Feed.CLOSING)), NOW, POLICY)[0]


def test_connecting_makes_the_census_due_a_week_later_and_the_chart_of_accounts_now() -> None:
    state = just_connected()
    assert cursor_of(state, Feed.CENSUS).due_at == NOW + timedelta(days=7)
    assert cursor_of(state, Feed.CLOSING).due_at is None
    assert state.schedule.accounts_at == NOW


def test_payments_that_waited_for_the_initial_sync_are_pushed_when_it_connects() -> None:
    _, effects = step_syncing(just_connected(accounts_chosen=True), events.Woke())
    assert any(isinstance(effect, PushNext) for effect in effects)


def test_a_doorbell_that_got_lost_is_noticed_with_the_next_payments() -> None:
    state = in_flight(settled(), Lane.PULL)
    _, effects = step_syncing(state, events.PagesStored(scope=SCOPE, cursor=ended(Feed.PAYMENTS)))
    assert RereadObjects(scope=SCOPE) in effects


def test_a_change_of_the_connection_leaves_a_run_in_flight_alone() -> None:
    state = in_flight(with_cursors(settled(), running(Feed.INVOICES)), Lane.PULL)
    after, _ = step_syncing(state, events.ConnectionChanged(connection=connected_connection(timezone="Europe/Berlin")))
    assert cursor_of(after, Feed.INVOICES) == running(Feed.INVOICES)
    assert after.connection.timezone == "Europe/Berlin"
