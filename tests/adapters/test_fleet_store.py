"""The fleet as Postgres knows it: one row per partner, with the figures that operators and gauges show."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.adapters.postgres.connection_store import ConnectionStore
from daemon.adapters.postgres.fleet_store import FleetStore
from daemon.adapters.postgres.lease_store import LeaseStore
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.pull_store import PullStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.fleet import FleetRow
from daemon.core.model import AccountId, Issue, IssueKind, PartnerId, Scope
from daemon.core.state import ConnectionStatus
from tests.postgres import on_every_postgres

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACME = Scope(partner_id=PartnerId("acme"), account_id=AccountId("abc123"))


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with Pool.open(database) as opened:
        yield opened


async def connect(pool: Pool, status: str = "connected") -> None:
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO platform.partner (partner_id, name) VALUES ('acme', 'Acme')")
        await connection.execute(
            "INSERT INTO sync.connection (partner_id, status, account_id) VALUES ('acme', $1, 'abc123')", status
        )


async def pay(pool: Pool, payment_id: str, initiated_at: datetime, state: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, "
            "status, initiated_at, updated_at) "
            "VALUES ('acme', $1, 'abc123', 7, 10, 'USD', 'card', 'processing', $2, $2)",
            payment_id,
            initiated_at,
        )
        await connection.execute("UPDATE sync.push SET state = $2 WHERE subject = $1", payment_id, state)


async def only_row(pool: Pool) -> FleetRow:
    (row,) = await FleetStore(pool).fleet()
    return row


@on_every_postgres
async def test_a_partner_that_never_connected_is_listed_as_such(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO platform.partner (partner_id, name) VALUES ('zebra', 'Zebra')")
    expected = FleetRow(partner_id=PartnerId("zebra"), name="Zebra", status=ConnectionStatus.NOT_CONNECTED)
    assert await only_row(pool) == expected


@on_every_postgres
async def test_a_feed_tells_when_it_last_ended_or_that_it_runs(pool: Pool) -> None:
    await connect(pool)
    store = PullStore(pool)
    ended = Cursor(feed=Feed.PAYMENTS, began_at=NOW, finished_at=NOW + timedelta(minutes=1), percent=100)
    await store.save_cursor(ACME, ended)
    await store.save_cursor(ACME, Cursor(feed=Feed.INVOICES, began_at=NOW))
    row = await only_row(pool)
    assert row.succeeded_at == {Feed.PAYMENTS: NOW + timedelta(minutes=1)}
    assert row.running == {Feed.INVOICES}


async def test_the_last_success_is_the_newest_complete_run(pool: Pool) -> None:
    await connect(pool)
    store = ConnectionStore(pool)
    run = Cursor(feed=Feed.PAYMENTS, began_at=NOW, finished_at=NOW + timedelta(minutes=1))
    await store.finish_run(ACME, Feed.PAYMENTS, run, "complete")
    failed = replace(run, finished_at=NOW + timedelta(minutes=9))
    await store.finish_run(ACME, Feed.PAYMENTS, failed, "failed")
    assert (await only_row(pool)).last_success_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(("status", "shown"), [("pending", 42), ("connected", 100)])
async def test_progress_is_the_initial_sync_s_until_connected(status: str, shown: int, pool: Pool) -> None:
    await connect(pool, status)
    await PullStore(pool).save_cursor(ACME, Cursor(feed=Feed.BACKFILL, began_at=NOW, percent=42))
    assert (await only_row(pool)).percent == shown


async def test_progress_reaches_100_only_once_connected(pool: Pool) -> None:
    await connect(pool, "pending")
    await PullStore(pool).save_cursor(ACME, Cursor(feed=Feed.BACKFILL, began_at=NOW, finished_at=NOW, percent=100))
    assert (await only_row(pool)).percent == 99


async def test_payments_on_their_way_are_counted_and_the_oldest_is_dated(pool: Pool) -> None:
    await connect(pool)
    for number, state in enumerate(("waiting", "uncertain", "ready", "sending", "done", "needs_person", "cancelled")):
        await pay(pool, f"pay_{number}", NOW + timedelta(minutes=number), state)
    row = await only_row(pool)
    assert (row.unpushed, row.waiting) == (3, 1)
    assert row.oldest_unpushed_at == NOW + timedelta(minutes=1)


async def test_the_last_verification_that_came_to_an_end_is_told(pool: Pool) -> None:
    await connect(pool)
    rows = [("equal", 0), ("drift", 3), ("unchecked", 0)]
    for number, (outcome, drift) in enumerate(rows):
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO sync.verification"
                " (partner_id, account_id, mode, asked_by, seed, finished_at, outcome, report)"
                " VALUES ($1, $2, 'full', 'Ann', 1, $3, $4, $5)",
                ACME.partner_id,
                ACME.account_id,
                NOW + timedelta(minutes=number),
                outcome,
                {"kinds": {"different": drift, "doubled": 0}},
            )
    row = await only_row(pool)
    assert (row.drift, row.verified_at) == (3, NOW + timedelta(minutes=1))


async def test_open_issues_are_counted_by_kind(pool: Pool) -> None:
    await connect(pool)
    store = ConnectionStore(pool)
    issue = Issue(kind=IssueKind.OVERPAID, subject=("invoice", "1"), reason="r", next_step="n")
    await store.raise_issue(ACME, issue)
    await store.raise_issue(ACME, replace(issue, subject=("invoice", "2")))
    await store.park(ACME, "revoked", NOW)
    await store.raise_issue(ACME, replace(issue, kind=IssueKind.REFUNDED))
    async with pool.connection() as connection:
        await connection.execute("UPDATE sync.issue SET closed_at = $1 WHERE kind = 'refunded'", NOW)
    row = await only_row(pool)
    assert row.issues == {IssueKind.OVERPAID: 2, IssueKind.RECONNECT: 1}
    assert row.open_issues == 3
    assert row.parked == "revoked"


async def test_another_account_s_cursors_are_not_the_partner_s_any_more(pool: Pool) -> None:
    await connect(pool)
    former = Scope(partner_id=ACME.partner_id, account_id=AccountId("old"))
    await PullStore(pool).save_cursor(former, Cursor(feed=Feed.PAYMENTS, began_at=NOW, finished_at=NOW))
    assert (await only_row(pool)).succeeded_at == {}


async def test_partners_stand_in_the_order_of_their_ids(pool: Pool) -> None:
    async with pool.connection() as connection:
        for name in ("b", "a"):
            await connection.execute("INSERT INTO platform.partner (partner_id, name) VALUES ($1, $1)", name)
    assert [row.partner_id for row in await FleetStore(pool).fleet()] == ["a", "b"]


async def test_each_partner_s_owner_is_named_while_there_is_one(pool: Pool) -> None:
    await connect(pool)
    leases = LeaseStore(pool.dsn, "host:17")
    await leases.join(timedelta(seconds=30))
    assert (await only_row(pool)).owner is None
    await leases.acquire(1, ())
    assert (await only_row(pool)).owner == "host:17"
    await leases.leave()
    assert (await only_row(pool)).owner is None
