"""The pages of proof over real Postgres: the month that adds up, and the comparison with FreshBooks (T1, W6)."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
from playwright.async_api import Browser as Chromium

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.proof_desk import ProofDesk
from daemon.adapters.postgres.session_store import SessionStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import InvoiceId, PartnerId
from daemon.core.verify import Drift, DriftKind, Mend, Report
from tests.adapters.postgres_rows import PARTNER, Books
from tests.builders import INVOICE, NOW, OTHER_INVOICE, make_fb_invoice
from tests.requirements import needs_chromium
from tests.web.chromium import barriers, open_window
from tests.web.site import Browser, serve


class Pdfs:
    """Fulfils the http adapter's Pdfs."""

    async def pdf(self, partner_id: PartnerId, invoice_id: InvoiceId, changed_at: datetime) -> bytes:
        if invoice_id != INVOICE:
            raise FreshBooksUnavailable("503")
        return b"%PDF-1.7"


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    async with Pool.open(database) as pool:
        books = Books(pool, PostgresStore(pool, SystemClock().sleep))
        await books.add_partner()
        yield books


@pytest.fixture
async def partner(books: Books) -> AsyncIterator[Browser]:
    pool = books.pool
    desk, proof = DeskActions(pool), ProofDesk(pool)
    async with serve(sessions=SessionStore(pool), desk=desk, proof=proof, pdfs=Pdfs()) as site:
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
    assert "1,482 invoices and 611 payments agree to the cent as of 10:02, and so do 3 deposits and moves" in page
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


async def test_a_month_with_nothing_in_it_says_so_and_leads_to_none_that_has_not_begun(partner: Browser) -> None:
    page = (await partner.get("/reports")).text
    assert "Nothing to reconcile" in page
    assert "Month after" not in page
    assert "Month after" in (await partner.get("/reports?month=2020-01")).text


async def test_a_comparison_is_offered_only_while_freshbooks_is_connected(books: Books, partner: Browser) -> None:
    assert "Compare now" in (await partner.get("/verification")).text
    for change in ("status = 'pending'", "status = 'connected', parked_reason = 'revoked'", "disconnecting = true"):
        await books.execute(f"UPDATE sync.connection SET {change}")  # noqa: S608
        page = (await partner.get("/verification")).text
        assert "Compare now" not in page
        assert "Not compared yet" in page


# Wide enough for all of the header in one line, just not so, and a phone.
@pytest.mark.parametrize("width", [1280, 1185, 1183, 360])
@needs_chromium
async def test_the_pages_of_proof_have_no_barrier_and_nothing_lies_over_another(
    books: Books, partner: Browser, chromium: Chromium, width: int
) -> None:
    drift = Drift(kind=DriftKind.DIFFERENT, subject=("invoices", "1"), detail="A total.", mend=Mend.TAKE_ANEW)
    await verified(books, "drift", Report(drifts=(drift,), kinds={"different": 1}))
    await verified(books, None, Report())
    await books.execute("UPDATE platform.partner SET name = 'Northwind Managed Information Technology of Ohio'")
    async with open_window(partner.site, chromium, viewport={"width": width, "height": 800}) as window:
        await window.page.goto(partner.site.link(PARTNER))
        window.complaints.clear()
        for path in ("/reports", "/verification"):
            await window.page.goto(partner.site.url + path)
            assert await barriers(window.page) == [], path
            assert await window.page.evaluate("document.documentElement.scrollWidth") == width
            assert await window.page.evaluate(_LIES_OVER) == [], path
        assert not window.complaints


_LIES_OVER = """() => {
    const parts = [...document.querySelectorAll('.brand, .nav a, .partner, .who button')]
        .map(part => [part.innerText, part.getBoundingClientRect()]);
    const overlap = (one, other) => one.right > other.left + 1 && other.right > one.left + 1
        && one.bottom > other.top + 1 && other.bottom > one.top + 1;
    return parts.flatMap(([name, box], at) => parts.slice(at + 1)
        .filter(([, other]) => overlap(box, other)).map(([other]) => `${name} / ${other}`));
}"""


async def test_a_pdf_is_handed_out_as_a_file_that_runs_nowhere_and_only_while_switched_on(
    books: Books, partner: Browser
) -> None:
    await books.merge(make_fb_invoice(number='7"; x=\r\n<9>'))
    await books.merge(make_fb_invoice(id=OTHER_INVOICE))
    assert (await partner.get(f"/invoices/{INVOICE}/pdf")).status == 404
    await books.execute("UPDATE sync.connection SET options = '{\"pdf_invoices\": true}'")
    answer = await partner.get(f"/invoices/{INVOICE}/pdf")
    assert (answer.status, answer.text) == (200, "%PDF-1.7")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="invoice-7-x-9-.pdf"'
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert (await partner.get(f"/invoices/{OTHER_INVOICE}/pdf")).status == 503
    assert (await partner.get("/invoices/999/pdf")).status == 404
