"""Which effect each lane should start now, and when to wake up next: both read off the state's deadlines."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.core.backfill import Cursor, Feed, backfill_passes, census_passes, change_passes, start
from daemon.core.effects import (
    CountPages,
    LaneEffect,
    ListAccounts,
    PullPages,
    PushNext,
    RefreshToken,
    RereadObjects,
    RevokeToken,
)
from daemon.core.policy import Policy
from daemon.core.state import Connected, Lane, LaneState, Pending, Syncing, cursor_of

EASTERN = ZoneInfo("America/New_York")
"""FreshBooks evaluates `updated_min` in this zone (FB API s4.2)."""
REVOKE_ATTEMPTS = 5
"""After so many failed attempts to revoke, the tokens are forgotten without FreshBooks' word (C6)."""
_LIVE_FEEDS = (Feed.PAYMENTS, Feed.INVOICES)


def start_work(state: Syncing, now: datetime, policy: Policy) -> tuple[Syncing, list[LaneEffect]]:
    """Start every lane that is free and has something due."""
    effects: list[LaneEffect] = []
    if _is_due(state.schedule.token_until, now):
        state = replace(state, schedule=replace(state.schedule, token_until=None))
    for lane, choose in ((Lane.AUTH, _auth_effect), (Lane.PULL, _pull_effect), (Lane.PUSH, _push_effect)):
        if not is_free(lane_of(state, lane), now):
            continue
        state, effect = choose(state, now, policy)
        if effect is not None:
            effects.append(effect)
            state = with_lane(state, lane, replace(lane_of(state, lane), busy=True))
    return state, effects


def wake_at(state: Syncing) -> datetime | None:
    """Tell the earliest moment at which a free lane has something to do, or None when only an event can bring work."""
    wishes = (
        (state.lanes.auth, _auth_at(state)),
        (state.lanes.pull, _pull_at(state)),
        (state.lanes.push, _push_at(state)),
    )
    return min((_held(lane, at) for lane, at in wishes if at is not None and not lane.busy), default=None)


def lane_of(state: Syncing, lane: Lane) -> LaneState:
    """Read one lane."""
    return {Lane.AUTH: state.lanes.auth, Lane.PULL: state.lanes.pull, Lane.PUSH: state.lanes.push}[lane]


def with_lane(state: Syncing, lane: Lane, value: LaneState) -> Syncing:
    """Replace one lane."""
    match lane:
        case Lane.AUTH:
            return replace(state, lanes=replace(state.lanes, auth=value))
        case Lane.PULL:
            return replace(state, lanes=replace(state.lanes, pull=value))
        case Lane.PUSH:
            return replace(state, lanes=replace(state.lanes, push=value))


def is_free(lane: LaneState, now: datetime) -> bool:
    """Whether a lane may start an effect now."""
    return not lane.busy and (lane.not_before is None or lane.not_before <= now)


def with_cursor(state: Syncing, cursor: Cursor) -> Syncing:
    """Replace the cursor of one feed."""
    others = tuple(c for c in state.cursors if c.feed is not cursor.feed)
    return replace(state, cursors=(*others, cursor))


# ---- what each lane would start --------------------------------------------------------------------------------------


def _auth_effect(state: Syncing, now: datetime, _policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    due = _auth_at(state)
    if due is None or due > now:
        return state, None
    if state.connection.disconnecting:
        if state.lanes.pull.busy or state.lanes.push.busy:
            return state, None
        return state, RevokeToken(
            partner_id=state.scope.partner_id, give_up=state.lanes.auth.failures >= REVOKE_ATTEMPTS
        )
    return state, RefreshToken(partner_id=state.scope.partner_id)


def _push_effect(state: Syncing, now: datetime, _policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    due = _push_at(state)
    if due is None or due > now:
        return state, None
    return state, PushNext(scope=state.scope, timezone=state.connection.timezone)


def _pull_effect(state: Syncing, now: datetime, policy: Policy) -> tuple[Syncing, LaneEffect | None]:
    due = _pull_at(state)
    if due is None or due > now:
        return state, None
    if _is_due(state.schedule.reread_at, now):
        return state, RereadObjects(scope=state.scope)
    if _is_due(state.schedule.accounts_at, now):
        return state, ListAccounts(scope=state.scope)
    cursor = _next_run(state, now, policy)
    if cursor is None:
        return state, None
    state = with_cursor(state, cursor)
    if cursor.feed is Feed.BACKFILL and cursor.pages_expected == 0:
        return state, CountPages(scope=state.scope, cursor=cursor)
    return state, PullPages(scope=state.scope, cursor=cursor)


def _next_run(state: Syncing, now: datetime, policy: Policy) -> Cursor | None:
    """Choose the feed to read a page of: what lives goes before what is history, what is begun before what is due."""
    for feed in (*_LIVE_FEEDS, *_stage_feeds(state)):
        cursor = cursor_of(state, feed)
        if cursor.is_running:
            return cursor
        if _is_due(cursor.due_at, now):
            return _begin(state, cursor, now, policy)
    return None


def _begin(state: Syncing, cursor: Cursor, now: datetime, policy: Policy) -> Cursor:
    """Begin a feed's next run: changes from the day its last complete run began, less the overlap."""
    match cursor.feed:
        case Feed.BACKFILL:
            passes = backfill_passes(now.astimezone(EASTERN).date(), policy.pull)
        case Feed.CENSUS:
            passes = census_passes()
        case Feed.PAYMENTS | Feed.INVOICES | Feed.CLOSING:
            since = cursor.began_at or cursor_of(state, Feed.BACKFILL).began_at or now
            passes = change_passes(cursor.feed, (since - policy.pull.overlap).astimezone(EASTERN).date())
    return start(cursor.feed, passes, now, cursor.runs)


def _stage_feeds(state: Syncing) -> tuple[Feed, ...]:
    return (Feed.BACKFILL, Feed.CLOSING) if isinstance(state, Pending) else (Feed.CENSUS,)


# ---- when each lane has something to do ------------------------------------------------------------------------------


def _auth_at(state: Syncing) -> datetime | None:
    if state.connection.disconnecting:
        return None if state.lanes.pull.busy or state.lanes.push.busy else EPOCH
    if state.parked is not None or state.connection.paused:
        return None
    return state.schedule.refresh_at


def _push_at(state: Syncing) -> datetime | None:
    if not _may_work(state) or not isinstance(state, Connected) or not state.connection.accounts_chosen:
        return None
    return state.schedule.push_at


def _pull_at(state: Syncing) -> datetime | None:
    if not _may_work(state):
        return None
    cursors = [cursor_of(state, feed) for feed in (*_LIVE_FEEDS, *_stage_feeds(state))]
    if any(cursor.is_running for cursor in cursors):
        return EPOCH
    dates = (state.schedule.reread_at, state.schedule.accounts_at, *(cursor.due_at for cursor in cursors))
    return min((at for at in dates if at is not None), default=None)


EPOCH = datetime.min.replace(tzinfo=ZoneInfo("UTC"))
"""Earlier than any deadline: work that is due now."""


def _may_work(state: Syncing) -> bool:
    free = state.parked is None and not state.connection.paused and not state.connection.disconnecting
    return free and state.schedule.token_until is not None


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _held(lane: LaneState, at: datetime) -> datetime:
    return at if lane.not_before is None else max(at, lane.not_before)
