"""Which effect each lane should start now, and when to wake up next: both read off the state's deadlines."""

import enum
from datetime import UTC, datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from daemon.core.backfill import Cursor, Feed, Pass, backfill_passes, census_passes, change_passes, start
from daemon.core.deadlines import with_deadlines
from daemon.core.effects import (
    CountPages,
    EnsureCallbacks,
    LaneEffect,
    ListAccounts,
    PullPages,
    PushNext,
    RefreshToken,
    RereadObjects,
    RevokeToken,
    VerifyBooks,
)
from daemon.core.model.quick import replace
from daemon.core.policy import Policy, PullPolicy
from daemon.core.state import Connected, Lane, LaneState, NotConnected, Pending, State, Syncing, cursor_of, is_leaving

EASTERN = ZoneInfo("America/New_York")
"""FreshBooks evaluates `updated_min` in this zone (FB API s4.2)."""
REVOKE_ATTEMPTS = 5
"""After so many failed attempts to revoke, the tokens are forgotten without FreshBooks' word (C6)."""
EPOCH = datetime.min.replace(tzinfo=UTC)
"""Earlier than any deadline: work that is due now."""
_LIVE_FEEDS = (Feed.PAYMENTS, Feed.INVOICES)


class _Errand(enum.Enum):
    """What the pull lane does besides the feeds."""

    REREADS = enum.auto()
    ACCOUNTS = enum.auto()
    CALLBACKS = enum.auto()


def start_work(state: Syncing, now: datetime, policy: Policy) -> tuple[Syncing, list[LaneEffect]]:
    """Start every lane that is free and has something due."""
    effects: list[LaneEffect] = []
    if _is_due(state.schedule.token_until, now):
        state = replace(state, schedule=replace(state.schedule, token_until=None))
    for lane, choose in _LANES if _may_work(state) else _LANES[:1]:
        if not is_free(lane_of(state, lane), now):
            continue
        state, effect = choose(state, now, policy)
        if effect is not None:
            effects.append(effect)
            state = with_lane(state, lane, replace(lane_of(state, lane), busy=True))
    return state, effects


def wake_at(state: State) -> datetime | None:
    """Tell the earliest moment at which a free lane has something to do, or None when only an event can bring work."""
    if isinstance(state, NotConnected):
        return None
    wishes = [(state.lanes.auth, _auth_at(state))]
    if _may_work(state):
        wishes.append((state.lanes.pull, _pull_at(state)))
        wishes.append((state.lanes.push, _push_at(state)))
        wishes.append((state.lanes.verify, _verify_at(state)))
    return min((_held(lane, at) for lane, at in wishes if at is not None and not lane.busy), default=None)


def may_go_on(state: State, feed: Feed, now: datetime) -> bool:
    """Tell whether a poll that found nothing new may take the feed's next listing: nothing more urgent is due.

    What is read once, and in long runs, is stored page by page instead: a crash there costs more than a few calls.
    """
    if isinstance(state, NotConnected) or feed not in _LIVE_FEEDS or not _may_work(state):
        return False
    return _due_pulls(state, now)[:1] == [feed]


def lane_of(state: Syncing, lane: Lane) -> LaneState:
    """Read one lane."""
    match lane:
        case Lane.AUTH:
            return state.lanes.auth
        case Lane.PULL:
            return state.lanes.pull
        case Lane.PUSH:
            return state.lanes.push
        case Lane.VERIFY:
            return state.lanes.verify
        case _:
            assert_never(lane)


def with_lane(state: Syncing, lane: Lane, value: LaneState) -> Syncing:
    """Replace one lane."""
    match lane:
        case Lane.AUTH:
            return replace(state, lanes=replace(state.lanes, auth=value))
        case Lane.PULL:
            return replace(state, lanes=replace(state.lanes, pull=value))
        case Lane.PUSH:
            return replace(state, lanes=replace(state.lanes, push=value))
        case Lane.VERIFY:
            return replace(state, lanes=replace(state.lanes, verify=value))
        case _:
            assert_never(lane)


def is_free(lane: LaneState, now: datetime) -> bool:
    """Whether a lane may start an effect now."""
    return not lane.busy and (lane.not_before is None or lane.not_before <= now)


def with_cursor(state: Syncing, cursor: Cursor) -> Syncing:
    """Replace the cursor of one feed."""
    return replace(state, cursors=tuple(({c.feed: c for c in state.cursors} | {cursor.feed: cursor}).values()))


def dated(state: Syncing, now: datetime, policy: Policy) -> Syncing:
    """Give every feed that waits the deadline which a restart would find (deadlines.py)."""
    return replace(state, cursors=with_deadlines(state.cursors, state.connection, now, policy.pull))


# ---- what each lane would start --------------------------------------------------------------------------------------


def _auth_effect(state: Syncing, now: datetime, _policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    if not _is_due(_auth_at(state), now):
        return state, None
    partner_id = state.scope.partner_id
    if state.connection.disconnecting:
        return state, RevokeToken(partner_id=partner_id, give_up=state.lanes.auth.failures >= REVOKE_ATTEMPTS)
    return state, RefreshToken(partner_id=partner_id)


def _push_effect(state: Syncing, now: datetime, _policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    if not _is_due(_push_at(state), now):
        return state, None
    return state, PushNext(scope=state.scope, timezone=state.connection.timezone)


def _verify_effect(state: Syncing, now: datetime, _policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    if not _is_due(_verify_at(state), now):
        return state, None
    return state, VerifyBooks(scope=state.scope, timezone=state.connection.timezone, cursors=state.cursors)


def _pull_effect(state: Syncing, now: datetime, policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    due = _due_pulls(state, now)
    if not due:
        return state, None
    # After a failure it is another's turn, so that one listing that always fails does not hold up all the others.
    match due[state.lanes.pull.failures % len(due)]:
        case _Errand.REREADS:
            return state, RereadObjects(scope=state.scope)
        case _Errand.ACCOUNTS:
            return state, ListAccounts(scope=state.scope)
        case _Errand.CALLBACKS:
            return state, EnsureCallbacks(scope=state.scope)
        case Feed() as feed:
            return _feed_effect(state, feed, now, policy)
        case unknown:
            assert_never(unknown)


def _due_pulls(state: Syncing, now: datetime) -> list[_Errand | Feed]:
    """List what the pull lane could do now, first things first: what lives goes before what is history."""
    due: list[_Errand | Feed] = []
    if _is_due(state.schedule.reread_at, now):
        due.append(_Errand.REREADS)
    if _is_due(state.schedule.accounts_at, now):
        due.append(_Errand.ACCOUNTS)
    if _is_due(state.schedule.callbacks_at, now):
        due.append(_Errand.CALLBACKS)
    return [*due, *(feed for feed in _feeds(state) if _is_due(_feed_at(cursor_of(state, feed)), now))]


def _feed_effect(state: Syncing, feed: Feed, now: datetime, policy: Policy) -> tuple[Syncing, LaneEffect]:
    cursor = cursor_of(state, feed)
    if not cursor.is_running:
        cursor = _begin(state, cursor, now, policy)
        state = dated(with_cursor(state, cursor), now, policy)
    if feed is Feed.BACKFILL and cursor.pages_expected == 0:
        return state, CountPages(scope=state.scope, cursor=cursor)
    return state, PullPages(scope=state.scope, cursor=cursor)


def _begin(state: Syncing, cursor: Cursor, now: datetime, policy: Policy) -> Cursor:
    return start(cursor.feed, _passes(state, cursor, now, policy.pull), now, policy.pull.page_size, cursor.runs)


def _passes(state: Syncing, cursor: Cursor, now: datetime, policy: PullPolicy) -> tuple[Pass, ...]:
    """List what a feed's next run reads: changes from the day its last complete run began, less the overlap (P9)."""
    match cursor.feed:
        case Feed.BACKFILL:
            return backfill_passes(now.astimezone(EASTERN).date(), policy)
        case Feed.CENSUS:
            return census_passes()
        case Feed.PAYMENTS | Feed.INVOICES | Feed.CLOSING as feed:
            began_at = cursor.began_at or cursor_of(state, Feed.BACKFILL).began_at or now
            # A run that began on a clock ahead of ours would ask for changes of days to come.
            since = min(began_at, now) - policy.overlap
            return change_passes(feed, since.astimezone(EASTERN).date())
        case _:
            assert_never(cursor.feed)


def _feeds(state: Syncing) -> tuple[Feed, ...]:
    """List the feeds of this stage by precedence."""
    stage = (Feed.BACKFILL, Feed.CLOSING) if isinstance(state, Pending) else (Feed.CENSUS,)
    return (*_LIVE_FEEDS, *stage)


_LANES = (
    (Lane.AUTH, _auth_effect),
    (Lane.PULL, _pull_effect),
    (Lane.PUSH, _push_effect),
    (Lane.VERIFY, _verify_effect),
)
"""What each lane would start; all but the first only while there is anything to work with."""


# ---- when each lane has something to do ------------------------------------------------------------------------------


def _auth_at(state: Syncing) -> datetime | None:
    if is_leaving(state):
        return None
    if state.connection.disconnecting:
        # The tokens are revoked only when nothing uses them any more.
        users = (state.lanes.pull, state.lanes.push, state.lanes.verify)
        return None if any(lane.busy for lane in users) else EPOCH
    if state.parked is not None or state.connection.paused:
        return None
    return state.schedule.refresh_at


def _push_at(state: Syncing) -> datetime | None:
    if not isinstance(state, Connected) or not state.connection.accounts_chosen:
        return None
    return state.schedule.push_at


def _verify_at(state: Syncing) -> datetime | None:
    if not isinstance(state, Connected):
        return None
    return state.schedule.verify_at


def _pull_at(state: Syncing) -> datetime | None:
    feeds = (_feed_at(cursor_of(state, feed)) for feed in _feeds(state))
    schedule = state.schedule
    dates = (schedule.reread_at, schedule.accounts_at, schedule.callbacks_at, *feeds)
    return min((at for at in dates if at is not None), default=None)


def _feed_at(cursor: Cursor) -> datetime | None:
    return EPOCH if cursor.is_running else cursor.due_at


def _may_work(state: Syncing) -> bool:
    stopped = state.parked is not None or state.connection.paused or state.connection.disconnecting
    return not stopped and not is_leaving(state) and state.schedule.token_until is not None


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _held(lane: LaneState, at: datetime) -> datetime:
    return at if lane.not_before is None else max(at, lane.not_before)
