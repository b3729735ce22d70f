"""The root supervisor: partners side by side, restarts, reload and stop, in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from daemon.actors.root import RESTARTS_MAX, STALLED_AFTER
from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import AuthorizationExpired, FreshBooksRefused, FreshBooksUnavailable, StoreUnavailable
from daemon.core.model import PartnerId, PushState
from daemon.core.policy import Policy, PullPolicy, PushPolicy, RatePolicy
from daemon.core.state import Connection, ConnectionStatus
from tests.actors.stage import ActorStage, connected, running
from tests.direct_freshbooks import is_post

SECOND = PartnerId("pt_2")
SECONDS = timedelta(seconds=1)


@pytest.mark.parametrize(
    "error",
    [
        AuthorizationExpired("401"),
        FreshBooksUnavailable("500"),
        FreshBooksUnavailable("no answer in time"),
        FreshBooksRefused("403", status=403),
    ],
    ids=["401", "500", "nothing", "403"],
)
async def test_an_account_that_answers_only_errors_delays_no_other_partner(error: Exception) -> None:
    stage = ActorStage(3, 40)
    broken = str(stage.account(0).account_id)

    def weather(call: Call) -> None:
        if broken in call.path:
            raise error

    stage.caller.turn(weather)
    stage.connect(0)
    stage.connect(1)
    async with running(stage):
        await stage.until(lambda: stage.status(1) is ConnectionStatus.CONNECTED, timedelta(seconds=30))
        invoice = stage.bill("31.00", index=1)
        stage.pay(invoice, "31.00", payment_id="pay_b", index=1)
        await stage.until(lambda: stage.fb_payments(invoice, index=1), 2 * SECONDS)
        assert stage.status(0) is ConnectionStatus.PENDING
        stage.caller.turn(lambda _: None)
        await stage.until(lambda: stage.status(0) is ConnectionStatus.CONNECTED, timedelta(minutes=10))


async def test_a_child_counts_as_begun_once_it_knows_where_its_partner_stands() -> None:
    stage = ActorStage(1, 0)
    away = [True]

    def fail(what: str) -> None:
        if what == "connection" and away:
            raise StoreUnavailable("a fail-over")

    stage.store.fail = fail
    stage.connect(0)
    async with running(stage):
        await stage.until(lambda: stage.root.count() == 1, 30 * SECONDS)
        await anyio.sleep(30)
        assert stage.root.begun() == 0
        away.clear()
        await stage.until(lambda: stage.root.begun() == 1, timedelta(minutes=5))


async def test_a_supervisor_that_crashes_is_restarted_alone() -> None:
    async with connected(5, 5) as stage:
        stage.connect(1)
        await stage.until(lambda: stage.status(1) is ConnectionStatus.CONNECTED)
        crashes = [ZeroDivisionError("our bug")]

        def fail(what: str) -> None:
            if what == "claim" and crashes:
                raise crashes.pop()

        stage.store.fail = fail
        invoice = stage.bill("10.00")
        stage.pay(invoice, "10.00")
        await stage.until(lambda: stage.fb_payments(invoice), timedelta(minutes=1))
        assert [fact[1] for fact in stage.notes.named("child_crashed")] == ["pt_1"]


async def test_a_child_that_exceeds_its_restart_intensity_is_parked_until_someone_touches_it() -> None:
    stage = ActorStage(5, 5)

    def fail(what: str) -> None:
        if what == "connection":
            raise ZeroDivisionError("our bug")

    stage.store.fail = fail
    stage.connect(0)
    async with running(stage):
        await stage.until(lambda: stage.notes.named("child_parked"), timedelta(hours=1))
        assert len(stage.notes.named("child_crashed")) == RESTARTS_MAX
        assert stage.root.views()[0].parked is not None
        stage.store.fail = lambda _: None
        stage.touch()
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED, timedelta(minutes=1))
        assert stage.root.views()[0].parked is None


async def test_a_supervisor_that_hangs_is_named_and_only_that_one() -> None:
    stage = ActorStage(5, 5)
    stage.connect(0)
    stage.connect(1)
    async with running(stage):
        await stage.until(lambda: stage.status(0) is stage.status(1) is ConnectionStatus.CONNECTED)
        await anyio.sleep(7200)
        assert stage.root.stalled() == ()
        original, hang = stage.store.connection, anyio.Event()

        async def hangs(partner_id: PartnerId) -> Connection:
            if partner_id == "pt_1":
                await hang.wait()
            return await original(partner_id)

        stage.store.connection = hangs  # type: ignore[method-assign]
        stage.touch(0)
        stage.touch(1)
        await anyio.sleep(STALLED_AFTER.total_seconds() - 1)
        assert stage.root.stalled() == ()
        await anyio.sleep(10)
        assert stage.root.stalled() == ("pt_1",)
        hang.set()
        await anyio.sleep(1)
        assert stage.root.stalled() == ()


async def test_supervisors_that_wait_for_postgres_or_after_a_crash_do_not_hang() -> None:
    async with connected(5, 5) as stage:

        def out(what: str) -> None:
            raise StoreUnavailable(f"no connection for {what}")

        def crash(what: str) -> None:
            if what == "connection":
                raise ZeroDivisionError(what)

        for trouble in (out, crash):
            stage.store.fail = trouble
            stage.touch()
            for _ in range(60):
                await anyio.sleep(60)
                assert stage.root.stalled() == ()


async def test_a_reload_retunes_running_supervisors_without_losing_an_effect() -> None:
    async with connected(5) as stage:
        before = len(stage.caller.asked)
        await anyio.sleep(3600)
        slow = len(stage.caller.asked) - before
        faster = Policy(pull=PullPolicy(payments_interval=timedelta(seconds=30)), rate=RatePolicy(calls_per_window=300))
        invoice = stage.bill("12.00")
        stage.pay(invoice, "12.00")
        assert stage.root.apply_policy(faster) == 1
        assert stage.root.apply_policy(faster) == 0
        await stage.until(lambda: stage.fb_payments(invoice), 5 * SECONDS)
        before = len(stage.caller.asked)
        await anyio.sleep(3600)
        assert len(stage.caller.asked) - before > 4 * slow
    assert len(stage.fb_payments(invoice)) == 1


async def test_an_unchanged_policy_leaves_every_supervisor_alone() -> None:
    async with connected(5) as stage:
        assert stage.root.apply_policy(replace(stage.policy)) == 0


async def test_draining_lets_a_payment_under_way_be_recorded_and_starts_nothing_more() -> None:
    stage = ActorStage(5, policy=Policy(push=PushPolicy(in_flight=1)))
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        invoices = [stage.bill("10.00"), stage.bill("20.00")]

        def drain_at_post(call: Call) -> None:
            if is_post(call):
                stage.root.drain()

        stage.caller.turn(drain_at_post)
        for number, invoice in enumerate(invoices):
            stage.pay(invoice, "10.00", payment_id=f"pay_{number}")
    assert [len(stage.fb_payments(invoice)) for invoice in invoices] == [1, 0]
    assert [stage.push_of(f"pay_{number}").state for number in (0, 1)] == [PushState.DONE, PushState.READY]


async def test_an_outage_of_postgres_stops_effects_and_they_resume_without_a_person() -> None:
    async with connected(5) as stage:

        def fail(what: str) -> None:
            raise StoreUnavailable(f"no connection for {what}")

        stage.store.fail = fail
        invoice = stage.bill("10.00")
        stage.pay(invoice, "10.00")
        await anyio.sleep(1800)
        assert not stage.fb_payments(invoice)
        assert not stage.notes.named("child_crashed")
        stage.store.fail = lambda _: None
        await stage.until(lambda: stage.fb_payments(invoice), timedelta(minutes=6))
    assert len(stage.fb_payments(invoice)) == 1


@pytest.mark.parametrize("fails_first", [False, True], ids=["it listens late", "its first try to listen fails"])
async def test_sync_now_pressed_while_a_process_starts_is_served(fails_first: bool) -> None:
    async with connected(5) as stage:
        pass
    listen, failures = stage.store.wakes, [StoreUnavailable("too many connections")] if fails_first else []

    @asynccontextmanager
    async def late() -> AsyncIterator[AsyncIterator[tuple[PartnerId, str]]]:
        if failures:
            raise failures.pop()
        await anyio.sleep(2)
        async with listen() as wakes:
            yield wakes

    stage.store.wakes = late  # type: ignore[method-assign]
    root = ActorStage.restarted(stage)
    async with anyio.create_task_group() as group:
        group.start_soon(root.run)
        await anyio.sleep(1)
        before = len(stage.caller.asked)
        stage.touch(sync_asked_at=stage.clock.now())
        await stage.until(lambda: any(is_listing(call) for call in stage.caller.asked[before:]), 10 * SECONDS)
        root.drain()
    assert len([call for call in stage.caller.asked[before:] if is_listing(call)]) == 2


def is_listing(call: Call) -> bool:
    """Whether it follows the invoices' changes."""
    return call.path.endswith("invoices/invoices") and "search[updated_min]" in dict(call.params)


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_wall_clock_that_jumps_an_hour_loses_no_deadline_and_starts_no_storm(hours: int) -> None:
    async with connected(5) as stage:
        stage.clock.step(timedelta(hours=hours))
        before = len(stage.caller.asked)
        await anyio.sleep(2 * 3600)
        calls = len(stage.caller.asked) - before
        assert calls < 200
        invoice = stage.bill("10.00")
        stage.pay(invoice, "10.00")
        await stage.until(lambda: stage.fb_payments(invoice), 5 * SECONDS)


async def test_several_partners_connect_side_by_side() -> None:
    stage = ActorStage(*[8] * 4)
    for index in range(4):
        stage.connect(index)
    async with running(stage):
        await stage.until(
            lambda: all(stage.status(index) is ConnectionStatus.CONNECTED for index in range(4)), timedelta(minutes=2)
        )
        assert len(stage.root.views()) == 4


async def test_who_is_cut_off_in_the_last_moment_of_its_work_does_not_wait_for_more() -> None:
    stage = ActorStage(0)
    stage.connect()
    stage.touch(paused=True)
    read = stage.store.connection

    async def cut_off_meanwhile(partner_id: PartnerId) -> Connection:
        scope = stage.root._children[partner_id].scope
        assert scope is not None
        scope.cancel()
        return await read(partner_id)

    stage.store.connection = cut_off_meanwhile  # type: ignore[method-assign]
    async with running(stage):
        await anyio.sleep(1)
        assert not stage.root.count()


async def test_an_idle_supervisor_is_no_task() -> None:
    async with connected(0, 0) as stage:
        stage.touch(paused=True)
        await anyio.sleep(1)
        before = len(anyio.get_running_tasks())
        stage.connect(1)
        stage.touch(1, paused=True)
        await anyio.sleep(1)
        assert stage.root.count() == 2
        assert len(anyio.get_running_tasks()) == before
