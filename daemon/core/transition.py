"""The supervisor's whole logic: `transition(state, event, now, policy) -> (state', effects)`.

Two rules. Everything that changes a supervisor's state lives here and in schedule.py, and neither knows a clock or a
network. An effect in flight is always answered by exactly one event; an answer that no lane waits for raises and
moves nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from daemon.core import events
from daemon.core.backfill import Cursor, Feed, finish
from daemon.core.backoff import backoff_delay, fraction
from daemon.core.effects import Effect, MarkConnected, Park, StoreCursor
from daemon.core.policy import Policy
from daemon.core.schedule import lane_of, start_work, with_cursor, with_lane
from daemon.core.state import (
    Connected,
    Connection,
    ConnectionStatus,
    Lane,
    LaneState,
    NotConnected,
    Pending,
    Schedule,
    State,
    Syncing,
    cursor_of,
)


class IllegalTransitionError(Exception):
    """An event that this state cannot have: our own bug; nothing moved."""


def transition(state: State, event: events.Event, now: datetime, policy: Policy) -> tuple[State, list[Effect]]:
    """Take one step: what the event does to the state, and what is to be done about it."""
    match state:
        case NotConnected():
            return _while_not_connected(state, event, now, policy)
        case Pending() | Connected():
            return _while_syncing(state, event, now, policy)
        case _:
            assert_never(state)


def restore(connection: Connection, now: datetime, policy: Policy, spread: timedelta = timedelta(0)) -> State:
    """Build the state a supervisor starts from; crash, reload, takeover and reboot are this one path.

    `spread` delays the first pull by a hash of the partner, so that ten thousand of them do not fire together.
    """
    if connection.scope is None or connection.status is ConnectionStatus.NOT_CONNECTED:
        return NotConnected(partner_id=connection.partner_id)
    kind = Connected if connection.status is ConnectionStatus.CONNECTED else Pending
    expires_at = connection.token_expires_at
    state: Syncing = kind(
        scope=connection.scope,
        connection=connection,
        cursors=_due_cursors(connection, now, policy),
        schedule=Schedule(
            refresh_at=_refresh_at(expires_at, now, policy),
            token_until=expires_at,
            reread_at=now,
            accounts_at=now,
            push_at=now,
        ),
        parked=connection.parked,
    )
    delay = spread * fraction(connection.partner_id)
    return with_lane(state, Lane.PULL, LaneState(not_before=now + delay)) if delay else state


# ---- not connected ---------------------------------------------------------------------------------------------------


def _while_not_connected(
    state: NotConnected, event: events.Event, now: datetime, policy: Policy
) -> tuple[State, list[Effect]]:
    match event:
        case events.ConnectionChanged(connection=connection):
            fresh = restore(connection, now, policy)
            return (fresh, []) if isinstance(fresh, NotConnected) else _work(fresh, [], now, policy)
        case events.Woke() | events.PushArrived() | events.RereadAsked() | events.PolicyChanged() | events.DrainAsked():
            return state, []
        case _:
            raise IllegalTransitionError(f"{type(event).__name__} while not connected")


# ---- pending and connected -------------------------------------------------------------------------------------------


def _while_syncing(state: Syncing, event: events.Event, now: datetime, policy: Policy) -> tuple[State, list[Effect]]:
    effects: list[Effect] = []
    match event:
        case events.Woke():
            pass
        case events.PushArrived():
            state = replace(state, schedule=replace(state.schedule, push_at=now))
        case events.RereadAsked():
            state = replace(state, schedule=replace(state.schedule, reread_at=now))
        case events.ConnectionChanged(connection=connection):
            return _connection_changed(state, connection, now, policy)
        case events.PolicyChanged():
            state = _retuned(state, now, policy)
        case events.DrainAsked():
            # A draining supervisor is a paused one: its lanes finish what they do and start nothing.
            state = replace(state, connection=replace(state.connection, paused=True, disconnecting=False))
        case _:
            return _answered(state, event, now, policy)
    return _work(state, effects, now, policy)


def _answered(  # noqa: C901, PLR0912 one case per answer: the table reads better whole
    state: Syncing, event: events.Event, now: datetime, policy: Policy
) -> tuple[State, list[Effect]]:
    effects: list[Effect] = []
    match event:
        case events.TokenRefreshed(expires_at=expires_at):
            state = _token_arrived(_succeeded(state, Lane.AUTH), expires_at, now, policy)
        case events.TokenLost(reason=reason):
            state = replace(_succeeded(state, Lane.AUTH), parked=reason)
            effects.append(Park(scope=state.scope, reason=reason, at=now))
        case events.TokenRevoked():
            _succeeded(state, Lane.AUTH)
            return NotConnected(partner_id=state.scope.partner_id), []
        case events.PagesStored():
            state = _pages_stored(_succeeded(state, Lane.PULL), event, now)
        case events.ObjectsReread(next_at=next_at):
            state = _succeeded(state, Lane.PULL)
            state = replace(state, schedule=replace(state.schedule, reread_at=next_at, push_at=now))
        case events.AccountsListed():
            state = _succeeded(state, Lane.PULL)
            state = replace(state, schedule=replace(state.schedule, accounts_at=now + policy.pull.accounts_interval))
        case events.Pushed():
            state = _pushed(_succeeded(state, Lane.PUSH), event, now, policy)
        case events.CallFailed(lane=lane, retry_after=retry_after):
            state = _failed(state, lane, retry_after, now, policy)
        case events.TokenRejected(lane=lane):
            state = _failed(state, lane, None, now, policy)
            state = replace(state, schedule=replace(state.schedule, token_until=None, refresh_at=now))
        case _:
            raise IllegalTransitionError(f"{type(event).__name__} while syncing")
    return _work(state, effects, now, policy)


def _work(state: Syncing, effects: list[Effect], now: datetime, policy: Policy) -> tuple[State, list[Effect]]:
    """Close the runs that are complete, then start what is due."""
    state, closing = _close_runs(state, now, policy)
    state, started = start_work(state, now, policy)
    return state, [*effects, *closing, *started]


# ---- what single events do -------------------------------------------------------------------------------------------


def _connection_changed(
    state: Syncing, connection: Connection, now: datetime, policy: Policy
) -> tuple[State, list[Effect]]:
    """Take over what a person changed; effects in flight go on, and their lanes stay busy until they answer."""
    if connection.scope != state.scope and (state.lanes.pull.busy or state.lanes.push.busy or state.lanes.auth.busy):
        raise IllegalTransitionError("the connection moved to another account while effects were in flight")
    fresh = restore(connection, now, policy)
    if isinstance(fresh, NotConnected):
        return fresh, []
    if connection.scope == state.scope:
        fresh = replace(fresh, cursors=state.cursors, lanes=state.lanes, schedule=_kept(state, fresh, now))
        if connection.epoch != state.connection.epoch:
            fresh = _forgiven(fresh)
    if _asked_later(connection, state.connection):
        fresh = _all_due(fresh, now)
    return _work(fresh, [], now, policy)


def _kept(state: Syncing, fresh: Syncing, now: datetime) -> Schedule:
    """Keep the deadlines that a person's change does not touch; a new consent brings its own token times."""
    old = replace(state.schedule, push_at=now, reread_at=now)
    if state.connection.epoch == fresh.connection.epoch:
        return old
    return replace(old, refresh_at=fresh.schedule.refresh_at, token_until=fresh.schedule.token_until)


def _forgiven(state: Syncing) -> Syncing:
    for lane in Lane:
        state = with_lane(state, lane, replace(lane_of(state, lane), failures=0, not_before=None))
    return state


def _all_due(state: Syncing, now: datetime) -> Syncing:
    cursors = tuple(
        replace(c, due_at=now) if c.feed in {Feed.PAYMENTS, Feed.INVOICES} and not c.is_running else c
        for c in state.cursors
    )
    return replace(
        state, cursors=cursors, schedule=replace(state.schedule, push_at=now, reread_at=now, accounts_at=now)
    )


def _asked_later(new: Connection, old: Connection) -> bool:
    return new.sync_asked_at is not None and (old.sync_asked_at is None or new.sync_asked_at > old.sync_asked_at)


def _succeeded(state: Syncing, lane: Lane) -> Syncing:
    if not lane_of(state, lane).busy:
        raise IllegalTransitionError(f"an answer for the idle {lane} lane")
    return with_lane(state, lane, LaneState())


def _failed(state: Syncing, lane: Lane, retry_after: timedelta | None, now: datetime, policy: Policy) -> Syncing:
    current = lane_of(state, lane)
    if not current.busy:
        raise IllegalTransitionError(f"a failure for the idle {lane} lane")
    failures = current.failures + 1
    delay = backoff_delay(failures, f"{state.scope.partner_id}:{lane}", policy.backoff, retry_after)
    return with_lane(state, lane, LaneState(failures=failures, not_before=now + delay))


def _token_arrived(state: Syncing, expires_at: datetime, now: datetime, policy: Policy) -> Syncing:
    schedule = replace(state.schedule, token_until=expires_at, refresh_at=_refresh_at(expires_at, now, policy))
    connection = replace(state.connection, token_expires_at=expires_at)
    return replace(state, schedule=schedule, connection=connection)


def _pages_stored(state: Syncing, event: events.PagesStored, now: datetime) -> Syncing:
    if event.scope != state.scope:
        return state
    state = with_cursor(state, event.cursor)
    return replace(state, schedule=replace(state.schedule, reread_at=now)) if event.rereads else state


def _pushed(state: Syncing, event: events.Pushed, now: datetime, policy: Policy) -> Syncing:
    sweep_at = now + policy.push.sweep_interval
    schedule = replace(state.schedule, push_at=sweep_at if event.next_at is None else min(event.next_at, sweep_at))
    return replace(state, schedule=replace(schedule, reread_at=now) if event.rereads else schedule)


def _retuned(state: Syncing, now: datetime, policy: Policy) -> Syncing:
    """Recompute the deadlines of complete feeds from their last run, so that a shorter interval acts at once."""
    cursors = tuple(
        replace(cursor, due_at=_due_after(cursor, now, policy))
        if cursor.finished_at and not cursor.is_running
        else cursor
        for cursor in state.cursors
    )
    return replace(state, cursors=cursors, schedule=replace(state.schedule, push_at=now))


# ---- runs that end ---------------------------------------------------------------------------------------------------


def _close_runs(state: Syncing, now: datetime, policy: Policy) -> tuple[Syncing, list[Effect]]:
    effects: list[Effect] = []
    for cursor in state.cursors:
        if not cursor.is_unfinished:
            continue
        closed = finish(cursor, now, _due_after(cursor, now, policy))
        state = with_cursor(state, closed)
        effects.append(StoreCursor(scope=state.scope, cursor=closed))
        if cursor.feed is Feed.BACKFILL:
            state = with_cursor(state, Cursor(feed=Feed.CLOSING, due_at=now))
        if cursor.feed is Feed.CLOSING and isinstance(state, Pending):
            state, more = _closing_ended(state, closed, now, policy)
            effects.extend(more)
    return state, effects


def _closing_ended(state: Pending, closed: Cursor, now: datetime, policy: Policy) -> tuple[Syncing, list[Effect]]:
    """Connect once a closing pass found nothing new (C3), or after a bounded number of them: some books never rest."""
    if closed.changed and closed.runs < policy.pull.closing_passes_max:
        return with_cursor(state, replace(closed, due_at=now)), []
    connected = Connected(
        scope=state.scope,
        connection=replace(state.connection, status=ConnectionStatus.CONNECTED),
        cursors=state.cursors,
        schedule=replace(state.schedule, push_at=now, accounts_at=now),
        lanes=state.lanes,
        parked=state.parked,
    )
    census = replace(cursor_of(connected, Feed.CENSUS), due_at=now + policy.pull.census_interval)
    return with_cursor(connected, census), [MarkConnected(scope=state.scope, at=now)]


def _due_after(cursor: Cursor, now: datetime, policy: Policy) -> datetime | None:
    began = cursor.began_at or now
    match cursor.feed:
        case Feed.BACKFILL | Feed.CLOSING:
            return None
        case Feed.PAYMENTS:
            return began + policy.pull.payments_interval
        case Feed.INVOICES:
            return began + policy.pull.invoices_interval
        case Feed.CENSUS:
            return began + policy.pull.census_interval
        case _:
            assert_never(cursor.feed)


# ---- where a state starts --------------------------------------------------------------------------------------------


def _due_cursors(connection: Connection, now: datetime, policy: Policy) -> tuple[Cursor, ...]:
    """Take the stored cursors and give what never ran its first deadline: the backfill now, live feeds later."""
    stored = {cursor.feed: cursor for cursor in connection.cursors}
    first = stored.setdefault(Feed.BACKFILL, Cursor(feed=Feed.BACKFILL, due_at=now))
    stored.setdefault(Feed.PAYMENTS, Cursor(feed=Feed.PAYMENTS, due_at=now + policy.pull.payments_interval))
    stored.setdefault(Feed.INVOICES, Cursor(feed=Feed.INVOICES, due_at=now + policy.pull.invoices_interval))
    if first.finished_at is not None:
        stored.setdefault(Feed.CLOSING, Cursor(feed=Feed.CLOSING, due_at=now))
    if connection.status is ConnectionStatus.CONNECTED:
        stored.setdefault(Feed.CENSUS, Cursor(feed=Feed.CENSUS, due_at=now))
    return tuple(stored.values())


def _refresh_at(expires_at: datetime | None, now: datetime, policy: Policy) -> datetime:
    """Refresh well before expiry: by the policy's margin, or a quarter of a life that is shorter than that."""
    if expires_at is None:
        return now
    return expires_at - min(policy.token_refresh_margin, max(expires_at - now, timedelta(0)) / 4)
