"""Open pages of one process hear what another one does for their partner."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.page_news import RETRY_S, PageNews
from daemon.adapters.postgres.pool import Pool, PoolLimits
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.desk import ALL_TOPICS, Topic
from daemon.core.model import PartnerId
from tests.adapters.postgres_rows import PARTNER, Books
from tests.polling import eventually

OTHER = PartnerId("other partner")
INVOICES = frozenset({Topic.INVOICES})
Shown = list[tuple[PartnerId, frozenset[Topic]]]


@dataclass
class Process:
    """What the pages of one process were shown, and how often something was missed."""

    shown: Shown = field(default_factory=list)
    missed: int = 0

    def show(self, partner_id: PartnerId, topics: frozenset[Topic]) -> None:
        self.shown.append((partner_id, topics))

    def miss(self) -> None:
        self.missed += 1

    def connect(self, pool: Pool) -> None:
        self.news = PageNews(pool, SystemClock().sleep, self.show, self.miss)


@asynccontextmanager
async def processes(dsn: str, count: int) -> AsyncIterator[list[Process]]:
    """Some processes on one database, each with a pool and a listener of its own."""
    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        made = [Process() for _ in range(count)]
        for process in made:
            pool = await stack.enter_async_context(Pool.open(dsn))
            process.connect(pool)
            store = PostgresStore(pool, SystemClock().sleep, pages=process.news)
            wakes = await stack.enter_async_context(store.wakes())
            tasks.start_soon(_listen, wakes)
            tasks.start_soon(process.news.run)
        yield made
        tasks.cancel_scope.cancel()


async def _listen(wakes: AsyncIterator[tuple[PartnerId, str]]) -> None:
    async for _ in wakes:
        pass


async def test_pages_hear_what_another_process_does_for_their_partner(books: Books) -> None:
    async with processes(books.pool.dsn, 3) as (one, *others):
        one.news.tell(PARTNER, INVOICES)
        one.news.tell(OTHER, ALL_TOPICS)
        await eventually(lambda: all(len(process.shown) == 2 for process in others))
        for process in others:
            assert dict(process.shown) == {PARTNER: INVOICES, OTHER: ALL_TOPICS}
        # Its own pages were told already, at once.
        assert one.shown == []


async def test_what_changes_in_short_order_is_told_once(books: Books) -> None:
    async with processes(books.pool.dsn, 2) as (one, other):
        for _ in range(50):
            one.news.tell(PARTNER, INVOICES)
        one.news.tell(PARTNER, frozenset({Topic.ISSUES}))
        await eventually(lambda: other.shown)
        one.news.tell(OTHER, INVOICES)
        await eventually(lambda: other.shown[-1][0] == OTHER)
        assert other.shown == [(PARTNER, frozenset({Topic.INVOICES, Topic.ISSUES})), (OTHER, INVOICES)]


async def test_after_a_lost_connection_anything_may_have_changed(books: Books) -> None:
    async with processes(books.pool.dsn, 2) as (one, other):
        await books.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE '%listener' AND datname = current_database()"
        )
        await eventually(lambda: one.missed and other.missed)
        one.news.tell(PARTNER, INVOICES)
        await eventually(lambda: other.shown)
        assert other.shown == [(PARTNER, INVOICES)]


async def test_what_no_process_of_ours_says_is_no_news(books: Books) -> None:
    async with processes(books.pool.dsn, 1) as (one,):
        for payload in ("", "x", "x invoices", "x nothing acme", "x payments,new acme"):
            await books.execute("SELECT pg_notify('syncd_pages', $1)", payload)
        await eventually(lambda: one.shown)
        # Of a later release, what this one knows of it.
        assert one.shown == [(PARTNER, frozenset({Topic.PAYMENTS}))]


async def test_news_outlasts_a_time_without_postgres(books: Books) -> None:
    limits = PoolLimits(size=1, acquire_timeout_s=0.1)
    async with (
        processes(books.pool.dsn, 1) as (hearer,),
        Pool.open(books.pool.dsn, limits) as pool,
        anyio.create_task_group() as tasks,
    ):
        failed = anyio.Event()

        async def sleep(seconds: float) -> None:
            if seconds == RETRY_S:
                failed.set()
            await SystemClock().sleep(0.05)

        news = PageNews(pool, sleep, lambda *_: None, lambda: None)
        tasks.start_soon(news.run)
        async with pool.connection():
            news.tell(PARTNER, INVOICES)
            await failed.wait()
            news.tell(PARTNER, frozenset({Topic.ISSUES}))
        await eventually(lambda: hearer.shown)
        assert hearer.shown == [(PARTNER, frozenset({Topic.INVOICES, Topic.ISSUES}))]
        tasks.cancel_scope.cancel()
