"""Members of a fleet, on each place where leases can be agreed on."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from typing import Literal, TypeAlias, TypeVar

import anyio.lowlevel
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.nats.bucket import Bucket
from daemon.adapters.nats.lease_store import NatsLeaseStore
from daemon.adapters.postgres.lease_register import LeaseRegister
from daemon.adapters.postgres.lease_store import LeaseStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.errors import StoreUnavailable
from tests.adapters.postgres_rows import Books
from tests.polling import eventually

TTL = timedelta(seconds=30)
Kind = Literal["Postgres", "NATS"]
T = TypeVar("T")
Store: TypeAlias = LeaseStore | NatsLeaseStore
_NUMBERS = itertools.count(1)

in_postgres = pytest.mark.parametrize("coordinator", ["Postgres"])


@dataclass(slots=True, kw_only=True)
class Members:
    """Makes stores by name, and members of them."""

    kind: Kind
    database: str
    nats: Callable[[], str]
    stack: AsyncExitStack
    bucket: str = field(default_factory=lambda: f"test-{next(_NUMBERS)}")

    @property
    def noticed(self) -> timedelta:
        """A life after which, at the latest, a crash can be noticed within a test: Postgres sees it at once."""
        return TTL if self.kind == "Postgres" else timedelta(seconds=1)

    def store(self, name: str) -> Store:
        if self.kind == "Postgres":
            made: Store = LeaseStore(self.database, name)
        else:
            made = NatsLeaseStore(Bucket([self.nats()], self.bucket), LeaseRegister(self.database, name))
        self.stack.push_async_callback(vanish, made)
        return made

    async def __call__(self, name: str, ttl: timedelta = TTL) -> Store:
        store = self.store(name)
        await store.join(ttl)
        return store


async def in_nats(members: Members, name: str) -> NatsLeaseStore:
    store = await members(name)
    assert isinstance(store, NatsLeaseStore)
    return store


def writing(books: Books, epoch: int) -> PostgresStore:
    """The store of a process that believes to hold the partner under this epoch."""
    return PostgresStore(books.pool, SystemClock().sleep, lambda _: epoch)


async def in_time(act: Callable[[], Awaitable[T]]) -> T:
    """Act until it comes to something, whatever cannot be reached meanwhile."""

    async def attempt() -> list[T]:
        try:
            done = await act()
        except StoreUnavailable:
            return []
        return [done] if done else []

    (done,) = await eventually(attempt)
    return done


async def vanish(store: Store) -> None:
    """Cut a process off, as a crash does."""
    closed = store.close()
    if isawaitable(closed):
        await closed
    for _ in range(3):
        await anyio.lowlevel.checkpoint()  # the loop closes what was cut off


async def opened(kind: Kind, database: str, request: pytest.FixtureRequest) -> AsyncIterator[Members]:
    """Members whose stores are closed in the end; a NATS server is started by the first that wants one."""
    async with AsyncExitStack() as stack:
        yield Members(kind=kind, database=database, nats=lambda: request.getfixturevalue("nats_address"), stack=stack)
