"""Partners beside each other: their reads wait for room in turn; payments, and who waits for FreshBooks, do not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest
from typing_extensions import override

from daemon.core.model import PartnerId, PushState, Resource
from daemon.core.state import Connection, ConnectionStatus, NotConnected
from tests.actors.stage import ActorStage, running

SECOND = timedelta(seconds=1)


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
