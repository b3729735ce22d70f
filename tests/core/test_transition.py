"""The supervisor's table, the pairs that cannot be, and the rules of product.md that span several steps."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from daemon.core import events
from daemon.core.backfill import Cursor, Feed
from daemon.core.effects import (
    Effect,
    MarkConnected,
    PullPages,
    PushNext,
    RefreshToken,
    RereadObjects,
    RevokeToken,
    StoreCursor,
)
from daemon.core.model import Resource
from daemon.core.policy import Policy
from daemon.core.schedule import wake_at
from daemon.core.state import Connected, ConnectionStatus, Lane, LaneState, Pending, State, Syncing, cursor_of
from daemon.core.transition import IllegalTransitionError
from tests.core.stored_world import World
from tests.core.supervisors import (
    NOW,
    OTHER_SCOPE,
    POLICY,
    SCOPE,
    TOKEN_LIFE,
    calm,
    connected_connection,
    finished,
    history,
    idle,
    in_flight,
    minutes,
    pending_connection,
    settled,
    step,
    step_syncing,
    syncing,
)
from tests.core.transition_rows import ENDING, NOBODY, ROWS, RUN


@pytest.mark.parametrize(
    ("state", "event", "after", "effects"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_state_and_an_event_give_one_state_and_its_effects(
    state: State, event: events.Event, after: State, effects: list[Effect]
) -> None:
    assert step(state, event) == (after, effects)


ANSWERS: dict[str, events.Event] = {
    "TokenRefreshed": events.TokenRefreshed(expires_at=NOW + TOKEN_LIFE),
    "TokenLost": events.TokenLost(reason="revoked"),
    "TokenRevoked": events.TokenRevoked(),
    "PagesStored": events.PagesStored(scope=SCOPE, cursor=RUN),
    "ObjectsReread": events.ObjectsReread(next_at=None, served=True),
    "AccountsListed": events.AccountsListed(),
    "CallbacksEnsured": events.CallbacksEnsured(done=True),
    "Pushed": events.Pushed(next_at=None),
    "CallFailed auth": events.CallFailed(lane=Lane.AUTH),
    "CallFailed pull": events.CallFailed(lane=Lane.PULL),
    "CallFailed push": events.CallFailed(lane=Lane.PUSH),
    "TokenRejected": events.TokenRejected(lane=Lane.PULL),
}
ILLEGAL = [
    *((f"not connected: {name}", NOBODY, event) for name, event in ANSWERS.items()),
    *((f"pending, idle: {name}", calm(pending_connection()), event) for name, event in ANSWERS.items()),
    *((f"connected, idle: {name}", settled(), event) for name, event in ANSWERS.items()),
    (
        "pages of another account",
        in_flight(settled(), Lane.PULL),
        events.PagesStored(scope=OTHER_SCOPE, cursor=RUN),
    ),
    (
        "a push answers while only the pull lane is busy",
        in_flight(settled(), Lane.PULL),
        events.Pushed(next_at=None),
    ),
]


@pytest.mark.parametrize(("state", "event"), [row[1:] for row in ILLEGAL], ids=[row[0] for row in ILLEGAL])
def test_an_answer_that_nothing_in_flight_gave_raises_and_moves_nothing(state: State, event: events.Event) -> None:
    before = replace(state)
    with pytest.raises(IllegalTransitionError):
        step(state, event)
    assert state == before


# ---- C3: the initial sync --------------------------------------------------------------------------------------------


def closing_ends(changed: int, runs: int = 0, policy: Policy = POLICY) -> tuple[Syncing, list[Effect]]:
    """The last page of a closing pass is stored."""
    cursors = (finished(Feed.BACKFILL, NOW - minutes(2)),)
    state = in_flight(calm(pending_connection(cursors=cursors)), Lane.PULL)
    cursor = Cursor(feed=Feed.CLOSING, began_at=NOW - minutes(1), changed=changed, runs=runs)
    return step_syncing(state, events.PagesStored(scope=SCOPE, cursor=cursor), policy=policy)


def test_pending_until_a_closing_pass_found_nothing_new() -> None:
    still, effects = closing_ends(changed=1)
    assert isinstance(still, Pending)
    assert not any(isinstance(effect, MarkConnected) for effect in effects)
    connected, effects = closing_ends(changed=0)
    assert isinstance(connected, Connected)
    assert connected.connection.status is ConnectionStatus.CONNECTED
    assert MarkConnected(scope=SCOPE, at=NOW) in effects


def test_a_closing_pass_that_found_something_is_followed_by_another_from_its_own_day_on() -> None:
    state, effects = closing_ends(changed=1)
    repeated = [effect.cursor for effect in effects if isinstance(effect, PullPages)]
    assert [cursor.feed for cursor in repeated] == [Feed.CLOSING]
    assert {p.updated_from for p in repeated[0].queue if p.resource is not Resource.CREDITS} == {date(2026, 3, 2)}
    assert cursor_of(state, Feed.CLOSING).runs == 1


def test_a_closing_pass_is_repeated_at_most_closing_passes_max_times() -> None:
    policy = replace(POLICY, pull=replace(POLICY.pull, closing_passes_max=3))
    assert isinstance(closing_ends(changed=1, runs=1, policy=policy)[0], Pending)
    assert isinstance(closing_ends(changed=1, runs=2, policy=policy)[0], Connected)


def test_an_initial_sync_after_a_reconnect_counts_its_closing_passes_anew() -> None:
    world = World(pending_connection(cursors=(*history()[:1], finished(Feed.CLOSING, NOW - minutes(90), runs=5))))
    while isinstance(world.state, Pending) and cursor_of(world.state, Feed.CLOSING).runs < 2:
        world.answer(Lane.PULL, changed=1)
    assert isinstance(world.state, Pending)


def test_the_closing_pass_is_due_again_after_a_crash_between_two_of_them() -> None:
    _, effects = closing_ends(changed=1)
    stored = [effect.cursor for effect in effects if isinstance(effect, StoreCursor)]
    restored = syncing(pending_connection(cursors=(finished(Feed.BACKFILL, NOW - minutes(60)), *stored)), NOW)
    assert cursor_of(restored, Feed.CLOSING).due_at == NOW
    assert cursor_of(restored, Feed.CLOSING).runs == 1


def test_a_partner_whose_last_closing_pass_was_stored_but_not_its_connecting_is_not_stuck() -> None:
    stored = (*history()[:1], finished(Feed.CLOSING, NOW - minutes(60)))
    assert cursor_of(syncing(pending_connection(cursors=stored)), Feed.CLOSING).due_at == NOW


def test_a_reload_between_two_closing_passes_leaves_the_next_one_due() -> None:
    closing = replace(finished(Feed.CLOSING, NOW - minutes(9)), due_at=NOW - minutes(8))
    state = calm(pending_connection(cursors=(*history()[:1], closing)))
    after, _ = step_syncing(in_flight(state, Lane.PULL), events.PolicyChanged())
    assert cursor_of(after, Feed.CLOSING).due_at == NOW - minutes(8)


def test_payments_wait_while_the_initial_sync_runs() -> None:
    state = calm(pending_connection(accounts_chosen=True, cursors=history()), push_at=NOW)
    assert not state.lanes.push.busy
    assert not any(isinstance(e, PushNext) for e in step(state, events.PushArrived())[1])


# ---- C5: accounts ----------------------------------------------------------------------------------------------------


def test_payments_wait_until_accounts_are_chosen() -> None:
    state = calm(connected_connection(accounts_chosen=False))
    state, effects = step_syncing(state, events.PushArrived())
    assert effects == []
    _, effects = step_syncing(state, events.ConnectionChanged(connection=connected_connection()), NOW + minutes(1))
    assert PushNext(scope=SCOPE, timezone="America/New_York") in effects


# ---- tokens ----------------------------------------------------------------------------------------------------------


def test_a_lost_token_parks_the_partner_and_nothing_is_started() -> None:
    parked = replace(idle(connected_connection()), parked="revoked")
    for event in (events.Woke(), events.PushArrived(), events.RereadAsked(), events.PolicyChanged()):
        assert step(parked, event)[1] == []
    assert wake_at(parked) is None


def test_a_token_lost_while_disconnecting_parks_nobody_and_is_revoked_later() -> None:
    state, effects = step_syncing(in_flight(calm(ENDING), Lane.AUTH), events.TokenLost(reason="revoked"))
    assert effects == []
    assert state.parked is None
    assert step(state, events.Woke(), NOW + minutes(1))[1] == [RevokeToken(partner_id=SCOPE.partner_id, give_up=False)]


def test_work_goes_on_with_the_old_token_while_its_refresh_fails() -> None:
    state = in_flight(settled(refresh_at=NOW, push_at=NOW), Lane.AUTH)
    after, effects = step_syncing(state, events.CallFailed(lane=Lane.AUTH))
    assert [type(effect) for effect in effects] == [PushNext]
    assert after.lanes.auth.failures == 1


def test_nothing_is_asked_of_freshbooks_after_the_token_expired_until_a_refresh_succeeds() -> None:
    state = settled(token_until=NOW, refresh_at=NOW, push_at=NOW, reread_at=NOW)
    state, effects = step_syncing(state, events.Woke())
    assert effects == [RefreshToken(partner_id=SCOPE.partner_id)]
    state, effects = step_syncing(state, events.CallFailed(lane=Lane.AUTH))
    assert effects == []
    assert wake_at(state) == state.lanes.auth.not_before
    woken = state.lanes.auth.not_before or NOW
    state, effects = step_syncing(state, events.Woke(), woken)
    assert effects == [RefreshToken(partner_id=SCOPE.partner_id)]
    _, effects = step_syncing(state, events.TokenRefreshed(expires_at=woken + TOKEN_LIFE), woken)
    assert [type(effect) for effect in effects] == [RereadObjects, PushNext]


def test_a_token_that_arrives_expired_is_a_failure_and_not_a_loop() -> None:
    state = in_flight(settled(), Lane.AUTH)
    after, effects = step_syncing(state, events.TokenRefreshed(expires_at=NOW))
    assert effects == []
    assert after.lanes.auth.failures == 1
    assert after.schedule.token_until is None
    assert (wake_at(after) or NOW) > NOW


def test_a_token_is_refreshed_an_hour_before_it_expires_or_at_three_quarters_of_a_short_life() -> None:
    long, _ = step_syncing(in_flight(settled(), Lane.AUTH), events.TokenRefreshed(expires_at=NOW + TOKEN_LIFE))
    assert long.schedule.refresh_at == NOW + TOKEN_LIFE - minutes(60)
    assert long.schedule.token_until == NOW + TOKEN_LIFE
    short, _ = step_syncing(in_flight(settled(), Lane.AUTH), events.TokenRefreshed(expires_at=NOW + minutes(40)))
    assert short.schedule.refresh_at == NOW + minutes(30)


def test_effects_in_flight_during_a_refresh_still_use_the_old_token() -> None:
    state = in_flight(settled(), Lane.AUTH, Lane.PULL)
    after, _ = step_syncing(state, events.TokenRefreshed(expires_at=NOW + TOKEN_LIFE))
    assert after.lanes.pull.stale
    assert not after.lanes.push.stale


def test_an_expired_token_is_as_good_as_none_on_restart() -> None:
    state = syncing(connected_connection(token_expires_at=NOW - minutes(1)))
    after, effects = step_syncing(state, events.Woke())
    assert effects == [RefreshToken(partner_id=SCOPE.partner_id)]
    assert after.schedule.token_until is None


# ---- failures --------------------------------------------------------------------------------------------------------


def test_a_lane_forgets_its_failures_when_it_succeeds() -> None:
    state = in_flight(settled(), Lane.PUSH, failures=4)
    after, _ = step_syncing(state, events.Pushed(next_at=None))
    assert after.lanes.push == LaneState()


def test_a_lane_waits_at_least_as_long_as_freshbooks_asked() -> None:
    asked = timedelta(minutes=7)
    state, _ = step_syncing(
        in_flight(settled(push_at=NOW), Lane.PUSH), events.CallFailed(lane=Lane.PUSH, retry_after=asked)
    )
    assert state.lanes.push.not_before == NOW + asked
    state, _ = step_syncing(state, events.PushArrived(), NOW + minutes(6))
    assert not state.lanes.push.busy
    assert step_syncing(state, events.Woke(), NOW + asked)[0].lanes.push.busy
