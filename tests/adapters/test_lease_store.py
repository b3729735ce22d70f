"""Leases on real servers: one holder a partner, crashes noticed, and writes fenced by the epoch."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import asyncpg
import pytest

from daemon.actors.membership import Membership
from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.lease_store import LeaseStore
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.exchange import Claim, Reread
from daemon.core.issues import reconnect
from daemon.core.leases import Census, LeasePolicy, Roll
from daemon.core.model import FbPaymentId, PartnerId, PaymentId, Resource
from daemon.core.take_back import Standing
from tests.actors.stage import Notes
from tests.adapters.members import TTL, Members, Store, in_postgres, vanish, writing
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import INVOICE, NOW, make_fb_invoice, make_fb_payment, make_reading, usd
from tests.polling import eventually
from tests.postgres import on_every_postgres

SHORT = LeasePolicy().ttl
BRIEF = LeasePolicy(ttl=timedelta(seconds=2), renew_interval=timedelta(seconds=0.2), margin=timedelta(seconds=0.5))


@on_every_postgres
async def test_a_partner_has_one_holder_and_every_taking_raises_its_epoch(books: Books, members: Members) -> None:
    first, second = await members("first"), await members("second")
    assert await first.census(TTL) == Census(members=2, partners=1)
    (lease,) = await first.acquire(10, ())
    assert (lease.partner_id, lease.taken_over) == (PARTNER, False)
    assert await second.acquire(10, ()) == ()
    await first.release([PARTNER])
    (later,) = await second.acquire(10, ())
    assert (later.epoch > lease.epoch, later.taken_over) == (True, False)


async def test_two_that_want_the_same_never_both_get_it(books: Books, members: Members) -> None:
    for number in range(40):
        await books.add_partner(f"more_{number}", f"A{number}")
    stores = [await members(f"m{number}") for number in range(4)]
    taken: list[PartnerId] = []

    async def take(store: Store) -> None:
        mine: list[PartnerId] = []
        for _ in range(12):
            mine += [lease.partner_id for lease in await store.acquire(5, mine)]
        taken.extend(mine)

    async with anyio.create_task_group() as group:
        for store in stores:
            group.start_soon(take, store)
    assert len(taken) == len(set(taken)) == 41


@on_every_postgres
async def test_what_a_member_holds_without_knowing_it_can_be_taken_again(books: Books, members: Members) -> None:
    member, other = await members("member"), await members("other")
    (lost,) = await member.acquire(10, ())
    assert await member.acquire(10, [PARTNER]) == ()
    assert await other.acquire(10, ()) == ()
    (lease,) = await member.acquire(10, ())
    assert (lease.epoch > lost.epoch, lease.taken_over) == (True, False)


@on_every_postgres
async def test_a_crash_is_noticed(books: Books, members: Members) -> None:
    crashed, survivor = await members("crashed", members.noticed), await members("survivor")
    (lost,) = await crashed.acquire(10, ())
    assert await survivor.bury(timedelta(0)) == 0
    await vanish(crashed)
    await eventually(lambda: survivor.bury(timedelta(0)))
    (lease,) = await survivor.acquire(10, ())
    assert (lease.epoch > lost.epoch, lease.taken_over) == (True, True)


async def test_a_member_that_is_not_heard_of_is_given_up_and_told_so(books: Books, members: Members) -> None:
    frozen, survivor = await members("frozen", timedelta(seconds=0.05)), await members("survivor")
    await frozen.acquire(10, ())
    await eventually(lambda: survivor.bury(timedelta(0)))
    assert await survivor.renew(TTL) == Roll(living=1, sharing=1)
    assert await frozen.renew(TTL) is None
    assert await frozen.acquire(10, ()) == ()
    (lease,) = await survivor.acquire(10, ())
    assert lease.taken_over


async def test_a_member_that_was_not_heard_of_lately_has_no_share_and_keeps_what_it_holds(
    books: Books, members: Members
) -> None:
    quiet, other = await members("quiet", SHORT), await members("other")
    await quiet.acquire(10, ())

    async def is_counted_no_more() -> bool:
        roll, census = await other.renew(SHORT), await other.census(SHORT)
        return (roll, census.members) == (Roll(living=2, sharing=1), 1)

    assert await other.renew(SHORT) == Roll(living=2, sharing=2)
    await eventually(is_counted_no_more)
    assert await other.bury(SHORT) == 0
    assert await other.acquire(10, ()) == ()
    assert await quiet.renew(SHORT) == Roll(living=2, sharing=2)
    assert await other.renew(SHORT) == Roll(living=2, sharing=2)
    assert (await other.census(SHORT)).members == 2


@in_postgres
async def test_nobody_is_given_up_just_after_postgres_itself_came_back(books: Books, members: Members) -> None:
    gone, survivor = await members("gone"), await members("survivor")
    assert isinstance(gone, LeaseStore)
    await vanish(gone)
    await eventually(lambda: books.value("SELECT pg_try_advisory_lock_shared(sync.member_key($1))", gone.member_id))
    assert await survivor.bury(timedelta(days=1)) == 0
    assert await survivor.bury(timedelta(0)) == 1


async def test_whoever_is_alone_by_construction_need_not_wait_for_a_predecessor(database: str, books: Books) -> None:
    former = LeaseStore(database, "former")
    await former.join(TTL)
    await former.acquire(10, ())
    now = LeaseStore(database, "now", alone=True)
    await now.join(TTL)
    assert await now.bury(timedelta(days=1)) == 1
    assert [lease.epoch for lease in await now.acquire(10, ())] == [2]
    await vanish(former)
    await vanish(now)


async def test_one_that_leaves_leaves_nothing_behind(books: Books, members: Members) -> None:
    leaving, survivor = await members("leaving"), await members("survivor")
    await leaving.acquire(10, ())
    await leaving.resign()
    assert (await survivor.census(TTL)).members == 1
    await leaving.leave()
    (lease,) = await survivor.acquire(10, ())
    assert not lease.taken_over
    assert await books.value("SELECT count(*) FROM sync.member") == 1


async def test_a_frozen_transaction_does_not_hold_up_its_successor(
    database: str, books: Books, members: Members
) -> None:
    frozen, survivor = await members("frozen", timedelta(seconds=0.05)), await members("survivor")
    (old,) = await frozen.acquire(10, ())
    async with Pool.open(database, name=frozen.application) as pool:
        stuck = PostgresStore(pool, SystemClock().sleep, lambda _: old.epoch)

        async def work_on() -> None:
            async with stuck.page_transaction(SCOPE) as page:
                await page.save_cursor(SCOPE, Cursor(feed=Feed.CENSUS))
                await eventually(lambda: survivor.bury(timedelta(0)))
                (new,) = await eventually(lambda: survivor.acquire(10, ()))
                with anyio.fail_after(5):
                    await writing(books, new.epoch).save_cursor(SCOPE, Cursor(feed=Feed.PAYMENTS))
                await page.save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))

        with pytest.raises(StoreUnavailable):
            await work_on()
    assert await books.value("SELECT array_agg(feed) FROM sync.cursor") == ["payments"]


# ---- the fence -------------------------------------------------------------------------------------------------------


async def claimed(books: Books, store: PostgresStore) -> Claim:
    await books.merge(make_fb_invoice())
    await books.pay()
    claim = await store.claim(SCOPE, NOW, NOW + timedelta(minutes=1))
    assert claim is not None
    return claim


Write = Callable[[PostgresStore, Claim], Awaitable[object]]
REREAD = Reread(resource=Resource.INVOICES, id=INVOICE, reason="webhook", due_at=NOW)
CURSOR = Cursor(feed=Feed.INVOICES, began_at=NOW, finished_at=NOW)
STANDING = Standing(
    payment_id=PaymentId("pay_1"), generation=1, fb_payment_id=FbPaymentId(9), amount=usd(100), invoice_id=INVOICE
)
WRITES: dict[str, Write] = {
    "claim": lambda store, _: store.claim(SCOPE, NOW, NOW),
    "claim_entry": lambda store, _: store.claim_entry(SCOPE, NOW, NOW),
    "begin_send": lambda store, claim: store.begin_send(claim, NOW),
    "record": lambda store, claim: store.record(claim, claim.push),
    "merge_customers": lambda store, _: store.merge_customers(SCOPE, [], make_reading()),
    "merge_credits": lambda store, _: store.merge_credits(SCOPE, [], make_reading()),
    "merge_payments": lambda store, _: store.merge_payments(SCOPE, [], make_reading()),
    "merge_invoices": lambda store, _: store.merge_invoices(SCOPE, []),
    "quarantine": lambda store, _: store.quarantine(SCOPE, []),
    "save_cursor": lambda store, _: store.save_cursor(SCOPE, CURSOR),
    "ask_reread": lambda store, _: store.ask_reread(SCOPE, [REREAD]),
    "finish_reread": lambda store, _: store.finish_reread(SCOPE, REREAD),
    "postpone_reread": lambda store, _: store.postpone_reread(SCOPE, REREAD, NOW),
    "store_ledger_accounts": lambda store, _: store.store_ledger_accounts(SCOPE, []),
    "mark_connected": lambda store, _: store.mark_connected(SCOPE, NOW),
    "park": lambda store, _: store.park(SCOPE, "why", NOW),
    "unpark": lambda store, _: store.unpark(SCOPE),
    "disconnected": lambda store, _: store.disconnected(PARTNER, NOW),
    "finish_run": lambda store, _: store.finish_run(SCOPE, Feed.INVOICES, CURSOR, "complete"),
    "raise_issue": lambda store, _: store.raise_issue(SCOPE, reconnect("why")),
    "taken_back": lambda store, _: store.taken_back(SCOPE, STANDING, make_fb_payment()),
}


@pytest.mark.parametrize("name", WRITES)
async def test_every_write_under_a_past_epoch_is_refused(name: str, books: Books, members: Members) -> None:
    frozen, successor = await members("frozen"), await members("successor")
    (old,) = await frozen.acquire(10, ())
    thawed = writing(books, old.epoch)
    claim = await claimed(books, thawed)
    await frozen.release([PARTNER])
    (new,) = await successor.acquire(10, ())
    before = await everything(books)
    with pytest.raises(LeaseLost, match="taken over"):
        await WRITES[name](thawed, claim)
    assert await everything(books) == before
    await WRITES[name](writing(books, new.epoch), claim)


async def test_a_page_under_a_past_epoch_is_refused_before_anything_is_merged(books: Books, members: Members) -> None:
    frozen, successor = await members("frozen"), await members("successor")
    (old,) = await frozen.acquire(10, ())
    await frozen.release([PARTNER])
    await successor.acquire(10, ())
    with pytest.raises(LeaseLost):
        async with writing(books, old.epoch).page_transaction(SCOPE):
            pytest.fail("a page was opened")


def test_no_write_of_the_supervisors_store_is_left_out() -> None:
    reads = {
        "book_accounts", "connection", "due_rereads", "fingerprints", "links", "next_push_at", "next_reread_at",
        "page_transaction", "partners", "to_take_back", "wakes",
    }  # fmt: skip
    by_claim = {"begin_entry", "record_entry"}  # as begin_send and record
    by_people = {"choose", "choose_entry", "settle"}
    named = {name for name in dir(PostgresStore) if not name.startswith("_")}
    assert named - reads - by_claim - by_people <= WRITES.keys()


async def everything(books: Books) -> list[asyncpg.Record]:
    return await books.fetch(
        "SELECT (SELECT array_agg(p::text ORDER BY subject) FROM sync.push p) AS pushes,"
        " (SELECT array_agg(c::text ORDER BY feed) FROM sync.cursor c) AS cursors,"
        " (SELECT array_agg(r::text ORDER BY id) FROM sync.reread r) AS rereads,"
        " (SELECT array_agg(k::text) FROM sync.connection k) AS connections,"
        " (SELECT count(*) FROM sync.run) AS runs, (SELECT count(*) FROM sync.issue) AS issues"
    )


# ---- whole memberships -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def process(store: Store) -> AsyncIterator[Membership]:
    membership = Membership(store, SystemClock(), Notes(), BRIEF)
    async with anyio.create_task_group() as group:
        working: set[PartnerId] = set()
        await membership.start(working)
        group.start_soon(membership.run)
        group.start_soon(obey, membership, working)
        yield membership
        group.cancel_scope.cancel()
    await vanish(store)


async def obey(membership: Membership, working: set[PartnerId]) -> None:
    while True:
        for partner_id in working - membership.wanted():
            working.discard(partner_id)
            membership.ended(partner_id)
        working |= membership.wanted()
        await membership.changed()


async def test_three_processes_share_and_the_rest_take_over_what_one_leaves(books: Books, members: Members) -> None:
    for number in range(29):
        await books.add_partner(f"more_{number}", f"A{number}")
    async with process(members.store("a")) as first, process(members.store("b")) as second:
        async with process(members.store("c")) as third:
            every = (first, second, third)
            await eventually(lambda: [len(member.held()) for member in every] == [10, 10, 10], within_s=20)
        await eventually(lambda: [len(first.held()), len(second.held())] == [15, 15], within_s=20)
        assert not first.held() & second.held()
