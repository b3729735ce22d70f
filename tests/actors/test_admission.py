"""Reads and verifications of all partners wait for room in turn; payments, and who waits for FreshBooks, do not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest
from typing_extensions import override

from daemon.actors.admission import SERVED_S, Admission, Visit
from daemon.core.model import PartnerId, PushState, Resource
from daemon.core.state import Connection, ConnectionStatus, NotConnected
from tests.actors.stage import ActorStage, running
from tests.virtual_time import VirtualClock

SECOND = timedelta(seconds=1)


# ---- the line itself -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Work:
    """Pieces of work that take turns, and in which order they began."""

    admission: Admission
    began: list[str] = field(default_factory=list)

    async def do(self, name: str, seconds: float, visit: Visit | None = None) -> None:
        async with (visit or self.admission.visit()).turn():
            self.began.append(name)
            await anyio.sleep(seconds)

    async def ask(self, name: str, seconds: float, after: float = 0.0) -> None:
        async with self.admission.visit().turn() as turn:
            self.began.append(name)
            async with turn.aside():
                with self.admission.calling():
                    await anyio.sleep(seconds)
            self.began.append(f"{name} answered")
            await anyio.sleep(after)


def work(works: int = 1, calls: int = 9) -> Work:
    return Work(Admission(VirtualClock(), works=works, calls=calls))


async def test_who_asked_first_goes_first_and_no_more_at_once_than_there_is_room_for() -> None:
    found = work(works=2)
    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(found.do, str(number), 10.0)
        await anyio.sleep(1)
        assert (found.began, found.admission.waiting) == (["0", "1"], 4)
        assert found.admission.longest_s == 1
        await anyio.sleep(10)
        assert found.began == ["0", "1", "2", "3"]
    assert found.began == ["0", "1", "2", "3", "4", "5"]
    assert (found.admission.waiting, found.admission.longest_s) == (0, 0)


async def test_who_waits_for_freshbooks_makes_room_and_goes_before_those_who_have_not_begun() -> None:
    found = work()
    async with anyio.create_task_group() as group:
        group.start_soon(found.ask, "slow", 5.0, 5.0)
        group.start_soon(found.do, "one", 10.0)
        group.start_soon(found.do, "two", 1.0)
        await anyio.sleep(9)
        assert found.began == ["slow", "one"]
        await anyio.sleep(2)
        assert found.began == ["slow", "one", "slow answered"]  # two waits until it is done
    assert found.began == ["slow", "one", "slow answered", "two"]


@pytest.mark.parametrize(("first", "second"), [(5.0, 9.0), (9.0, 5.0), (5.0, 5.0), (0.0, 5.0)])
async def test_calls_side_by_side_make_room_once_and_take_it_back_once(first: float, second: float) -> None:
    found = work()
    async with anyio.create_task_group() as group, found.admission.visit().turn() as turn:

        async def call(seconds: float) -> None:
            async with turn.aside():
                if seconds:
                    await anyio.sleep(seconds)

        async with turn.ahead().aside():  # what is read ahead of the effect gives no room that is in use
            group.start_soon(found.do, "other", 0.5)
            await anyio.sleep(1)
            assert found.began == []
        async with anyio.create_task_group() as calls:
            calls.start_soon(call, first)
            calls.start_soon(call, second)
            await anyio.sleep(1)
            assert found.began == ["other"]
        group.start_soon(found.do, "after", 0.0)
        await anyio.sleep(1)
        assert found.began == ["other"]
    assert found.began == ["other", "after"]
    await found.do("alone", 0.0)


async def test_who_supervises_nothing_yet_goes_before_everybody_else() -> None:
    found = work()

    async def start() -> None:
        async with found.admission.start():
            found.began.append("start")
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        group.start_soon(found.ask, "slow", 2.0)
        group.start_soon(found.do, "one", 5.0)
        group.start_soon(found.do, "two", 1.0)
        await anyio.sleep(3)
        group.start_soon(start)
        await anyio.sleep(0.5)
        with anyio.move_on_after(0.5):
            await start()  # cut off before its turn came
    assert found.began == ["slow", "one", "start", "slow answered", "two"]


async def test_nothing_more_is_begun_while_so_many_calls_are_under_way() -> None:
    found = work(calls=2)
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(found.ask, str(number), 10.0)
        await anyio.sleep(9)
        assert found.began == ["0", "1"]
        await anyio.sleep(2)
        assert "4" in found.began


async def test_a_run_keeps_its_place_in_line_until_it_has_been_served_for_a_while() -> None:
    found = work()

    async def run(name: str, steps: int) -> None:
        visit = found.admission.visit()
        for _ in range(steps):
            await found.do(name, SERVED_S / 4, visit)

    async with anyio.create_task_group() as group:
        for name, steps in (("a", 6), ("b", 3), ("c", 3)):
            group.start_soon(run, name, steps)
            await anyio.sleep(0.1)
    assert "".join(found.began) == "ababab" + "cacaca"


@pytest.mark.parametrize("waits", [True, False])
async def test_who_is_cut_off_in_line_or_at_work_leaves_no_place_taken(waits: bool) -> None:
    found = work()
    async with anyio.create_task_group() as group:
        if waits:
            group.start_soon(found.do, "first", 5.0)
            await anyio.sleep(1)
        with anyio.move_on_after(2):
            await found.do("cut off", 60.0)
        group.start_soon(found.do, "last", 1.0)
        await anyio.sleep(10)
    assert found.began[-1] == "last"
    assert found.admission.waiting == 0


async def test_who_is_cut_off_in_the_moment_it_is_let_in_leaves_its_place_to_others() -> None:
    found = work()
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as both:
                async with found.admission.visit().turn():
                    both.start_soon(found.do, "cut off", 60.0)
                    await anyio.sleep(1)
                scope.cancel()
        group.start_soon(found.do, "last", 1.0)
        await anyio.sleep(2)
    assert found.began == ["cut off", "last"]


async def test_who_is_cut_off_before_it_asks_leaves_no_place_taken() -> None:
    found = work()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await found.do("cut off", 60.0)
    with anyio.fail_after(1):
        await found.do("last", 0.0)
    assert found.began == ["last"]


# ---- partners beside each other --------------------------------------------------------------------------------------


class SlowBooks:
    """An account whose every listing takes a minute to come."""

    def __init__(self, account: Any) -> None:
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    async def list_page(self, *wanted: Any) -> Any:
        await anyio.sleep(60)
        return await self._account.list_page(*wanted)


class CrowdedStage(ActorStage):
    """A process with room for one at a time; `slow` partners wait for FreshBooks, `busy` ones are long at work."""

    def __init__(self, *sizes: int, works: int = 1) -> None:
        super().__init__(*sizes, works=works)
        self.slow: set[str] = set()
        self.busy: set[str] = set()
        self.done, self.held = anyio.Event(), False
        self.at_work = self.most_at_work = self.most_starts = self._starts = 0
        self._fingerprints, self._connection = self.store.fingerprints, self.store.connection
        self.store.fingerprints = self._work  # type: ignore[assignment, method-assign]
        self.store.connection = self._start  # type: ignore[method-assign]

    @override
    def _account(self, connection: Connection) -> Any:
        account = super()._account(connection)
        return SlowBooks(account) if connection.partner_id in self.slow else account

    async def _work(self, scope: Any, *wanted: Any) -> Any:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await anyio.sleep(0.5)
        if scope.partner_id in self.busy:
            self.held = True
            await self.done.wait()
        self.at_work -= 1
        return await self._fingerprints(scope, *wanted)

    async def _start(self, partner_id: PartnerId) -> Connection:
        self._starts += 1
        self.most_starts = max(self.most_starts, self._starts)
        await anyio.sleep(0.001)
        self._starts -= 1
        return await self._connection(partner_id)


@asynccontextmanager
async def crowded(*, in_line: bool = True) -> AsyncIterator[CrowdedStage]:
    """Two partners who are connected; then the room is taken by one, and the second stands in line or has no work."""
    stage = CrowdedStage(5, 5)
    stage.connect(0)
    async with running(stage):
        await anyio.sleep(60)  # their looks come a minute apart
        stage.connect(1)
        await stage.until(lambda: stage.status(0) is stage.status(1) is ConnectionStatus.CONNECTED)
        await anyio.sleep(600)
        stage.busy = {"pt_1"}
        stage.bill("5.00", index=0)
        await stage.until(lambda: stage.held, timedelta(hours=2))
        await anyio.sleep(200 if in_line else 1)
        assert in_line == bool(stage.world.admission.waiting)
        yield stage
        stage.done.set()


async def test_a_slow_partner_never_starves_another() -> None:
    stage = CrowdedStage(3, 40)
    stage.slow = {"pt_1"}
    stage.connect(0)
    async with running(stage):
        await anyio.sleep(30)
        stage.connect(1)
        stage.store.notify(PartnerId("pt_2"), "connection")
        await stage.until(lambda: stage.status(1) is ConnectionStatus.CONNECTED, 40 * SECOND)
        assert stage.status(0) is ConnectionStatus.PENDING


async def test_of_many_partners_that_start_together_no_more_are_at_work_than_there_is_room_for() -> None:
    stage = CrowdedStage(*[3] * 12, works=4)
    for index in range(12):
        stage.connect(index)
    async with running(stage):
        await stage.until(lambda: all(stage.status(index) is ConnectionStatus.CONNECTED for index in range(12)))
    assert (stage.most_at_work, stage.most_starts) == (4, 4)


@pytest.mark.parametrize("in_line", [True, False])
async def test_a_push_never_waits_for_first_looks(in_line: bool) -> None:
    async with crowded(in_line=in_line) as stage:
        invoice = next(iter(stage.rows(1).invoices))
        due = stage.invoice(invoice, 1).amount_due
        stage.pay(invoice, str(due), index=1)
        await stage.until(lambda: stage.push_of("pay_1", 1).state is PushState.DONE, SECOND)
        assert len(stage.fb_payments(invoice, index=1)) == 1
        assert stage.at_work  # who had taken the room still has it


@pytest.mark.parametrize("in_line", [True, False])
async def test_what_freshbooks_rang_for_never_waits_for_first_looks(in_line: bool) -> None:
    async with crowded(in_line=in_line) as stage:
        invoice = stage.bill("7.00", index=1)
        stage.ring(Resource.INVOICES, int(invoice), stage.clock.now(), index=1)
        await stage.until(lambda: invoice in stage.rows(1).invoices, 2 * SECOND)
        assert stage.invoice(invoice, 1).amount_due == Decimal("7.00")
        assert stage.at_work  # who had taken the room still has it


async def test_a_stop_does_not_wait_for_who_stands_in_line_and_begins_nothing() -> None:
    async with crowded() as stage:
        calls = len(stage.caller.asked)
        stage.root.drain()
        await stage.until(lambda: stage.root.count() == 1, SECOND)  # the one who is at work
        assert len(stage.caller.asked) == calls


async def test_a_reload_is_taken_over_by_who_stands_in_line() -> None:
    async with crowded() as stage:
        changed = replace(stage.policy, pull=replace(stage.policy.pull, invoices_interval=timedelta(hours=2)))
        assert stage.root.apply_policy(changed) == 2
        await anyio.sleep(1)
        assert not any(child.supervisor.is_rung for child in stage.root._children.values())


async def test_who_stands_in_line_does_not_hang() -> None:
    async with crowded() as stage:
        await anyio.sleep(500)
        assert stage.root.stalled() == ()
        assert stage.world.admission.longest_s >= 500
        assert not any(isinstance(view.state, NotConnected) for view in stage.root.views())
