"""Leases in a cluster of three NATS servers, one of which is killed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import TypeVar

import pytest

from daemon.adapters.nats.bucket import Bucket
from daemon.adapters.nats.lease_store import NatsLeaseStore
from daemon.adapters.postgres.lease_register import LeaseRegister
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import StoreUnavailable
from daemon.core.leases import Roll
from tests.adapters.members import TTL, vanish, writing
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.nats_server import NatsServer, nats_cluster, nats_server
from tests.polling import eventually

T = TypeVar("T")
ELECTED_S = 40.0
"""A server that is gone is missed after four to nine seconds; a slow machine may take two elections."""


@pytest.fixture
def cluster() -> Iterator[list[NatsServer]]:
    with nats_cluster() as servers:
        yield servers


@pytest.fixture
async def two(cluster: list[NatsServer], database: str) -> AsyncIterator[list[NatsLeaseStore]]:
    async with AsyncExitStack() as stack:
        stores = []
        for name in ("member", "other"):
            bucket = Bucket([server.url for server in cluster], "leases", replicas=3)
            stores.append(NatsLeaseStore(bucket, LeaseRegister(database, name)))
            stack.push_async_callback(vanish, stores[-1])
        yield stores


async def test_a_cluster_goes_on_with_every_lease_when_the_server_that_leads_it_is_killed(
    books: Books, cluster: list[NatsServer], two: list[NatsLeaseStore]
) -> None:
    member, other = two
    for store in two:
        await elected(lambda: joined(store))  # noqa: B023 -- called within the turn
    (lease,) = await elected(lambda: member.acquire(10, ()))
    info = await member._bucket._jetstream.stream_info("KV_leases")
    assert info.cluster is not None
    assert info.config.num_replicas == 3
    (leads,) = [server for server in cluster if info.cluster.leader in server.options]
    leads.kill()
    assert await elected(lambda: member.renew(TTL)) == Roll(living=2, sharing=2)
    await writing(books, lease.epoch).save_cursor(SCOPE, Cursor(feed=Feed.INVOICES))
    assert await elected(lambda: other.renew(TTL))
    assert await other.acquire(10, ()) == ()
    await member.release([PARTNER])
    (later,) = await other.acquire(10, ())
    assert later.epoch > lease.epoch


async def test_the_next_of_several_servers_is_asked_when_one_answers_and_keeps_no_streams() -> None:
    with nats_server("--addr", "127.0.0.1") as plain, nats_server() as server:
        bucket = Bucket([plain.url, server.url], "b")
        with pytest.raises(StoreUnavailable, match="--jetstream"):
            async with bucket.reached():
                pytest.fail("it keeps no streams")
        async with bucket.reached():
            assert await bucket.put("key", b"") == 1
        await bucket.close()


async def joined(store: NatsLeaseStore) -> bool:
    await store.join(TTL)
    return True


async def elected(act: Callable[[], Awaitable[T]]) -> T:
    """Act until it comes to something, whoever leads."""

    async def attempt() -> list[T]:
        try:
            return [done] if (done := await act()) else []
        except StoreUnavailable:
            return []

    (done,) = await eventually(attempt, within_s=ELECTED_S)
    return done
