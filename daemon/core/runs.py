"""What happens when a feed's run is complete: it is closed, stored, and at the end of the initial sync connects."""

from datetime import datetime

from daemon.core.backfill import Cursor, Feed, finish
from daemon.core.effects import MarkConnected, StoreCursor, StoreEffect
from daemon.core.model.quick import replace
from daemon.core.policy import Policy, PullPolicy
from daemon.core.schedule import dated, with_cursor
from daemon.core.state import Connected, ConnectionStatus, Pending, Syncing, cursor_of


def close_runs(state: Syncing, now: datetime, policy: Policy) -> tuple[Syncing, list[StoreEffect]]:
    """Close the runs that are read to their end, and tell what is to be stored of it."""
    ended = [cursor.feed for cursor in state.cursors if cursor.is_unfinished]
    for feed in ended:
        state = with_cursor(state, finish(cursor_of(state, feed), now))
    connects = Feed.CLOSING in ended and isinstance(state, Pending)
    if connects and not _is_settled(cursor_of(state, Feed.CLOSING), policy.pull):
        connects = False
        state = with_cursor(state, replace(cursor_of(state, Feed.CLOSING), due_at=now))
    if connects:
        state = _connected(state, now)
    if Feed.PAYMENTS in ended:
        # A doorbell that got lost on its way here is noticed now; asking costs one query.
        state = replace(state, schedule=replace(state.schedule, reread_at=now))
    if ended:
        state = dated(state, now, policy)
    effects: list[StoreEffect] = [StoreCursor(scope=state.scope, cursor=cursor_of(state, feed)) for feed in ended]
    if connects:
        effects.append(MarkConnected(scope=state.scope, at=now))
    return state, effects


def _is_settled(closed: Cursor, policy: PullPolicy) -> bool:
    """Whether a closing pass found nothing new (C3), or was repeated often enough: some books never rest."""
    return not closed.changed or closed.runs >= policy.closing_passes_max


def _connected(state: Syncing, now: datetime) -> Connected:
    return Connected(
        scope=state.scope,
        connection=replace(state.connection, status=ConnectionStatus.CONNECTED),
        cursors=state.cursors,
        schedule=replace(state.schedule, push_at=now, accounts_at=now, verify_at=now),
        lanes=state.lanes,
        parked=state.parked,
    )
