"""Whatever happens to a supervisor in whatever order, these hold: each rule is a property over random scripts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core import events
from daemon.core.backfill import Cursor, Feed
from daemon.core.policy import Policy, PullPolicy
from daemon.core.schedule import _begin, lane_of, wake_at
from daemon.core.state import Connected, Connection, ConnectionStatus, Lane, Lanes, Pending, Syncing, cursor_of
from daemon.core.transition import restore
from tests.core.stored_world import World
from tests.core.supervisors import SCOPE, connected_connection, gone_connection, minutes, pending_connection

POLICIES = (
    Policy(),
    Policy(pull=PullPolicy(invoices_interval=minutes(5), payments_interval=minutes(1), closing_passes_max=2)),
    Policy(pull=PullPolicy(invoices_interval=timedelta(days=1), page_size=50), token_refresh_margin=timedelta(hours=3)),
)
Act = Callable[[World], None]


def act(name: str, do: Act) -> Act:
    do.__name__ = name
    return do


def answer(lane: Lane, changed: int, pages: int) -> Act:
    return act(f"answer_{lane}_{changed}_{pages}", lambda w: w.answer(lane, changed=changed, pages=pages))


def stride(steps: int, changed: int) -> Act:
    """Several ordinary answers in a row, so that a script gets far."""

    def do(world: World) -> None:
        for _ in range(steps):
            for lane in Lane:
                world.answer(lane, changed=changed)
            if not world.in_flight:
                world.wake()

    return act(f"stride_{steps}_{changed}", do)


def pass_time(seconds: int) -> Act:
    def do(world: World) -> None:
        world.now += timedelta(seconds=seconds)

    return act(f"pass_{seconds}_s", do)


def retune(policy: Policy) -> Act:
    def do(world: World) -> None:
        world.policy = policy
        world.step(events.PolicyChanged())

    return act("retune", do)


def disconnect(world: World) -> None:
    if world.stored.scope is not None:
        world.change(disconnecting=True)


def lose_both_tokens(world: World) -> None:
    world.reject(Lane.PULL)
    world.lose_token()


def end(world: World) -> None:
    world.change(status=ConnectionStatus.NOT_CONNECTED, scope=None, disconnecting=False)


def set_clock_back(world: World) -> None:
    world.now -= timedelta(hours=3)


WAKE = act("wake", lambda w: w.wake())
UNPAUSE = act("unpause", lambda w: w.change(paused=False))
CONSENT = act("consent", lambda w: w.consent())
ANSWERS = [answer(lane, changed, pages) for lane in Lane for changed, pages in ((0, 0), (0, 1), (1, 3), (2, 2))]
STRIDES = [stride(steps, changed) for steps, changed in ((2, 0), (3, 1), (5, 0), (8, 0), (8, 2))]
PASSAGES = [pass_time(seconds) for seconds in (1, 30, 200, 4000, 50_000, 700_000)]
FAILURES = [
    act("fail_auth", lambda w: w.fail(Lane.AUTH)),
    act("fail_pull", lambda w: w.fail(Lane.PULL)),
    act("fail_push", lambda w: w.fail(Lane.PUSH, timedelta(seconds=40))),
    act("reject_pull", lambda w: w.reject(Lane.PULL)),
    act("reject_push", lambda w: w.reject(Lane.PUSH)),
    act("lose_token", lambda w: w.lose_token()),
    act("lose_both_tokens", lose_both_tokens),
]
OUTSIDE = [
    act("push_arrives", lambda w: w.step(events.PushArrived())),
    act("reread_asked", lambda w: w.step(events.RereadAsked())),
    act("verifier_arrives", lambda w: w.step(events.VerifierArrived())),
    act("wake_early", lambda w: w.step(events.Woke())),
    act("accounts_chosen", lambda w: w.change(accounts_chosen=True)),
    act("sync_now", lambda w: w.change(sync_asked_at=w.now)),
    act("pause", lambda w: w.change(paused=True)),
    UNPAUSE,
    *[act("disconnect", disconnect)] * 2,
    *(retune(policy) for policy in POLICIES),
]
DEATHS = [
    act("restart", lambda w: w.restart()),
    act("commit_and_die", lambda w: w.commit_and_die()),
    act("die_before_any_store", lambda w: w.answer(Lane.PULL, stores=0)),
    act("die_after_one_store", lambda w: w.answer(Lane.PULL, stores=1)),
]
UPHEAVALS = [
    act("end", end),
    act("move", lambda w: w.move()),
    act("set_clock_back", set_clock_back),
    act("sync_now_on_a_clock_ahead", lambda w: w.change(sync_asked_at=w.now + minutes(1))),
]
ALIVE = [*ANSWERS, *STRIDES * 5, *[WAKE] * 4, *PASSAGES, *FAILURES, *OUTSIDE, *[CONSENT, UNPAUSE] * 2]
ORDINARY = [*ALIVE, *DEATHS]
STEADY = [do for do in ORDINARY if do.__name__ != "retune"]
ANYTHING = [*ORDINARY, *UPHEAVALS]
BEGINNINGS = st.sampled_from([pending_connection(), pending_connection(), connected_connection(), gone_connection()])


def scripts(acts: list[Act], size: int = 40) -> st.SearchStrategy[list[Act]]:
    return st.lists(st.sampled_from(acts), min_size=size // 2, max_size=size)


def play(world: World, script: list[Act]) -> None:
    for do in script:
        do(world)


# ---- the properties --------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(beginning=BEGINNINGS, script=scripts(ANYTHING))
def test_every_step_keeps_the_invariants(beginning: Connection, script: list[Act]) -> None:
    world = World(beginning)
    play(world, script)  # World.step checks after every step
    if isinstance(world.state, Pending | Connected):
        assert {lane for lane in Lane if lane_of(world.state, lane).busy} == world.in_flight.keys()


@settings(max_examples=30, deadline=None)
@given(script=scripts(ANYTHING))
def test_pending_always_ends_in_connected_once_the_world_is_well(script: list[Act]) -> None:
    world = World()
    play(world, script)
    make_well(world)
    for _ in range(400):
        if isinstance(world.state, Connected):
            break
        answer_all(world)
        if not world.in_flight:
            world.wake()
    assert isinstance(world.state, Connected), world.state


@settings(max_examples=30, deadline=None)
@given(beginning=BEGINNINGS, policy=st.sampled_from(POLICIES), script=scripts(STEADY))
def test_a_restart_in_any_state_resumes_exactly_there(beginning: Connection, policy: Policy, script: list[Act]) -> None:
    world = World(beginning, policy)
    for do in script:
        do(world)
        restored = restore(world.stored, world.now, world.policy)
        assert type(restored) is type(world.state) or is_ending(world)
        if isinstance(world.state, Pending | Connected) and isinstance(restored, Pending | Connected):
            assert_resumes(world.state, restored, world)


def test_a_live_feed_waits_for_the_backfill_so_that_a_restart_finds_the_deadline_it_began_by() -> None:
    world = World()
    for _ in range(3):
        world.fail(Lane.PULL)
        world.now += minutes(4)
        world.step(events.Woke())
    answer_all(world)
    for _ in range(4):
        assert isinstance(world.state, Pending)
        begun = [cursor.feed for cursor in world.state.cursors if cursor.is_running]
        assert not begun or Feed.BACKFILL in begun
        restored = restore(world.stored, world.now, world.policy)
        assert isinstance(restored, Pending)
        assert_resumes(world.state, restored, world)
        answer_all(world)


@settings(max_examples=20, deadline=None)
@given(beginning=BEGINNINGS, script=scripts(ORDINARY))
def test_progress_never_goes_back(beginning: Connection, script: list[Act]) -> None:
    world = World(beginning)
    percent = 0
    for do in script:
        do(world)
        if isinstance(world.state, Pending | Connected):
            now = cursor_of(world.state, Feed.BACKFILL).percent
            assert now >= percent
            percent = now


@settings(max_examples=20, deadline=None)
@given(beginning=BEGINNINGS, script=scripts(ALIVE))
def test_a_draining_supervisor_starts_nothing_and_comes_to_rest(beginning: Connection, script: list[Act]) -> None:
    world = World(beginning)
    play(world, script)
    world.step(events.DrainAsked())
    assert not world.started
    for lane in Lane:
        world.answer(lane, changed=2)
        assert not world.started
        world.step(events.PushArrived())
        assert not world.started
    assert not world.in_flight
    assert wake_at(world.state) is None


# ---- how ------------------------------------------------------------------------------------------------------------


def make_well(world: World) -> None:
    """Mend all that a person can mend: consent again, unpause; what is in flight answers."""
    world.change(paused=False)
    answer_all(world)
    answer_all(world)
    world.consent()
    answer_all(world)


def answer_all(world: World) -> None:
    for lane in Lane:
        world.answer(lane)


def is_ending(world: World) -> bool:
    """Whether the stored connection has ended and the supervisor has yet to learn it."""
    return world.stored.scope != SCOPE


def assert_resumes(state: Syncing, restored: Syncing, world: World) -> None:
    assert restored.parked == state.parked
    assert restored.lanes == Lanes()
    stored = {cursor.feed: cursor for cursor in world.stored.cursors}
    if Feed.BACKFILL not in stored:
        return  # nothing has begun yet
    for feed in Feed:
        mine, theirs = cursor_of(state, feed), cursor_of(restored, feed)
        if mine.is_running and (mine.pages_done == 0):
            assert_begins_again(mine, restored, world)
        elif mine.began_at is not None or feed not in {Feed.PAYMENTS, Feed.INVOICES}:
            assert due(theirs, world) == due(mine, world), feed
            if feed in stored:
                assert replace(theirs, due_at=None) == replace(mine, due_at=None)


def assert_begins_again(mine: Cursor, restored: Syncing, world: World) -> None:
    """A run of which nothing is stored yet is begun again, and reads from the same day on."""
    theirs = cursor_of(restored, mine.feed)
    if theirs != mine:
        assert mine.began_at is not None
        assert not theirs.is_running
        assert theirs.due_at is not None
        assert theirs.due_at <= world.now
        assert _begin(restored, theirs, mine.began_at, world.policy).queue == mine.queue


def due(cursor: Cursor, world: World) -> object:
    return cursor.due_at and max(cursor.due_at, world.now)
