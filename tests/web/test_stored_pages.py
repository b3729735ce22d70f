"""The pages over real Postgres: what the stores read is what the pages show, and no address makes them stumble."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.demo_platform import DemoPlatform
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.session_store import SessionStore
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.model import PartnerId
from tests.adapters.postgres_rows import PARTNER, Books
from tests.builders import INVOICE, make_fb_invoice
from tests.web.site import Browser, Site, serve

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    """A connected partner with one invoice, one payment on it and one stopped payment."""
    async with Pool.open(database) as pool:
        books = Books(pool, PostgresStore(pool, SystemClock().sleep))
        await books.add_partner()
        await books.add_partner("other", "Xr2")
        invoice = make_fb_invoice(description=SCRIPT, lines=(replace(make_fb_invoice().lines[0], name=SCRIPT),))
        await books.snapshot(invoice)
        yield books


@pytest.fixture
async def stored(books: Books) -> AsyncIterator[Site]:
    async with serve(
        sessions=SessionStore(books.pool), desk=DeskActions(books.pool), platform=DemoPlatform(books.pool)
    ) as site:
        yield site


@pytest.fixture
async def partner(stored: Site) -> Browser:
    return await stored.browser(PARTNER)


async def test_every_page_shows_what_is_stored(partner: Browser) -> None:
    for path, words in {
        "/integrations": "Acme IT",
        "/invoices": f"/invoices/{INVOICE}",
        f"/invoices/{INVOICE}": "&lt;script&gt;alert(1)",
        "/payments": "No payments yet",
        "/issues": "Nothing to settle",
        "/nav": "Sync </span>issues",
        "/activity": "No runs yet",
        "/activity?show=audit": "No changes yet",
    }.items():
        page = await partner.get(path)
        assert page.status == 200
        assert words in page.text
        assert SCRIPT not in page.text


async def test_a_demo_payment_stands_on_its_invoice_and_among_the_payments(books: Books, partner: Browser) -> None:
    answer = await partner.post(f"/demo/invoices/{INVOICE}/pay", {"amount": "40", "method": "ach"})
    invoice = await partner.follow(answer)
    assert "To be recorded in FreshBooks next." in invoice.text or "Waiting for accounts" in invoice.text
    (row,) = await books.fetch("SELECT payment_id, amount, method FROM platform.payment")
    assert (row["amount"], row["method"]) == (Decimal(40), "ach")
    assert row["payment_id"] in (await partner.get("/payments")).text
    moved = await partner.post(f"/demo/payments/{row['payment_id']}/failed", {"invoice_id": str(INVOICE)})
    assert moved.location == f"/invoices/{INVOICE}"
    assert "failed before it was recorded" in (await partner.get(f"/invoices/{INVOICE}")).text


async def test_another_partners_rows_are_not_found(books: Books, stored: Site) -> None:
    await books.pay()
    stranger = await stored.browser(PartnerId("other"))
    assert (await stranger.get(f"/invoices/{INVOICE}")).status == 404
    assert (await stranger.post(f"/demo/invoices/{INVOICE}/pay", {"amount": "1", "method": "card"})).status == 404
    assert (await stranger.post("/demo/payments/pay_1/failed")).status == 404
    assert "pay_1" not in (await stranger.get("/payments")).text


async def test_sync_now_is_stored_and_audited(books: Books, partner: Browser) -> None:
    await partner.post("/integrations/freshbooks/sync")
    assert await books.value("SELECT sync_asked_at FROM sync.connection WHERE partner_id = $1", PARTNER)
    assert await books.value("SELECT who FROM sync.audit WHERE partner_id = $1", PARTNER) == "partner"


async def test_a_session_outlives_the_process_that_opened_it(books: Books, stored: Site, partner: Browser) -> None:
    async with serve(sessions=SessionStore(books.pool), desk=DeskActions(books.pool)) as another:
        cookie = next(cookie.value for cookie in partner.client.cookie_jar)
        stranger = await another.browser(None)
        assert (await stranger.get("/integrations", Cookie=f"syncd={cookie}")).status == 200
        assert (await stranger.get("/integrations", Cookie=f"syncd={cookie}x")).status == 401


async def test_a_link_is_remembered_to_have_been_followed(books: Books, stored: Site) -> None:
    link = stored.link(PARTNER)
    assert (await (await stored.browser(None)).get(link)).status == 303
    assert (await (await stored.browser(None)).get(link)).status == 401
    stored.clock.advance(timedelta(minutes=20))
    await stored.browser(PARTNER)
    assert await books.value("SELECT count(*) FROM sync.used_link") == 1


ODD = [
    "/invoices?after=x",
    "/invoices?after=x%7Cy",
    "/invoices?after=2026-01-01%7C999999999999999999999999",
    "/invoices?after=9999-99-99%7C1",
    "/invoices?q=%25%27%22%5C%3B--",
    "/invoices?q=%F0%9F%A6%8A%ff%fe",
    "/invoices?status=paid%27&flag=%3B",
    "/invoices/999999999999999999",
    "/payments?after=2026-01-01T00:00:00%7Cpay_1",
    "/payments?after=%7C",
    "/issues?after=99999999999999999999999",
    "/issues?after=-1",
    "/issues?closed=2&after=",
    "/nav?at=%3Cscript%3E",
    "/enter?partner=acme&exp=99999999999999&sig=k1.00",
]


@pytest.mark.parametrize("path", ODD)
async def test_an_odd_address_is_no_server_error(partner: Browser, path: str) -> None:
    assert (await partner.get(path)).status < 500


@pytest.mark.parametrize("issue_id", ["0", "999999999999999999"])
async def test_an_issue_that_does_not_exist_is_not_found(partner: Browser, issue_id: str) -> None:
    assert (await partner.post(f"/issues/{issue_id}", {"action": "post_anyway"})).status == 404
