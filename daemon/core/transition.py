"""The supervisor's whole logic: `transition(state, event, now, policy) -> (state', effects)`.

Two rules. Everything that changes a supervisor's state lives here, in changes.py, runs.py and schedule.py; none of them
knows a clock or a network. An effect in flight is always answered by exactly one event; an answer that no lane waits
for raises and moves nothing.
"""

from datetime import datetime, timedelta
from typing import assert_never

from daemon.core import events
from daemon.core.backoff import backoff_delay, fraction
from daemon.core.changes import asked, connection_changed, restored, retuned
from daemon.core.deadlines import refresh_at
from daemon.core.effects import Effect, Park
from daemon.core.model.quick import replace
from daemon.core.policy import Policy
from daemon.core.runs import close_runs
from daemon.core.schedule import dated, lane_of, start_work, with_cursor, with_lane
from daemon.core.state import (
    Connected,
    Connection,
    ConnectionStatus,
    Lane,
    Lanes,
    LaneState,
    NotConnected,
    Pending,
    State,
    Syncing,
    is_leaving,
)

_AuthAnswer = events.TokenRefreshed | events.TokenLost | events.TokenRevoked
_Answer = (
    events.PagesStored
    | events.ObjectsReread
    | events.AccountsListed
    | events.CallbacksEnsured
    | events.Pushed
    | events.Verified
    | events.CallFailed
    | events.TokenRejected
)


HEAD_START = timedelta(milliseconds=25)
"""A payment is claimed, checked and sent within about so long; the decision about its invoice would slow it down."""


class IllegalTransitionError(Exception):
    """An event that this state cannot have: our own bug; nothing moved."""


def transition(state: State, event: events.Event, now: datetime, policy: Policy) -> tuple[State, list[Effect]]:
    """Take one step: what the event does to the state, and what is to be done about it.

    Raises IllegalTransitionError for an answer that nothing in flight can have given.
    """
    match state:
        case NotConnected():
            return _while_not_connected(state, event, now, policy)
        case Pending() | Connected():
            return _while_syncing(state, event, now, policy)
        case _:
            assert_never(state)


def restore(connection: Connection, now: datetime, policy: Policy, spread: timedelta = timedelta(0)) -> State:
    """Build the state a supervisor starts from; crash, reload, takeover and reboot are this one path.

    `spread` delays the first look for work by a hash of the partner, so that ten thousand of them do not fire together;
    a push that is known to be open goes at once.
    """
    if connection.scope is None or connection.status is ConnectionStatus.NOT_CONNECTED:
        return NotConnected(partner_id=connection.partner_id)
    state = restored(connection, connection.scope, now, policy)
    later = now + spread * fraction(connection.partner_id)
    if later == now:
        return state
    push_at = now if connection.push_open else later
    state = replace(state, schedule=replace(state.schedule, push_at=push_at, verify_at=later))
    return with_lane(state, Lane.PULL, LaneState(not_before=later))


# ---- not connected ---------------------------------------------------------------------------------------------------


def _while_not_connected(
    state: NotConnected, event: events.Event, now: datetime, policy: Policy
) -> tuple[State, list[Effect]]:
    match event:
        case events.ConnectionChanged(connection=connection):
            fresh = restore(connection, now, policy)
            return (fresh, []) if isinstance(fresh, NotConnected) else _work(fresh, [], now, policy)
        case events.Woke() | events.PushArrived() | events.RereadAsked() | events.VerifierArrived():
            return state, []
        case events.VerifyAsked() | events.PolicyChanged() | events.DrainAsked():
            return state, []
        case _:
            raise IllegalTransitionError(f"{type(event).__name__} while not connected")


# ---- pending and connected -------------------------------------------------------------------------------------------


def _while_syncing(  # noqa: C901, PLR0912 one case per event: the table reads better whole
    state: Syncing, event: events.Event, now: datetime, policy: Policy
) -> tuple[State, list[Effect]]:
    match event:
        case events.Woke():
            pass
        case events.PushArrived():
            state = asked(state, Lane.PUSH, now)
        case events.RereadAsked():
            state = _reread_asked(state, now)
        case events.VerifyAsked():
            state = asked(state, Lane.VERIFY, now)
        case events.VerifierArrived():
            state = replace(state, schedule=replace(state.schedule, callbacks_at=now))
        case events.ConnectionChanged(connection=connection):
            state = connection_changed(state, connection, now, policy)
        case events.PolicyChanged():
            state = retuned(state, now, policy, event.spread)
        case events.DrainAsked():
            # A draining supervisor is a paused one: its lanes finish what they do and start nothing.
            state = replace(state, connection=replace(state.connection, paused=True, disconnecting=False))
        case events.TokenRefreshed() | events.TokenLost() | events.TokenRevoked():
            return _auth_answered(state, event, now, policy)
        case _:
            state = _answered(state, event, now, policy)
    return _work(state, [], now, policy)


def _reread_asked(state: Syncing, now: datetime) -> Syncing:
    """Read again at once; beside a payment on its way to FreshBooks, which wakes both lanes, a moment after it."""
    if not state.lanes.push.busy:
        return asked(state, Lane.PULL, now)
    earlier = state.schedule.reread_at or now + HEAD_START
    return asked(state, Lane.PULL, min(earlier, now + HEAD_START))


def _auth_answered(state: Syncing, event: _AuthAnswer, now: datetime, policy: Policy) -> tuple[State, list[Effect]]:
    auth = state.lanes.auth
    free = _succeeded(state, Lane.AUTH)
    if auth.stale or is_leaving(state):
        # It tells of tokens that are no longer this connection's.
        return _work(free, [], now, policy)
    match event:
        case events.TokenRefreshed(expires_at=expires_at):
            return _work(_token_arrived(state, expires_at, now, policy), [], now, policy)
        case events.TokenLost(reason=reason):
            if state.connection.disconnecting:
                return _work(_failed(state, Lane.AUTH, None, now, policy), [], now, policy)
            return _work(replace(free, parked=reason), [Park(scope=state.scope, reason=reason, at=now)], now, policy)
        case events.TokenRevoked():
            return NotConnected(partner_id=state.scope.partner_id), []
        case _:
            assert_never(event)


def _answered(  # noqa: C901, PLR0911, PLR0912 one case per answer: the table reads better whole
    state: Syncing, event: _Answer, now: datetime, policy: Policy
) -> Syncing:
    match event:
        case events.PagesStored():
            return _pages_stored(state, event, now, policy)
        case events.ObjectsReread(next_at=next_at, served=served):
            reread_at = now if state.lanes.pull.asked else next_at
            state = _succeeded(state, Lane.PULL)
            state = replace(state, schedule=replace(state.schedule, reread_at=reread_at))
            return asked(state, Lane.PUSH, now) if served else state
        case events.AccountsListed():
            state = _succeeded(state, Lane.PULL)
            return replace(state, schedule=replace(state.schedule, accounts_at=now + policy.pull.accounts_interval))
        case events.CallbacksEnsured(done=done):
            wait = policy.pull.callbacks_interval if done else policy.pull.callbacks_retry
            state = _succeeded(state, Lane.PULL)
            return replace(state, schedule=replace(state.schedule, callbacks_at=now + wait))
        case events.Pushed():
            return _pushed(state, event, now, policy)
        case events.Verified(next_at=next_at):
            verify_at = now if state.lanes.verify.asked else next_at
            state = _succeeded(state, Lane.VERIFY)
            return replace(state, schedule=replace(state.schedule, verify_at=verify_at))
        case events.CallFailed(lane=lane, retry_after=retry_after):
            return _failed(state, lane, retry_after, now, policy)
        case events.TokenRejected(lane=lane):
            return _token_rejected(state, lane, now, policy)
        case _:
            assert_never(event)


def _work(state: Syncing, effects: list[Effect], now: datetime, policy: Policy) -> tuple[State, list[Effect]]:
    """Close the runs that are complete, then start what is due; or leave, once nothing is in flight any more."""
    if is_leaving(state):
        if state.lanes.are_busy:
            return state, effects
        fresh = restore(state.connection, now, policy)
        return (fresh, effects) if isinstance(fresh, NotConnected) else _work(fresh, effects, now, policy)
    state, closing = close_runs(state, now, policy)
    state, started = start_work(state, now, policy)
    return state, [*effects, *closing, *started]


# ---- what effects answer ---------------------------------------------------------------------------------------------


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
    """Work with the new pair; the lanes' effects in flight still use the old one."""
    if expires_at <= now:
        # Expired on arrival: refreshing it at once would never end.
        schedule = replace(state.schedule, token_until=None, refresh_at=now)
        return _failed(replace(state, schedule=schedule), Lane.AUTH, None, now, policy)
    schedule = replace(state.schedule, token_until=expires_at, refresh_at=refresh_at(expires_at, now, policy))
    connection = replace(state.connection, token_expires_at=expires_at)
    lanes = Lanes(
        pull=replace(state.lanes.pull, stale=state.lanes.pull.busy),
        push=replace(state.lanes.push, stale=state.lanes.push.busy),
        verify=replace(state.lanes.verify, stale=state.lanes.verify.busy),
    )
    return replace(state, schedule=schedule, connection=connection, lanes=lanes)


def _token_rejected(state: Syncing, lane: Lane, now: datetime, policy: Policy) -> Syncing:
    stale = lane_of(state, lane).stale
    state = _failed(state, lane, None, now, policy)
    if stale:
        return state
    return replace(state, schedule=replace(state.schedule, token_until=None, refresh_at=now))


def _pages_stored(state: Syncing, event: events.PagesStored, now: datetime, policy: Policy) -> Syncing:
    if event.scope != state.scope:
        raise IllegalTransitionError("pages of another account")
    state = dated(with_cursor(_succeeded(state, Lane.PULL), event.cursor), now, policy)
    return asked(state, Lane.PULL, now) if event.rereads else state


def _pushed(state: Syncing, event: events.Pushed, now: datetime, policy: Policy) -> Syncing:
    missed_some = state.lanes.push.asked
    state = _succeeded(state, Lane.PUSH)
    sweep_at = now + policy.push.sweep_interval
    push_at = now if missed_some else min(event.next_at or sweep_at, sweep_at)
    state = replace(state, schedule=replace(state.schedule, push_at=push_at))
    return asked(state, Lane.PULL, now) if event.rereads else state
