"""What the stores do when Postgres is slow, gone, or comes back."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import asyncpg
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.listener import KINDS, Listener
from daemon.adapters.postgres.migrate import migrate
from daemon.adapters.postgres.pool import Pool, PoolLimits
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.errors import StoreUnavailable
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import NOW, make_fb_invoice
from tests.polling import eventually


@pytest.fixture
async def hurried(database: str) -> AsyncIterator[Pool]:
    """A pool of one connection that waits for nothing."""
    async with Pool.open(database, PoolLimits(size=1, acquire_timeout_s=0.3, command_timeout_s=0.3)) as pool:
        yield pool


async def test_a_statement_that_takes_too_long_is_an_outage(hurried: Pool) -> None:
    with pytest.raises(StoreUnavailable, match="did not answer in time"):
        async with hurried.connection() as connection:
            await connection.execute("SELECT pg_sleep(5)")
    async with hurried.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_pool_without_a_free_connection_is_an_outage(hurried: Pool) -> None:
    async with hurried.connection():
        with pytest.raises(StoreUnavailable):
            async with hurried.connection():
                pass


async def test_a_mistake_of_ours_is_no_outage(hurried: Pool) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with hurried.connection() as connection:
            await connection.execute("SELECT * FROM nowhere")
    with pytest.raises(asyncpg.InterfaceError):
        async with hurried.connection() as connection:
            await connection.fetch("SELECT $1::int")


async def test_a_partner_has_one_writer_at_a_time(database: str) -> None:
    order: list[str] = []
    async with Pool.open(database) as pool:

        async def second() -> None:
            async with pool.writing(PARTNER):
                order.append("second")

        async with anyio.create_task_group() as group, pool.writing(PARTNER) as connection:
            group.start_soon(second)
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            await eventually(lambda: connection.fetchval(waiting))
            order.append("first")
    assert order == ["first", "second"]


async def test_a_killed_server_is_an_outage_and_its_return_is_noticed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with EmbeddedPostgres.start(data) as server:
        await migrate(server.dsn)
        limits = PoolLimits(acquire_timeout_s=2, command_timeout_s=2)
        async with Pool.open(server.dsn, limits) as pool:
            books = Books(pool, PostgresStore(pool, SystemClock().sleep))
            await books.add_partner()
            await books.merge(make_fb_invoice())
            server.process.kill()
            await server.process.wait()
            # A session may answer once more before it notices that its server is dead.
            await eventually(lambda: _refuses(books))
            with pytest.raises(StoreUnavailable):
                async with books.store.page_transaction(SCOPE):
                    pass
    async with EmbeddedPostgres.start(data) as server, Pool.open(server.dsn) as pool:
        books = Books(pool, PostgresStore(pool, SystemClock().sleep))
        assert (await books.invoice())["total"] == 100


async def _refuses(books: Books) -> bool:
    try:
        await books.store.claim(SCOPE, NOW, NOW)
    except StoreUnavailable:
        return True
    return False


async def test_a_database_that_lets_nobody_in_is_an_outage_and_its_opening_is_noticed(tmp_path: Path) -> None:
    async with EmbeddedPostgres.start(tmp_path / "data", durable=False) as server:
        gate = await asyncpg.connect(server.dsn)
        await gate.execute("CREATE DATABASE closed")
        await gate.execute("ALTER DATABASE closed ALLOW_CONNECTIONS false")
        async with Pool.open(server.dsn_of("closed")) as pool:
            with pytest.raises(StoreUnavailable, match="not currently accepting connections"):
                async with pool.connection():
                    pass
            await gate.execute("ALTER DATABASE closed ALLOW_CONNECTIONS true")
            async with pool.connection() as connection:
                assert await connection.fetchval("SELECT 1") == 1
        await gate.close()


async def test_a_listener_whose_connection_is_cut_wakes_every_partner_for_everything(books: Books) -> None:
    await books.add_partner("other", "Zz9")
    async with books.wakes() as wakes:
        await books.pay()
        assert {await anext(wakes), await anext(wakes)} == {(PARTNER, "push"), (PARTNER, "reread")}
        await books.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE '%listener' AND datname = current_database()"
        )
        heard = {await anext(wakes) for _ in range(8)}
        assert heard == {(partner, kind) for partner in (PARTNER, "other") for kind in KINDS}
        await books.pay("pay_2")
        assert {await anext(wakes), await anext(wakes)} == {(PARTNER, "push"), (PARTNER, "reread")}


async def test_a_listener_that_hears_nothing_asks_whether_it_still_can(books: Books) -> None:
    listener = Listener(books.pool.dsn, books.store.partners, SystemClock().sleep, ping_after_s=0.05)
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%listener'"
        " AND datname = current_database() AND query = 'SELECT'"
    )

    async def pay_after_some_pings() -> None:
        await eventually(lambda: books.value(asked))
        await books.pay()

    with anyio.fail_after(30):
        async with listener.wakes() as wakes, anyio.create_task_group() as group:
            group.start_soon(pay_after_some_pings)
            assert await anext(wakes) in {(PARTNER, "push"), (PARTNER, "reread")}


async def test_equal_wakes_that_nobody_took_yet_are_told_once(books: Books) -> None:
    async with books.wakes() as wakes:
        for number in range(20):
            await books.pay(f"pay_{number}")
        heard = {await anext(wakes), await anext(wakes)}
        assert heard == {(PARTNER, "push"), (PARTNER, "reread")}
        await books.add_partner("other", "Zz9")
        await books.execute("SELECT pg_notify('syncd_wake', 'other:connection')")
        rest = [await anext(wakes)]
        while rest[-1] != ("other", "connection"):
            rest.append(await anext(wakes))
        assert len(rest) <= 3


async def test_a_listener_without_a_server_is_an_outage(tmp_path: Path) -> None:
    async with Pool.open(f"postgresql://postgres@/nowhere?host={tmp_path}") as pool:
        store = PostgresStore(pool, SystemClock().sleep)
        with pytest.raises(StoreUnavailable):
            async with store.wakes():
                pass
        with pytest.raises(StoreUnavailable):
            await store.partners()
