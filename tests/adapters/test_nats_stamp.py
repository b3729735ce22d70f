"""Leases in NATS: between its bucket and the stamp in Postgres, and beside leases in Postgres."""

from collections.abc import Mapping
from datetime import timedelta

import anyio
import pytest
from typing_extensions import override

from daemon.adapters.nats.bucket import Bucket
from daemon.adapters.nats.lease_store import NatsLeaseStore
from daemon.adapters.postgres.lease_register import LeaseRegister
from daemon.adapters.postgres.lease_store import LeaseStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import StoreUnavailable
from daemon.core.leases import Roll
from daemon.core.model import PartnerId
from tests.adapters.members import TTL, Members, Store, in_nats, in_time, vanish, writing
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.polling import eventually

pytestmark = pytest.mark.parametrize("coordinator", ["NATS"])


class LostStamp(LeaseRegister):
    """A register whose next stamp is cut off before it is one."""

    lost = True

    @override
    async def stamp(self, epochs: Mapping[PartnerId, int]) -> frozenset[PartnerId]:
        if self.lost:
            self.lost = False
            raise StoreUnavailable("the connection broke")
        return await super().stamp(epochs)


async def test_a_lease_that_was_taken_and_not_stamped_is_its_taker_s_to_take_again(
    books: Books, database: str, members: Members
) -> None:
    member = NatsLeaseStore(Bucket([members.nats()], members.bucket), LostStamp(database, "member"))
    members.stack.push_async_callback(vanish, member)
    await member.join(TTL)
    other = await members("other")
    with pytest.raises(StoreUnavailable):
        await member.acquire(10, ())
    assert await other.acquire(10, ()) == ()
    (lease,) = await member.acquire(10, ())
    await writing(books, lease.epoch).save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))


async def test_what_a_process_died_over_between_the_two_is_free(books: Books, database: str, members: Members) -> None:
    dead = NatsLeaseStore(Bucket([members.nats()], members.bucket), LostStamp(database, "dead"))
    await dead.join(timedelta(seconds=1))
    other = await members("other")
    with pytest.raises(StoreUnavailable):
        await dead.acquire(10, ())
    await vanish(dead)
    assert await other.acquire(10, ()) == ()
    await eventually(lambda: other.acquire(10, ()))


class LateStamp(LeaseRegister):
    """A register whose stamps wait until they are let go."""

    def __init__(self, dsn: str, name: str) -> None:
        super().__init__(dsn, name)
        self.reached, self.go = anyio.Event(), anyio.Event()

    @override
    async def stamp(self, epochs: Mapping[PartnerId, int]) -> frozenset[PartnerId]:
        self.reached.set()
        await self.go.wait()
        return await super().stamp(epochs)


async def test_a_stamp_that_comes_after_a_higher_one_is_no_lease(books: Books, database: str, members: Members) -> None:
    register = LateStamp(database, "frozen")
    frozen = NatsLeaseStore(Bucket([members.nats()], members.bucket), register)
    members.stack.push_async_callback(vanish, frozen)
    await frozen.join(timedelta(seconds=1))
    heir = await members("heir")
    taken_late: list[object] = []

    async def take() -> None:
        taken_late.extend(await frozen.acquire(10, ()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await register.reached.wait()
        (lease,) = await eventually(lambda: heir.acquire(10, ()))
        register.go.set()
    assert taken_late == []
    await writing(books, lease.epoch).save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))


async def test_a_renewal_whose_answer_was_lost_ends_no_membership(members: Members) -> None:
    member = await in_nats(members, "member")
    before = member._revision
    assert await member.renew(TTL) == Roll(living=1, sharing=1)
    member._revision = before
    assert await member.renew(TTL) == Roll(living=1, sharing=1)


async def test_every_partner_s_id_has_a_key_of_its_own(books: Books, members: Members) -> None:
    odd = [PartnerId(name) for name in ("a.b", "a b", "a*b", "a>b", "a=2Eb", "ä", "a_b-9", "a/b", ".")]
    for number, name in enumerate(odd):
        await books.add_partner(name, f"B{number}")
    member = await members("member")
    leases = await member.acquire(100, [PARTNER])
    assert {lease.partner_id for lease in leases} == set(odd)
    assert len({lease.epoch for lease in leases}) == len(odd)


# ---- beside Postgres -------------------------------------------------------------------------------------------------


async def test_two_that_agree_on_leases_in_different_places_do_not_work_on_one_database(
    books: Books, database: str, members: Members
) -> None:
    first = await members("first")
    other = LeaseStore(database, "other")
    with pytest.raises(StoreUnavailable, match=r"first works on this database.*same \[leases\]"):
        await other.join(TTL)
    members.bucket += "-other"
    with pytest.raises(StoreUnavailable, match=r"first works on this database"):
        await members("third")
    await first.leave()
    await other.join(TTL)
    with pytest.raises(StoreUnavailable, match=r"other works on this database.* in Postgres, this process in the NATS"):
        await members("second")
    await vanish(other)


async def test_a_fleet_moves_to_nats_and_back_and_its_epochs_only_grow(
    books: Books, database: str, members: Members
) -> None:
    epochs = []
    for number in range(3):
        before = LeaseStore(database, f"before {number}")
        await before.join(TTL)
        epochs += [lease.epoch for lease in await before.acquire(10, ())]
        # Killed, and not let go: the next one counts it out by its connection.
        await vanish(before)
        after = await in_time(lambda: members("after", timedelta(seconds=1)))
        epochs += [lease.epoch for lease in await eventually(lambda: after.acquire(10, ()))]  # noqa: B023
        await vanish(after)
        last = LeaseStore(database, "last")
        await in_time(lambda: entered(last))  # noqa: B023 -- called within the turn
        await eventually(lambda: last.bury(timedelta(0)))  # noqa: B023
        epochs += [lease.epoch for lease in await last.acquire(10, ())]
        await last.leave()
    assert len(epochs) == 9
    assert epochs == sorted(set(epochs))


async def entered(store: Store) -> bool:
    await store.join(TTL)
    return True


async def test_a_member_that_nobody_saw_alive_is_buried_all_the_same(books: Books, members: Members) -> None:
    await books.execute(
        "INSERT INTO sync.member (member_id, name, coordinator, joined_at, expires_at)"
        " VALUES ('long-gone', 'x:1', 'x', now() - interval '1 hour', 'infinity')"
    )
    member = await members("member")
    await member.census(TTL)
    assert await member.bury(TTL) == 1
    assert await books.value("SELECT array_agg(name) FROM sync.member") == ["member"]
