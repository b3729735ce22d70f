"""Row-level security: for one partner's reader the other partners' rows do not exist, whatever the query says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from daemon.adapters.postgres.desk_store import DeskStore
from daemon.adapters.postgres.fleet_store import FleetStore
from daemon.adapters.postgres.pool import Conn, Pool
from daemon.core.desk import InvoiceQuery, PaymentQuery
from daemon.core.model import PartnerId
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres
ACME, MAPLE = PartnerId("acme"), PartnerId("maple")
LOGIN = "syncd_login"
# Postgres refuses COPY into a guarded table; these hold what FreshBooks shows, and the queries keep partners apart.
COPIED = {
    f"sync.{name}" for name in ("applied", "credit", "customer", "fb_payment", "invoice", "ledger_account", "line_item")
}
TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id'
WHERE c.relnamespace IN ('sync'::regnamespace, 'platform'::regnamespace) AND c.relkind IN ('r', 'p') AND {}
"""


@pytest.fixture
async def daemon_dsn(database: str) -> str:
    """The database as the daemon's own user reaches it: no superuser, a member of syncd."""
    connection = await asyncpg.connect(database)
    try:
        if not await connection.fetchval("SELECT to_regrole($1)", LOGIN):
            await connection.execute(f"CREATE ROLE {LOGIN} LOGIN IN ROLE syncd")
        for partner in (ACME, MAPLE):
            await connection.execute("INSERT INTO platform.partner VALUES ($1, $1)", partner)
            await connection.execute(
                "INSERT INTO sync.connection (partner_id, status, account_id, epoch) VALUES ($1, 'connected', $1, 1)",
                partner,
            )
            await connection.execute(
                "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, "
                "method, status) VALUES ($1, 'pay_' || $1, $1, 1, 5, 'USD', 'card', 'processing')",
                partner,
            )
    finally:
        await connection.close()
    return database.replace("postgres@", f"{LOGIN}@")


@asynccontextmanager
async def reading(dsn: str, partner: PartnerId) -> AsyncIterator[Conn]:
    async with Pool.open(dsn) as pool, pool.reading(partner) as connection:
        yield connection


@pytest.mark.parametrize(
    "query", ["SELECT partner_id FROM {}", "SELECT partner_id FROM {} WHERE partner_id = 'maple' OR true"]
)
@pytest.mark.parametrize("table", ["platform.partner", "platform.payment", "sync.connection", "sync.push"])
async def test_a_query_written_by_hand_finds_one_partner_s_rows_only(daemon_dsn: str, table: str, query: str) -> None:
    async with reading(daemon_dsn, ACME) as connection:
        assert {row[0] for row in await connection.fetch(query.format(table))} <= {ACME}
    async with reading(daemon_dsn, PartnerId("nobody")) as connection:
        assert await connection.fetch(query.format(table)) == []


async def test_a_reader_sees_its_own_rows(daemon_dsn: str) -> None:
    async with reading(daemon_dsn, MAPLE) as connection:
        assert await connection.fetchval("SELECT payment_id FROM platform.payment") == "pay_maple"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sync.push SET state = 'done'",
        "DELETE FROM sync.issue",
        "INSERT INTO platform.partner VALUES ('new', 'New')",
        "SELECT * FROM sync.token",
        "SELECT * FROM sync.session",
        "SELECT * FROM platform.invoice",
    ],
)
async def test_a_reader_writes_nothing_and_sees_no_secret(daemon_dsn: str, statement: str) -> None:
    async with Pool.open(daemon_dsn) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with pool.reading(ACME) as connection:
                await connection.execute(statement)


async def test_who_may_write_writes_no_other_partner_s_rows(database: str, daemon_dsn: str) -> None:
    del daemon_dsn
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            # Rights that the reader does not have: the policy stands behind them.
            await connection.execute("GRANT INSERT, UPDATE ON sync.connection TO syncd_reader")
            await connection.execute("SELECT sync.read_as('acme')")
            assert await connection.execute("UPDATE sync.connection SET paused = true") == "UPDATE 1"
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(
                    "INSERT INTO sync.connection (partner_id, status, epoch) VALUES ('x', 'pending', 1)"
                )
    finally:
        await connection.close()


async def test_the_pages_show_nothing_of_another_partner_s(daemon_dsn: str) -> None:
    async with Pool.open(daemon_dsn) as pool:
        desk = DeskStore(pool)
        payments = await desk.payments(ACME, PaymentQuery())
        assert [row.payment_id for row in payments.rows] == ["pay_acme"]
        assert (await desk.invoices(ACME, InvoiceQuery())).rows == ()
        assert await desk.module(MAPLE) is not None


async def test_the_daemon_s_own_work_goes_on_across_partners_and_the_next_transaction_is_nobody_s(
    daemon_dsn: str,
) -> None:
    async with Pool.open(daemon_dsn) as pool:
        async with pool.reading(ACME):
            pass
        assert [row.partner_id for row in await FleetStore(pool).fleet()] == [ACME, MAPLE]
        async with pool.writing(MAPLE) as connection:
            assert await connection.execute("UPDATE sync.connection SET paused = true") == "UPDATE 2"


async def test_every_table_with_partners_rows_is_guarded_even_from_its_owner(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        bare = await connection.fetch(TABLES.format("NOT (c.relrowsecurity AND c.relforcerowsecurity)"))
        assert {row[0] for row in bare} <= COPIED
        assert len(await connection.fetch(TABLES.format("c.relforcerowsecurity"))) > 15
    finally:
        await connection.close()


async def test_without_the_role_the_queries_alone_keep_partners_apart(daemon_dsn: str, database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(f"CREATE ROLE plain_{LOGIN} LOGIN") if not await connection.fetchval(
            "SELECT to_regrole($1)", f"plain_{LOGIN}"
        ) else None
        await connection.execute(f"GRANT USAGE ON SCHEMA sync, platform TO plain_{LOGIN}")
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE plain_{LOGIN}")
            await connection.execute("SELECT sync.read_as('acme')")
            assert await connection.fetchval("SELECT current_user") == f"plain_{LOGIN}"
    finally:
        await connection.close()
    del daemon_dsn
