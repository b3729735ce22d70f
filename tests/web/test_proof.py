"""The pages of proof over real Postgres: the month that adds up, and the comparison with FreshBooks (T1, W6)."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta

import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.proof_desk import ProofDesk
from daemon.adapters.postgres.session_store import SessionStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.verify import Drift, DriftKind, Mend, Report
from tests.adapters.postgres_rows import PARTNER, Books
from tests.builders import NOW
from tests.web.site import Browser, serve


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    async with Pool.open(database) as pool:
        books = Books(pool, PostgresStore(pool, SystemClock().sleep))
        await books.add_partner()
        yield books


@pytest.fixture
async def partner(books: Books) -> AsyncIterator[Browser]:
    pool = books.pool
    async with serve(sessions=SessionStore(pool), desk=DeskActions(pool), proof=ProofDesk(pool)) as site:
        yield await site.browser(PARTNER)


async def verified(books: Books, outcome: str | None, report: Report) -> None:
    await books.execute(
        "INSERT INTO sync.verification"
        " (partner_id, account_id, mode, asked_by, seed, began_at, finished_at, outcome, report)"
        " VALUES ($1, $2, 'full', 'nightly', 1, $3, $4, $5, $6)",
        PARTNER,
        books.scope.account_id,
        NOW,
        NOW + timedelta(minutes=2) if outcome else None,
        outcome,
        asdict(report),
    )


async def test_the_month_adds_up_and_is_a_table_for_spreadsheets(books: Books, partner: Browser) -> None:
    await books.execute(
        "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net, arrival_date)"
        " VALUES ($1, 'po_1', 'processing', 'USD', 98, '2025-11-03')",
        PARTNER,
    )
    await books.execute(
        "INSERT INTO platform.payout_member (partner_id, payout_id, member, kind, amount)"
        " VALUES ($1, 'po_1', 'm', 'payment', 100), ($1, 'po_1', 'f', 'fee', -2)",
        PARTNER,
    )
    page = await partner.get("/reports?month=2025-11")
    assert page.status == 200
    assert "po_1" in page.text
    assert "Reports" in page.text
    table = await partner.get("/reports/month.csv?month=2025-11")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.headers["Content-Disposition"] == 'attachment; filename="reconciliation-2025-11.csv"'
    assert "payout,po_1,2025-11-03,net,,98,USD,,processing" in table.text.splitlines()
    assert "No payout arrived" in (await partner.get("/reports?month=2020-01")).text
    assert (await partner.get("/reports?month=x")).status == 400


async def test_a_comparison_is_told_in_a_bookkeepers_words(books: Books, partner: Browser) -> None:
    assert "Not compared yet" in (await partner.get("/verification")).text
    await verified(books, "equal", Report(read={"invoices": 1482, "payments": 611, "entries": 3}, rules={"P6": 4}))
    page = (await partner.get("/verification")).text
    assert "1,482 invoices and 611 payments agree to the cent, and so do 3 deposits and moves" in page
    assert "deleted or archived in FreshBooks, kept here (4)" in page
    drift = Drift(
        kind=DriftKind.DIFFERENT, subject=("invoices", "1"), detail="Invoice <7>: total.", mend=Mend.TAKE_ANEW
    )
    await verified(books, "drift", Report(drifts=(drift,), kinds={"different": 1}))
    page = (await partner.get("/verification")).text
    assert "1 difference was found" in page
    assert "Invoice &lt;7&gt;: total." in page
    assert "Compare again and read anew what differs" in page


async def test_a_comparison_can_be_asked_for_once_at_a_time(books: Books, partner: Browser) -> None:
    answer = await partner.follow(await partner.post("/verification", {"repair": "1"}))
    assert "has been asked for" in answer.text
    assert "A comparison is under way" in answer.text
    row = (await books.fetch("SELECT mode, repair, asked_by FROM sync.verification"))[0]
    assert tuple(row) == ("full", True, "partner")
    again = await partner.follow(await partner.post("/verification"))
    assert "under way already" in again.text
