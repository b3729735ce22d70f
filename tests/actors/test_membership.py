"""Who works for whom when several processes share the partners, in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from daemon.actors.membership import Membership
from daemon.actors.root import RootSupervisor
from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.leases import LeasePolicy, shares_for
from daemon.core.model import PartnerId
from tests.actors.stage import ActorStage, Notes
from tests.memory_leases import LeaseTable, MemoryLeases
from tests.virtual_time import VirtualClock

TTL_S = LeasePolicy().ttl.total_seconds()
ACME = PartnerId("pt_000")


@dataclass(slots=True)
class Fleet:
    """Processes that only hold leases."""

    partners: list[PartnerId]
    clock: VirtualClock = field(default_factory=VirtualClock)
    notes: Notes = field(default_factory=Notes)
    table: LeaseTable = field(init=False)

    def __post_init__(self) -> None:
        self.table = LeaseTable(self.clock.monotonic, lambda: self.partners)

    @asynccontextmanager
    async def process(self, name: str) -> AsyncIterator[tuple[Membership, MemoryLeases]]:
        leases = MemoryLeases(self.table, name)
        membership = Membership(leases, self.clock, self.notes)
        async with anyio.create_task_group() as group:
            working: set[PartnerId] = set()
            await membership.start(working)
            group.start_soon(membership.run)
            group.start_soon(self._obey, membership, working)
            yield membership, leases
            group.cancel_scope.cancel()

    async def _obey(self, membership: Membership, working: set[PartnerId]) -> None:
        """End what is given back or lost at once, as a root with idle supervisors does."""
        while True:
            for partner_id in working - membership.wanted():
                working.discard(partner_id)
                membership.ended(partner_id)
            working |= membership.wanted()
            await membership.changed()


def fleet_of(count: int) -> Fleet:
    return Fleet([PartnerId(f"pt_{number:03}") for number in range(count)])


async def test_one_process_alone_carries_every_partner() -> None:
    fleet = fleet_of(450)
    async with fleet.process("a") as (alone, _):
        await anyio.sleep(1)
        assert len(alone.wanted()) == 450


async def test_partners_are_shared_equally_and_never_held_twice() -> None:
    fleet = fleet_of(100)
    async with fleet.process("a") as (first, _), fleet.process("b") as (second, _):
        await anyio.sleep(30)
        async with fleet.process("c") as (third, _):
            every = (first, second, third)
            for _ in range(60):
                await anyio.sleep(0.5)
                assert sum(len(member.held()) for member in every) == len(set().union(*(m.held() for m in every)))
            assert sorted(len(member.held()) for member in every) == [32, 34, 34]


async def test_a_crashed_process_is_replaced_within_a_beat_and_a_frozen_one_within_its_lease() -> None:
    fleet = fleet_of(10)
    async with fleet.process("a") as (survivor, _):
        async with fleet.process("b") as (_, leases):
            await anyio.sleep(30)
            assert len(survivor.wanted()) == 5
            leases.away = True
            await anyio.sleep(TTL_S + 2)
            assert len(survivor.wanted()) == 10
        async with fleet.process("c"):
            await anyio.sleep(30)
            assert len(survivor.wanted()) == 5
        fleet.table.crashed.add("c")
        await anyio.sleep(1.1)
        assert len(survivor.wanted()) == 10
    assert sum(fact[2] for fact in fleet.notes.named("leases_taken")) == 10


async def test_all_who_are_left_share_at_once_what_a_frozen_process_held() -> None:
    fleet = fleet_of(12)
    async with (
        fleet.process("a") as (first, _),
        fleet.process("b") as (second, _),
        fleet.process("c") as (_, frozen),
    ):
        await anyio.sleep(30)
        frozen.away = True
        await anyio.sleep(TTL_S + 2)
        assert [len(first.held()), len(second.held())] == [6, 6]


async def test_what_a_process_left_does_not_wait_for_another_that_is_gone_and_not_given_up_yet() -> None:
    fleet = fleet_of(12)
    policy = LeasePolicy()
    async with (
        fleet.process("a") as (survivor, _),
        fleet.process("b") as (_, later),
        fleet.process("c") as (gone, sooner),
    ):
        await anyio.sleep(30)
        left = set(gone.held())
        sooner.away = True
        await anyio.sleep(TTL_S - 0.5)
        later.away = True
        await anyio.sleep((shares_for(policy.ttl) + 2 * policy.renew_interval).total_seconds() + 0.5)
        assert left <= survivor.held()


async def test_a_clean_stop_hands_over_at_once() -> None:
    fleet = fleet_of(10)
    async with fleet.process("a") as (survivor, _), fleet.process("b") as (leaving, _):
        await anyio.sleep(30)
        leaving.resign()
        await anyio.sleep(0.1)
        await leaving.leave()
        survivor.hurry()  # as the notification does
        await anyio.sleep(0.1)
        assert len(survivor.wanted()) == 10
        assert not leaving.wanted()
    assert not sum(fact[2] for fact in fleet.notes.named("leases_taken"))


async def test_a_process_that_stops_takes_nothing_back_that_it_gives_away() -> None:
    fleet = fleet_of(10)
    async with fleet.process("a") as (leaving, _):
        leaving.resign()
        for partner_id in tuple(leaving.wanted()):
            leaving.ended(partner_id)
        await anyio.sleep(30)
        assert not leaving.wanted()


async def test_a_lease_is_trusted_no_longer_than_its_renewal_allows_and_again_a_beat_after_an_outage() -> None:
    fleet = fleet_of(1)
    async with fleet.process("a") as (membership, leases):
        await anyio.sleep(10)
        assert membership.holds(ACME)
        assert membership.epoch(ACME) == 1
        for away_s in (TTL_S, TTL_S + 0.5, TTL_S + 1.5):
            leases.away = True
            await anyio.sleep(away_s)
            assert not membership.holds(ACME)
            with pytest.raises(StoreUnavailable):
                membership.epoch(ACME)
            leases.away = False
            await anyio.sleep(LeasePolicy().renew_interval.total_seconds() + 0.1)
            assert membership.epoch(ACME) == 1


async def test_a_process_that_was_given_up_loses_all_and_comes_back_under_higher_epochs() -> None:
    fleet = fleet_of(4)
    async with fleet.process("a") as (thawed, leases):
        async with fleet.process("b"):
            await anyio.sleep(30)
            leases.away = True
            await anyio.sleep(TTL_S + 2)
            mine = sorted(thawed.held())
            leases.away = False
            await anyio.sleep(0.5)
            for partner_id in mine:
                assert not thawed.holds(partner_id)
        fleet.table.crashed.add("b")
        await anyio.sleep(30)
        assert [thawed.epoch(partner_id) > 2 for partner_id in mine] == [True] * len(mine)
    assert fleet.notes.named("leases_lost")


async def test_a_refused_write_loses_that_lease_alone() -> None:
    fleet = fleet_of(2)
    async with fleet.process("a") as (membership, _):
        await anyio.sleep(2)
        membership.lost(ACME)
        with pytest.raises(LeaseLost):
            membership.epoch(ACME)
        assert membership.wanted() == {"pt_001"}


async def test_a_partner_is_not_taken_again_before_its_former_work_has_ended() -> None:
    fleet = fleet_of(1)
    leases = MemoryLeases(fleet.table, "a")
    membership = Membership(leases, fleet.clock, fleet.notes)
    working: set[PartnerId] = set()
    async with anyio.create_task_group() as group:
        await membership.start(working)
        working.add(ACME)
        group.start_soon(membership.run)
        membership.lost(ACME)
        fleet.table.holder[ACME] = ""
        await anyio.sleep(60)
        assert not membership.wanted()
        working.clear()
        membership.ended(ACME)
        await anyio.sleep(2)
        assert membership.epoch(ACME) == 2
        group.cancel_scope.cancel()


async def test_who_was_given_back_while_the_process_was_frozen_can_be_taken_again() -> None:
    fleet = fleet_of(2)
    leases = MemoryLeases(fleet.table, "a")
    membership = Membership(leases, fleet.clock, fleet.notes)
    working: set[PartnerId] = set()
    async with anyio.create_task_group() as group:
        await membership.start(working)
        working.add(PartnerId("pt_001"))
        group.start_soon(membership.run)
        await anyio.sleep(2)
        membership.ended(ACME)  # its supervisor is gone; the beat that gives the lease back finds the process buried
        del fleet.table.members["a"]
        await anyio.sleep(0.5)
        assert membership.held() == {ACME}
        working.clear()
        membership.ended(PartnerId("pt_001"))
        await anyio.sleep(30)
        assert membership.wanted() == {ACME, "pt_001"}
        group.cancel_scope.cancel()


async def test_what_was_taken_by_a_call_whose_answer_was_lost_is_taken_again() -> None:
    fleet = fleet_of(3)
    async with fleet.process("a") as (membership, leases):
        await anyio.sleep(2)
        fleet.partners.append(PartnerId("pt_003"))
        leases.answer_lost = True
        membership.hurry()
        await anyio.sleep(0.1)
        assert fleet.table.holder[PartnerId("pt_003")] == "a"
        assert "pt_003" not in membership.held()
        await anyio.sleep(30)
        assert membership.epoch(PartnerId("pt_003")) == 2


# ---- a root that has begun to work for nobody yet --------------------------------------------------------------------


@asynccontextmanager
async def slow_to_listen(
    stage: ActorStage, partners: int
) -> AsyncIterator[tuple[RootSupervisor, Membership, LeaseTable]]:
    """A root that holds its leases for five seconds before it starts the first child."""
    for number in range(partners):
        stage.connect(number)
    table = LeaseTable(stage.clock.monotonic, lambda: stage.store.connections)
    membership = Membership(MemoryLeases(table, "a"), stage.clock, stage.notes)
    root = RootSupervisor(stage.world, stage.policy, membership)
    wakes = stage.store.wakes

    @asynccontextmanager
    async def late() -> AsyncIterator[AsyncIterator[tuple[PartnerId, str]]]:
        await anyio.sleep(5)
        async with wakes() as heard:
            yield heard

    stage.store.wakes = late  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        group.start_soon(root.run)
        await anyio.sleep(1)
        assert len(membership.wanted()) == partners
        assert not root.count()
        yield root, membership, table
        root.drain()


async def test_who_was_lost_before_anything_worked_for_them_are_taken_again() -> None:
    async with slow_to_listen(ActorStage(0, 0), 2) as (root, _, table):
        del table.members["a"]
        await anyio.sleep(30)
        assert root.count() == 2


async def test_who_is_beyond_a_fair_share_before_anything_worked_for_them_is_given_back() -> None:
    async with slow_to_listen(ActorStage(0, 0), 2) as (root, membership, table):
        other = MemoryLeases(table, "b")
        await other.join(60 * LeasePolicy().ttl)
        await anyio.sleep(30)
        assert len(membership.held()) == root.count() == 1
        assert len(await other.acquire(2, ())) == 1
