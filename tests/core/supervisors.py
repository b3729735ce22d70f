"""States of a supervisor for tests: valid by default, overridden by keyword."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.core import events
from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.effects import Effect
from daemon.core.model import AccountId, PartnerId, Resource, Scope
from daemon.core.policy import Policy
from daemon.core.state import (
    Connected,
    Connection,
    ConnectionStatus,
    Lane,
    LaneState,
    Pending,
    Schedule,
    State,
    Syncing,
)
from daemon.core.transition import restore, transition

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
POLICY = Policy()
SCOPE = Scope(partner_id=PartnerId("acme"), account_id=AccountId("xyz1"))
OTHER_SCOPE = Scope(partner_id=PartnerId("acme"), account_id=AccountId("abc2"))
TOKEN_LIFE = timedelta(hours=12)
BUSY = LaneState(busy=True)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def a_pass(number: int = 0) -> Pass:
    return Pass(resource=tuple(Resource)[number % len(Resource)])


def finished(feed: Feed, began_at: datetime, *, runs: int = 1, seconds: int = 60) -> Cursor:
    """The cursor of a run that is complete."""
    return Cursor(
        feed=feed, began_at=began_at, finished_at=began_at + timedelta(seconds=seconds), runs=runs, percent=100
    )


def running(feed: Feed, began_at: datetime = NOW, *, passes: int = 1) -> Cursor:
    """The cursor of a run that has read a page and has more to read."""
    queue = tuple(a_pass(number) for number in range(passes))
    return Cursor(
        feed=feed, queue=queue, page=2, total=300, pages_done=1, pages_expected=10, percent=10, began_at=began_at
    )


def history(began_at: datetime = NOW - timedelta(hours=2)) -> tuple[Cursor, ...]:
    """The cursors of a partner whose initial sync is complete and whose feeds ran lately."""
    return (
        finished(Feed.BACKFILL, began_at),
        finished(Feed.CLOSING, began_at + minutes(20)),
        finished(Feed.PAYMENTS, NOW - minutes(2)),
        finished(Feed.INVOICES, NOW - minutes(10)),
    )


def pending_connection(**changes: Any) -> Connection:
    """A partner just after consent."""
    connection = Connection(
        partner_id=SCOPE.partner_id,
        status=ConnectionStatus.PENDING,
        scope=SCOPE,
        token_expires_at=NOW + TOKEN_LIFE,
        epoch=1,
    )
    return replace(connection, **changes)


def connected_connection(**changes: Any) -> Connection:
    """A partner whose history is in and who has chosen accounts."""
    connection = pending_connection(status=ConnectionStatus.CONNECTED, accounts_chosen=True, cursors=history())
    return replace(connection, **changes)


def gone_connection(**changes: Any) -> Connection:
    """A partner who is not connected."""
    connection = pending_connection(status=ConnectionStatus.NOT_CONNECTED, scope=None, token_expires_at=None)
    return replace(connection, **changes)


def syncing(connection: Connection, now: datetime = NOW) -> Syncing:
    """The state that a partner's supervisor starts from."""
    state = restore(connection, now, POLICY)
    assert isinstance(state, Pending | Connected)
    return state


def calm(connection: Connection, **deadlines: Any) -> Syncing:
    """A state in which nothing is due but what `deadlines` and the feeds say."""
    later = NOW + minutes(60)
    schedule = Schedule(
        refresh_at=later,
        token_until=NOW + TOKEN_LIFE,
        reread_at=None,
        accounts_at=later,
        callbacks_at=later,
        push_at=later,
    )
    return replace(syncing(connection), schedule=replace(schedule, **deadlines))


def settled(**deadlines: Any) -> Syncing:
    """A connected partner of whom nothing is due but what `deadlines` say."""
    return calm(connected_connection(), **deadlines)


def idle(connection: Connection, **deadlines: Any) -> Syncing:
    """A parked, paused or otherwise resting partner of whom everything is due."""
    return calm(connection, **{"refresh_at": NOW, "reread_at": NOW, "accounts_at": NOW, "push_at": NOW, **deadlines})


def with_cursors(state: Syncing, *cursors: Cursor) -> Syncing:
    """Replace some feeds' cursors."""
    known = {cursor.feed: cursor for cursor in (*state.cursors, *cursors)}
    return replace(state, cursors=tuple(known.values()))


def in_flight(state: Syncing, *lanes: Lane, **marks: Any) -> Syncing:
    """Put an effect into each of the lanes."""
    busy = {lane.value: replace(BUSY, **marks) for lane in lanes}
    return replace(state, lanes=replace(state.lanes, **busy))


def step(state: State, event: events.Event, now: datetime = NOW, policy: Policy = POLICY) -> tuple[State, list[Effect]]:
    return transition(state, event, now, policy)


def step_syncing(
    state: State, event: events.Event, now: datetime = NOW, policy: Policy = POLICY
) -> tuple[Syncing, list[Effect]]:
    """Take a step that must leave the partner connected or pending."""
    after, effects = transition(state, event, now, policy)
    assert isinstance(after, Pending | Connected)
    return after, effects
