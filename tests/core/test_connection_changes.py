"""What a change of the connection does to a supervisor: consent, disconnect, pause, Sync now, another account."""

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core import events
from daemon.core.backfill import Feed
from daemon.core.effects import (
    Effect,
    ListAccounts,
    PullPages,
    PushNext,
    RefreshToken,
    RereadObjects,
    RevokeToken,
    VerifyBooks,
)
from daemon.core.schedule import REVOKE_ATTEMPTS, wake_at
from daemon.core.state import (
    Connected,
    Connection,
    ConnectionStatus,
    Lane,
    LaneState,
    NotConnected,
    Pending,
    State,
    Syncing,
    cursor_of,
    is_leaving,
)
from tests.core.stored_world import World
from tests.core.supervisors import (
    NOW,
    OTHER_SCOPE,
    SCOPE,
    TOKEN_LIFE,
    calm,
    connected_connection,
    gone_connection,
    idle,
    in_flight,
    minutes,
    pending_connection,
    running,
    settled,
    step,
    step_syncing,
    syncing,
    with_cursors,
)


def changed(state: State, connection: Connection) -> tuple[Syncing, list[Effect]]:
    return step_syncing(state, events.ConnectionChanged(connection=connection))


RECONNECTED = connected_connection(epoch=2, token_expires_at=NOW + TOKEN_LIFE)

# ---- C1, C7: consent -------------------------------------------------------------------------------------------------


def test_consent_begins_the_initial_sync_as_pending() -> None:
    state, effects = step_syncing(
        NotConnected(partner_id=SCOPE.partner_id), events.ConnectionChanged(connection=pending_connection())
    )
    assert isinstance(state, Pending)
    assert [type(effect) for effect in effects] == [RereadObjects]
    assert cursor_of(state, Feed.BACKFILL).due_at == NOW


def test_a_reconnect_after_reconnect_needed_resumes_exactly_there() -> None:
    page = running(Feed.INVOICES)
    parked = replace(with_cursors(idle(connected_connection()), page), parked="revoked")
    state, effects = changed(parked, replace(RECONNECTED, cursors=parked.cursors))
    assert state.parked is None
    assert cursor_of(state, Feed.INVOICES) == page
    assert [type(effect) for effect in effects] == [RereadObjects, PushNext, VerifyBooks]


def test_a_reconnect_forgives_the_failures_of_the_old_tokens() -> None:
    held = LaneState(failures=9, not_before=NOW + minutes(5))
    state = settled()
    state = replace(state, lanes=replace(state.lanes, auth=held, pull=held, push=held))
    after, _ = changed(state, RECONNECTED)
    lanes = (after.lanes.auth, after.lanes.pull, after.lanes.push)
    assert [(lane.failures, lane.not_before) for lane in lanes] == [(0, None)] * 3


@pytest.mark.parametrize(
    "answer",
    [
        events.TokenLost(reason="spent"),
        events.TokenRevoked(),
        events.TokenRefreshed(expires_at=NOW + minutes(1)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_becomes_of_replaced_tokens_changes_nothing_for_the_new_ones(answer: events.Event) -> None:
    state, _ = changed(in_flight(settled(), Lane.AUTH), RECONNECTED)
    assert state.lanes.auth.stale
    after, effects = step_syncing(state, answer)
    assert effects == []
    assert after.parked is None
    assert after.schedule.token_until == RECONNECTED.token_expires_at
    assert not after.lanes.auth.busy


def test_a_reconnect_after_a_reset_takes_the_stored_cursors_and_not_the_remembered_ones() -> None:
    state, _ = changed(settled(), replace(RECONNECTED, status=ConnectionStatus.PENDING, cursors=()))
    assert isinstance(state, Pending)
    assert cursor_of(state, Feed.BACKFILL).due_at == NOW


# ---- C6: disconnect --------------------------------------------------------------------------------------------------


def test_disconnect_starts_nothing_more_and_revokes_when_all_have_answered() -> None:
    ending = connected_connection(disconnecting=True)
    state, effects = changed(in_flight(idle(connected_connection()), Lane.PULL, Lane.PUSH), ending)
    assert effects == []
    state, effects = step_syncing(state, events.Pushed(next_at=NOW))
    assert effects == []
    assert wake_at(state) is None
    _, effects = step_syncing(state, events.CallFailed(lane=Lane.PULL))
    assert effects == [RevokeToken(partner_id=SCOPE.partner_id, give_up=False)]


def test_a_parked_or_paused_partner_can_disconnect() -> None:
    for connection in (connected_connection(parked="revoked"), connected_connection(paused=True)):
        _, effects = changed(idle(connection), replace(connection, disconnecting=True))
        assert effects == [RevokeToken(partner_id=SCOPE.partner_id, give_up=False)]


def test_disconnect_does_not_wait_for_the_backoff_of_earlier_refreshes() -> None:
    state = settled()
    state = replace(state, lanes=replace(state.lanes, auth=LaneState(failures=9, not_before=NOW + minutes(5))))
    _, effects = changed(state, connected_connection(disconnecting=True))
    assert effects == [RevokeToken(partner_id=SCOPE.partner_id, give_up=False)]


def test_tokens_that_freshbooks_will_not_revoke_are_given_up_after_some_attempts() -> None:
    state, effects = changed(settled(), connected_connection(disconnecting=True))
    now = NOW
    for attempt in range(REVOKE_ATTEMPTS + 1):
        assert effects == [RevokeToken(partner_id=SCOPE.partner_id, give_up=attempt == REVOKE_ATTEMPTS)]
        state, _ = step_syncing(state, events.CallFailed(lane=Lane.AUTH), now)
        now = wake_at(state) or now
        state, effects = step_syncing(state, events.Woke(), now)


def test_a_disconnect_that_is_stored_before_its_answer_arrives_ends_quietly() -> None:
    state = in_flight(calm(connected_connection(disconnecting=True)), Lane.AUTH)
    waiting, effects = changed(state, gone_connection())
    assert effects == []
    assert is_leaving(waiting)
    assert wake_at(waiting) is None
    assert step(waiting, events.TokenRevoked()) == (NotConnected(partner_id=SCOPE.partner_id), [])


def test_a_connection_that_ends_while_nothing_is_in_flight_ends_at_once() -> None:
    assert step(settled(), events.ConnectionChanged(connection=gone_connection())) == (
        NotConnected(partner_id=SCOPE.partner_id),
        [],
    )


# ---- another account -------------------------------------------------------------------------------------------------


def test_another_account_is_begun_when_the_effects_of_the_old_one_have_answered() -> None:
    moved = pending_connection(scope=OTHER_SCOPE, epoch=2)
    state, effects = changed(in_flight(settled(), Lane.PULL, Lane.AUTH), moved)
    assert effects == []
    state, effects = step_syncing(state, events.PagesStored(scope=SCOPE, cursor=running(Feed.PAYMENTS)))
    assert effects == []
    state, effects = step_syncing(state, events.TokenLost(reason="of the old account"))
    assert effects == [RereadObjects(scope=OTHER_SCOPE)]
    assert isinstance(state, Pending)
    assert state.parked is None
    assert state.scope == OTHER_SCOPE
    assert not cursor_of(state, Feed.PAYMENTS).is_running


# ---- pause, accounts, Sync now ---------------------------------------------------------------------------------------


def test_a_paused_partner_starts_nothing_and_goes_on_when_released() -> None:
    paused, effects = changed(idle(connected_connection()), connected_connection(paused=True))
    assert effects == []
    assert wake_at(paused) is None
    _, effects = changed(paused, connected_connection())
    assert [type(effect) for effect in effects] == [RefreshToken, RereadObjects, PushNext]


def test_sync_now_reads_everything_that_lives_at_once() -> None:
    world = World(connected_connection())
    world.answer(Lane.PULL)
    world.answer(Lane.PULL)
    world.now += timedelta(seconds=5)
    world.change(sync_asked_at=world.now)
    read = []
    while world.in_flight.get(Lane.PULL):
        read.append(world.in_flight[Lane.PULL])
        world.answer(Lane.PULL)
    assert {type(effect) for effect in read} >= {RereadObjects, ListAccounts, PullPages}
    feeds = [effect.cursor.feed for effect in read if isinstance(effect, PullPages)]
    assert list(dict.fromkeys(feeds)) == [Feed.PAYMENTS, Feed.INVOICES]


def test_sync_now_during_a_run_is_followed_by_another_run() -> None:
    began_at = NOW - minutes(1)
    state = in_flight(with_cursors(settled(), running(Feed.INVOICES, began_at)), Lane.PULL)
    state, _ = changed(state, connected_connection(sync_asked_at=NOW))
    last = replace(running(Feed.INVOICES, began_at), queue=())
    state, _ = step_syncing(state, events.PagesStored(scope=SCOPE, cursor=last))
    assert cursor_of(state, Feed.INVOICES).due_at == NOW


def test_sync_now_outlives_a_restart() -> None:
    state = syncing(connected_connection(sync_asked_at=NOW - timedelta(seconds=1)))
    assert cursor_of(state, Feed.INVOICES).due_at == NOW
    served = syncing(connected_connection(sync_asked_at=NOW - minutes(15)))
    assert cursor_of(served, Feed.INVOICES).due_at == NOW + minutes(50)


def test_sync_now_pressed_on_a_clock_ahead_of_ours_is_served_once() -> None:
    world = World(connected_connection())
    world.answer(Lane.PULL)
    world.answer(Lane.PULL)
    world.change(sync_asked_at=world.now + minutes(30))
    for _ in range(30):
        world.answer(Lane.PULL)
    assert Lane.PULL not in world.in_flight
    assert isinstance(world.state, Connected)
    assert cursor_of(world.state, Feed.INVOICES).runs == 2
