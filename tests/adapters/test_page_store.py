"""What else the pull lane stores: records, pages with cursors, quarantine, rereads, the chart of accounts."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest

from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.exchange import InvoiceRead, Reread, Undecodable
from daemon.core.invoice_rules import decide_page_read
from daemon.core.model import (
    CustomerId,
    FbPaymentId,
    InvoiceId,
    LedgerAccount,
    PaymentId,
    Resource,
)
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import (
    CUSTOMER,
    INVOICE,
    NOW,
    make_customer,
    make_fb_invoice,
    make_fb_payment,
    make_reading,
    usd,
)
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres

MINUTE = timedelta(minutes=1)


# ---- records ---------------------------------------------------------------------------------------------------------


async def test_a_customer_is_stored_and_its_newer_read_wins(books: Books) -> None:
    late, early = make_reading(NOW), make_reading(NOW - timedelta(seconds=1), 5)
    edited = make_customer(organization="Northwind Dental Ltd", updated_at=NOW, fingerprint=2)
    assert await books.store.merge_customers(SCOPE, [edited], late) == 1
    assert await books.store.merge_customers(SCOPE, [make_customer(fingerprint=1)], early) == 0
    assert await books.value("SELECT name FROM platform.customer") == "Northwind Dental Ltd"


async def test_two_reads_that_cannot_be_ordered_have_the_object_read_again(books: Books) -> None:
    reading = make_reading(NOW, 10)
    await books.store.merge_customers(SCOPE, [make_customer(fingerprint=1)], reading)
    await books.store.merge_payments(SCOPE, [make_fb_payment(fingerprint=1)], reading)
    tie = make_reading(NOW + timedelta(seconds=5), 1)
    assert await books.store.merge_customers(SCOPE, [make_customer(fingerprint=2)], tie) == 0
    assert (await books.store.merge_payments(SCOPE, [make_fb_payment(fingerprint=2)], tie)).changed == 0
    assert await books.rereads() == {("customers", CUSTOMER): "tie", ("payments", 501): "tie"}


async def test_a_changed_payment_asks_for_the_invoices_we_hold(books: Books) -> None:
    await books.merge(make_fb_invoice())
    stray = make_fb_payment(502, invoice_id=InvoiceId(99))
    report = await books.store.merge_payments(SCOPE, [make_fb_payment(), stray], books.reading())
    assert (report.changed, report.rereads) == (2, (INVOICE,))
    assert await books.rereads() == {("invoices", INVOICE): "payment"}
    edited = make_fb_payment(amount=5, updated_at=NOW, fingerprint=3)
    await books.store.merge_payments(SCOPE, [edited], books.reading())
    assert await books.value("SELECT amount FROM sync.fb_payment WHERE fb_payment_id = 501") == usd(5)


# ---- pages, cursors, crashes -----------------------------------------------------------------------------------------


def make_cursor(page: int) -> Cursor:
    queue = (Pass(resource=Resource.INVOICES, deleted=True, issued_from=make_fb_invoice().issued_on),)
    return Cursor(feed=Feed.BACKFILL, queue=queue, page=page, total=7, pages_expected=3, began_at=NOW)


async def test_a_page_and_its_cursor_are_stored_together(books: Books) -> None:
    async with books.store.page_transaction(SCOPE) as page:
        await page.merge_invoices(SCOPE, [books.read(make_fb_invoice())])
        await page.save_cursor(SCOPE, make_cursor(2))
    connection = await books.store.connection(PARTNER)
    assert connection.cursors == (make_cursor(2),)
    assert await books.invoice()


async def test_a_crash_inside_a_page_leaves_neither_rows_nor_cursor(books: Books) -> None:
    await books.store.save_cursor(SCOPE, make_cursor(1))

    async def crash() -> None:
        async with books.store.page_transaction(SCOPE) as page:
            await page.merge_invoices(SCOPE, [books.read(make_fb_invoice())])
            await page.merge_customers(SCOPE, [make_customer()], make_reading())
            await page.save_cursor(SCOPE, make_cursor(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await crash()
    assert (await books.store.connection(PARTNER)).cursors == (make_cursor(1),)
    assert await books.value("SELECT count(*) FROM sync.invoice") == 0
    assert await books.value("SELECT count(*) FROM sync.customer") == 0


# ---- quarantine ------------------------------------------------------------------------------------------------------


def make_undecodable(fingerprint: int = 3, reason: str = "no amount") -> Undecodable:
    return Undecodable(
        resource=Resource.INVOICES, id=INVOICE, fingerprint=fingerprint, reason=reason, raw=b'{"id": 812, "\\x00"}'
    )


async def test_a_record_that_cannot_be_read_is_kept_as_an_issue_until_it_can(books: Books) -> None:
    await books.store.quarantine(SCOPE, [make_undecodable(), make_undecodable()])
    assert await books.open_issues() == {("quarantined", "invoices", str(INVOICE))}
    assert await books.store.fingerprints(SCOPE, Resource.INVOICES, [INVOICE]) == {INVOICE: 3}
    assert await books.value("SELECT payload FROM sync.quarantine") == make_undecodable().raw
    await books.merge(make_fb_invoice(fingerprint=4))
    assert await books.open_issues() == set()
    assert await books.store.fingerprints(SCOPE, Resource.INVOICES, [INVOICE]) == {INVOICE: 4}


async def test_a_record_quarantined_again_opens_no_second_issue(books: Books) -> None:
    await books.store.quarantine(SCOPE, [make_undecodable()])
    await books.store.quarantine(SCOPE, [make_undecodable(4, "no date")])
    (issue,) = await books.fetch("SELECT reason FROM sync.issue")
    assert "no date" in issue["reason"]


# ---- rereads ---------------------------------------------------------------------------------------------------------


def make_reread(reread_id: int = INVOICE, due_at: timedelta = timedelta(0), reason: str = "webhook") -> Reread:
    return Reread(resource=Resource.INVOICES, id=reread_id, reason=reason, due_at=NOW + due_at)


async def test_rereads_are_served_oldest_first_and_only_when_due(books: Books) -> None:
    asked = [make_reread(1, 2 * MINUTE), make_reread(2, MINUTE), make_reread(3, 3 * MINUTE)]
    await books.store.ask_reread(SCOPE, asked)
    assert await books.store.next_reread_at(SCOPE) == NOW + MINUTE
    due = await books.store.due_rereads(SCOPE, NOW + 2 * MINUTE, 10)
    assert [reread.id for reread in due] == [2, 1]
    assert [reread.id for reread in await books.store.due_rereads(SCOPE, NOW + 9 * MINUTE, 1)] == [2]


async def test_an_object_is_queued_once_and_its_earlier_time_wins(books: Books) -> None:
    later, sooner = make_reread(due_at=5 * MINUTE), make_reread(due_at=MINUTE)
    await books.store.ask_reread(SCOPE, [later])
    await books.store.ask_reread(SCOPE, [sooner, later])
    await books.store.ask_reread(SCOPE, [later])
    assert await books.store.next_reread_at(SCOPE) == NOW + MINUTE
    assert await books.value("SELECT count(*) FROM sync.reread") == 1


async def test_a_reread_asked_for_again_while_it_is_served_is_not_lost(books: Books) -> None:
    await books.store.ask_reread(SCOPE, [make_reread()])
    (taken,) = await books.store.due_rereads(SCOPE, NOW, 10)
    await books.store.ask_reread(SCOPE, [make_reread()])
    await books.store.finish_reread(SCOPE, taken)
    await books.store.postpone_reread(SCOPE, taken, NOW + 10 * MINUTE)
    (again,) = await books.store.due_rereads(SCOPE, NOW, 10)
    await books.store.postpone_reread(SCOPE, again, NOW + 10 * MINUTE)
    assert await books.store.next_reread_at(SCOPE) == NOW + 10 * MINUTE
    await books.store.finish_reread(SCOPE, again)
    assert await books.store.next_reread_at(SCOPE) is None


# ---- the chart of accounts -------------------------------------------------------------------------------------------


def make_account(account: str, name: str = "Undeposited Funds", *, is_active: bool = True) -> LedgerAccount:
    return LedgerAccount(
        id=account,
        name=name,
        number="1000",
        type="asset",
        sub_type="",
        legacy_id=7,
        parent_id=None,
        is_active=is_active,
    )


async def test_a_chosen_account_that_disappears_is_an_issue_until_it_is_back(books: Books) -> None:
    await books.execute("UPDATE sync.connection SET payments_account_id = 'a', deposits_account_id = 'b'")

    async def gone_after(accounts: Sequence[LedgerAccount]) -> set[tuple[str, str, str]]:
        await books.store.store_ledger_accounts(SCOPE, accounts)
        return await books.open_issues()

    assert await gone_after([make_account("a"), make_account("b", "Bank")]) == set()
    assert await gone_after([make_account("a")]) == {("account_gone", "account", "deposits")}
    assert "Bank" in await books.value("SELECT reason FROM sync.issue WHERE closed_at IS NULL")
    inactive = [make_account("a", is_active=False), make_account("b")]
    assert await gone_after(inactive) == {("account_gone", "account", "payments")}
    assert await gone_after([make_account("a"), make_account("b")]) == set()


async def test_rows_of_two_partners_and_accounts_are_apart(books: Books) -> None:
    other = await books.add_partner("other", "Zz9")
    await books.merge(make_fb_invoice(100))
    read = InvoiceRead(id=INVOICE, decide=partial(decide_page_read, make_fb_invoice(50), make_reading()))
    await books.store.merge_invoices(other, [read])
    assert (await books.invoice())["total"] == usd(100)
    assert await books.value("SELECT total FROM sync.invoice WHERE partner_id = 'other'") == usd(50)
    assert await books.store.fingerprints(other, Resource.CUSTOMERS, [CustomerId(31)]) == {}
    assert FbPaymentId(501) not in await books.store.fingerprints(other, Resource.PAYMENTS, [501])
    assert PaymentId("pay_1") not in {row[0] for row in await books.fetch("SELECT subject FROM sync.push")}
