"""What a person's change of the connection, or an operator's of the policy, does to a supervisor's state."""

from datetime import datetime, timedelta

from daemon.core.backoff import fraction
from daemon.core.deadlines import refresh_at, with_deadlines
from daemon.core.model import Scope
from daemon.core.model.quick import replace
from daemon.core.policy import Policy
from daemon.core.schedule import lane_of, with_lane
from daemon.core.state import (
    Connected,
    Connection,
    ConnectionStatus,
    Lane,
    Lanes,
    LaneState,
    Pending,
    Schedule,
    Syncing,
    is_leaving,
)


def restored(connection: Connection, scope: Scope, now: datetime, policy: Policy) -> Syncing:
    """Build the state that a stored connection means: everything that has no stored deadline is due now."""
    kind = Connected if connection.status is ConnectionStatus.CONNECTED else Pending
    if connection.sync_asked_at is not None:
        # Pressed on a clock ahead of ours: no run could ever begin late enough to have served it.
        connection = replace(connection, sync_asked_at=min(connection.sync_asked_at, now))
    expires_at = connection.token_expires_at
    return kind(
        scope=scope,
        connection=connection,
        cursors=with_deadlines(connection.cursors, connection, now, policy.pull),
        schedule=Schedule(
            refresh_at=refresh_at(expires_at, now, policy),
            token_until=expires_at,
            reread_at=now,
            accounts_at=now,
            callbacks_at=now,
            push_at=now,
            verify_at=now,
        ),
        parked=connection.parked,
    )


def connection_changed(state: Syncing, connection: Connection, now: datetime, policy: Policy) -> Syncing:
    """Take over what a person changed; effects in flight go on, and their lanes stay busy until they answer."""
    if is_leaving(replace(state, connection=connection)):
        return replace(state, connection=connection)
    fresh = restored(connection, state.scope, now, policy)
    is_new_consent = connection.epoch != state.connection.epoch
    fresh = _with_new_tokens(state, fresh) if is_new_consent else _with_old_tokens(state, fresh, now, policy)
    return asked(asked(fresh, Lane.PUSH, now), Lane.PULL, now)


def retuned(state: Syncing, now: datetime, policy: Policy, spread: timedelta = timedelta(0)) -> Syncing:
    """Recompute every deadline under the new policy, so that a shorter interval or a wider margin acts at once.

    What only Postgres knows is asked anew, within `spread` by a hash of the partner; what is due sooner stays so.
    """
    old = state.schedule
    look_at = now + spread * fraction(state.scope.partner_id)
    schedule = replace(
        old,
        accounts_at=min(old.accounts_at or now, now + policy.pull.accounts_interval),
        callbacks_at=min(old.callbacks_at or now, now + policy.pull.callbacks_interval),
    )
    if old.token_until is not None and old.refresh_at is not None:
        schedule = replace(schedule, refresh_at=min(old.refresh_at, refresh_at(old.token_until, now, policy)))
    cursors = with_deadlines(state.cursors, state.connection, now, policy.pull)
    # A new begin of the nights is worked out by asking anew.
    schedule = replace(
        schedule, push_at=min(old.push_at or look_at, look_at), verify_at=min(old.verify_at or look_at, look_at)
    )
    # An answer that is under way was worked out by the old policy.
    push = replace(state.lanes.push, asked=state.lanes.push.busy)
    return replace(state, cursors=cursors, schedule=schedule, lanes=replace(state.lanes, push=push))


def asked(state: Syncing, lane: Lane, now: datetime) -> Syncing:
    """Note that there is work for a lane (for the pull lane: rereads), even if its present effect missed it."""
    fields = {Lane.PUSH: "push_at", Lane.PULL: "reread_at", Lane.VERIFY: "verify_at"}
    wish = replace(state.schedule, **{fields[lane]: now})
    current = lane_of(state, lane)
    return with_lane(replace(state, schedule=wish), lane, replace(current, asked=current.busy))


def _with_new_tokens(state: Syncing, fresh: Syncing) -> Syncing:
    """Begin from what is stored and forgive what the old tokens caused.

    What is in flight under them says nothing of the new ones.
    """
    old = state.lanes
    lanes = (old.auth, old.pull, old.push, old.verify)
    auth, pull, push, verify = (replace(_forgiven(lane), stale=lane.busy) for lane in lanes)
    return replace(fresh, lanes=Lanes(auth=auth, pull=pull, push=push, verify=verify))


def _with_old_tokens(state: Syncing, fresh: Syncing, now: datetime, policy: Policy) -> Syncing:
    """Keep all that the change does not touch."""
    accounts_at = now if _asked_later(fresh.connection, state.connection) else state.schedule.accounts_at
    begins_to_end = fresh.connection.disconnecting and not state.connection.disconnecting
    # What refreshes had to wait for is no reason for a disconnect to wait.
    lanes = replace(state.lanes, auth=_forgiven(state.lanes.auth)) if begins_to_end else state.lanes
    return replace(
        fresh,
        cursors=with_deadlines(state.cursors, fresh.connection, now, policy.pull),
        schedule=replace(state.schedule, accounts_at=accounts_at),
        lanes=lanes,
    )


def _asked_later(new: Connection, old: Connection) -> bool:
    return new.sync_asked_at is not None and (old.sync_asked_at is None or new.sync_asked_at > old.sync_asked_at)


def _forgiven(lane: LaneState) -> LaneState:
    return replace(lane, failures=0, not_before=None)
