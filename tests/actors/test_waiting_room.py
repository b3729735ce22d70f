"""Who waits is no task, even when more begin together than there is room for; what is urgent passes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import anyio

from daemon.actors.admission import Turn
from daemon.actors.root import STALLED_AFTER
from daemon.actors.waiting_room import IN_LINE_MAX
from daemon.core.model import PartnerId, Resource
from daemon.core.policy import Policy
from tests.actors.stage import ActorStage, running

MANY = 2 * IN_LINE_MAX
SECOND = timedelta(seconds=1)


def tasks(stage: ActorStage) -> list[int]:
    """Which partners are tasks."""
    children = stage.root._children.values()
    return [int(child.supervisor.partner_id[3:]) - 1 for child in children if child.scope is not None]


def back(stage: ActorStage) -> int:
    """One who has read what is stored, and waits for its turn to look for work."""
    return next(index for index in range(MANY) if index not in tasks(stage))


@asynccontextmanager
async def many_who_begin() -> AsyncIterator[tuple[ActorStage, Turn]]:
    """A process that has started with many partners; somebody keeps the only room until they are told to go on."""
    stage = ActorStage(*[3] * MANY, works=1)
    for index in range(MANY):
        stage.connect(index)
        stage.touch(index, push_open=False)
    async with running(stage):
        await stage.until(lambda: stage.root.begun() == MANY, SECOND)
        async with stage.world.admission.visit().turn() as taken:
            await anyio.sleep(10)
            yield stage, taken


async def test_of_many_who_begin_all_know_where_they_stand_and_few_are_tasks() -> None:
    async with many_who_begin() as (stage, _):
        assert stage.root.begun() == stage.root.count() == MANY
        served = stage.root.begun_and_served() - MANY
        assert len(tasks(stage)) - served == IN_LINE_MAX


async def test_all_who_begin_have_their_turn() -> None:
    async with many_who_begin() as (stage, taken):
        assert stage.root.begun_and_served() < 2 * MANY
        taken.end()
        await anyio.sleep(600)
        assert (stage.root.begun_and_served(), stage.world.admission.waiting, tasks(stage)) == (2 * MANY, 0, [])


async def test_what_freshbooks_rang_for_passes_those_who_begin() -> None:
    async with many_who_begin() as (stage, _):
        index = back(stage)
        invoice = stage.bill("7.00", index=index)
        stage.ring(Resource.INVOICES, int(invoice), stage.clock.now(), index=index)
        await anyio.sleep(2)
        assert stage.invoice(invoice, index).amount_due == 7
        assert stage.root.begun_and_served() < 2 * MANY


async def test_who_begins_and_waits_for_its_turn_does_not_hang() -> None:
    async with many_who_begin() as (stage, _):
        await anyio.sleep(2 * STALLED_AFTER.total_seconds())
        assert stage.root.stalled() == ()


async def test_a_stop_does_not_wait_for_who_waits_for_its_turn() -> None:
    async with many_who_begin() as (stage, _):
        stage.root.drain()
        await anyio.sleep(1)
        assert stage.root.count() == 0


async def test_who_begins_after_a_reload_begins_under_the_new_policy() -> None:
    async with many_who_begin() as (stage, taken):
        changed = replace(Policy(), pull=replace(Policy().pull, accounts_interval=timedelta(hours=2)))
        assert stage.root.apply_policy(changed) == MANY
        taken.end()
        await stage.until(lambda: stage.root.begun_and_served() == 2 * MANY, 600 * SECOND)
        assert not any(child.supervisor.is_rung for child in stage.root._children.values())


async def test_a_policy_alone_wakes_nobody() -> None:
    stage = ActorStage(1, 1)
    for index in range(2):
        stage.connect(index)
        stage.touch(index, paused=True)
    async with running(stage):
        await anyio.sleep(30)
        woken: list[object] = []
        stage.root._supervise = woken.append  # type: ignore[assignment, method-assign]
        changed = replace(Policy(), pull=replace(Policy().pull, invoices_interval=timedelta(hours=2)))
        assert stage.root.apply_policy(changed) == 2
        await anyio.sleep(0.01)
        assert not woken
        assert {child.supervisor.policy for child in stage.root._children.values()} == {changed}
        assert not any(child.supervisor.is_rung for child in stage.root._children.values())


async def test_who_has_looked_and_found_nothing_to_do_stands_back_no_more() -> None:
    stage = ActorStage(1)
    stage.connect(0)
    stage.touch(0, paused=True, push_open=False)
    async with running(stage):
        await anyio.sleep(1)
        assert stage.root._waiting.stands_back(PartnerId("pt_1"))
        await anyio.sleep(600)
        assert not stage.root._waiting.stands_back(PartnerId("pt_1"))
