"""The client against the project's FreshBooks: reads, writes and filters."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.core.backfill import Pass
from daemon.core.errors import FreshBooksNotFound, FreshBooksRefused, FreshBooksUnavailable
from daemon.core.exchange import PaymentDraft, Undecodable
from daemon.core.model import CustomerId, FbCredit, FbInvoice, FbPaymentId, InvoiceId, Record, Resource, VisState
from daemon.sandbox.command import RunningSandbox
from daemon.sandbox.faults import parse_rules
from daemon.sandbox.times import eastern_day
from tests.adapters.freshbooks_servers import a_sandbox, account_at, account_of, yes


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with a_sandbox() as started:
        yield started


@pytest.fixture
async def account(sandbox: RunningSandbox) -> AsyncIterator[FreshBooksAccount]:
    async with account_of(sandbox) as account:
        yield account


def books_of(sandbox: RunningSandbox):  # type: ignore[no-untyped-def] # noqa: ANN201 - the sandbox's own
    return sandbox.sandbox.directory.accounts[sandbox.greeting["accounts"][0]["account_id"]].books


async def read_all(account: FreshBooksAccount, listing: Pass, page_size: int = 7) -> dict[int, Record]:
    found: dict[int, Record] = {}
    page = 1
    while True:
        got = await account.list_page(listing, page, page_size)
        for item in got.items:
            record = account.decode(listing.resource, item)
            assert not isinstance(record, Undecodable), record.reason
            found[item.id] = record
        if page >= got.pages:
            assert len(found) == got.total
            return found
        page += 1


def open_invoice(sandbox: RunningSandbox) -> tuple[InvoiceId, Decimal]:
    row = next(
        row for row in books_of(sandbox).invoices if row.outstanding > 10 and row.status == 2 and not row.vis_state
    )
    return InvoiceId(row.id), row.outstanding


def draft(invoice_id: InvoiceId, amount: Decimal, note: str = "AP:pay_1:1") -> PaymentDraft:
    return PaymentDraft(
        invoice_id=invoice_id, amount=amount, currency="USD", paid_on=date(2026, 8, 4), type="ACH", note=note
    )


@pytest.mark.parametrize("resource", list(Resource))
async def test_all_pages_of_a_listing_give_every_visible_record_once(
    sandbox: RunningSandbox, account: FreshBooksAccount, resource: Resource
) -> None:
    books = books_of(sandbox)
    shelf = {
        Resource.CUSTOMERS: books.clients,
        Resource.INVOICES: books.invoices,
        Resource.PAYMENTS: books.payments,
        Resource.CREDITS: books.credits,
    }[resource]

    live = await read_all(account, Pass(resource=resource))
    deleted = await read_all(account, Pass(resource=resource, deleted=True))

    assert set(live) == {row.id for row in shelf if row.vis_state != VisState.DELETED}
    assert set(deleted) == {row.id for row in shelf if row.vis_state == VisState.DELETED}


async def test_a_page_tells_when_its_reading_began_and_ended(account: FreshBooksAccount) -> None:
    page = await account.list_page(Pass(resource=Resource.INVOICES), 1, 5)
    assert page.reading.began_at < page.reading.finished_at
    assert (page.page, len(page.items)) == (1, 5)


async def test_an_empty_listing_has_no_pages(account: FreshBooksAccount) -> None:
    page = await account.list_page(Pass(resource=Resource.INVOICES, issued_from=date(2090, 1, 1)), 1, 100)
    assert (page.pages, page.total, page.items) == (0, 0, ())


async def test_invoices_are_listed_by_their_own_date(sandbox: RunningSandbox, account: FreshBooksAccount) -> None:
    rows = sorted(row.create_date for row in books_of(sandbox).invoices if row.vis_state != VisState.DELETED)
    first, last = rows[len(rows) // 3], rows[2 * len(rows) // 3]
    found = await read_all(account, Pass(resource=Resource.INVOICES, issued_from=first, issued_to=last))
    dates = [record.issued_on for record in found.values() if isinstance(record, FbInvoice)]
    assert len(dates) >= sum(first <= day < last for day in rows)
    assert all(first <= day <= last for day in dates)


async def test_only_what_changed_since_a_day_is_listed(sandbox: RunningSandbox, account: FreshBooksAccount) -> None:
    invoice_id, _ = open_invoice(sandbox)
    sandbox.sandbox.clock.advance(timedelta(days=20))
    today = eastern_day(sandbox.sandbox.clock.now())
    async with account_at_now(sandbox) as later:
        await later.create_payment(draft(invoice_id, Decimal("1.00")), may_send=yes)
        found = await read_all(later, Pass(resource=Resource.INVOICES, updated_from=today))
    assert set(found) == {invoice_id}


def account_at_now(sandbox: RunningSandbox):  # type: ignore[no-untyped-def] # noqa: ANN201
    """A client with a token that is fresh on the sandbox's clock."""
    login = next(iter(sandbox.sandbox.directory.logins.values()))
    own = sandbox.greeting["accounts"][0]
    return account_at(
        sandbox.base_url,
        account_id=own["account_id"],
        business_uuid=own["business_uuid"],
        token=sandbox.sandbox.issue_tokens(login)["access_token"],
    )


async def test_a_single_invoice_is_what_the_listing_shows(account: FreshBooksAccount) -> None:
    item = (await account.list_page(Pass(resource=Resource.INVOICES), 1, 1)).items[0]
    listed = account.decode(Resource.INVOICES, item)
    single, reading = await account.invoice(InvoiceId(item.id))
    assert isinstance(listed, FbInvoice)
    assert single == listed
    assert single.lines
    assert reading.began_at < reading.finished_at


async def test_a_deleted_invoice_is_still_read_by_its_id(sandbox: RunningSandbox, account: FreshBooksAccount) -> None:
    gone = next(row.id for row in books_of(sandbox).invoices if row.vis_state == VisState.DELETED)
    assert (await account.invoice(InvoiceId(gone)))[0].vis_state is VisState.DELETED


async def test_a_single_customer_is_read(account: FreshBooksAccount) -> None:
    item = (await account.list_page(Pass(resource=Resource.CUSTOMERS), 1, 1)).items[0]
    assert (await account.customer(CustomerId(item.id)))[0] == account.decode(Resource.CUSTOMERS, item)


async def test_what_freshbooks_does_not_have_is_not_found(account: FreshBooksAccount) -> None:
    with pytest.raises(FreshBooksNotFound):
        await account.invoice(InvoiceId(999_999_999))
    with pytest.raises(FreshBooksNotFound):
        await account.payment(FbPaymentId(999_999_999))


async def test_a_payment_is_created_once_and_never_notifies_the_customer(
    sandbox: RunningSandbox, account: FreshBooksAccount
) -> None:
    invoice_id, outstanding = open_invoice(sandbox)

    made = await account.create_payment(draft(invoice_id, Decimal("7.50")), may_send=yes)

    rows = [row for row in books_of(sandbox).payments if row.note == "AP:pay_1:1"]
    assert [(row.id, row.amount, row.type, row.send_client_notification) for row in rows] == [
        (made.id, Decimal("7.50"), "ACH", False)
    ]
    assert (made.invoice_id, made.amount, made.currency, made.paid_on) == (
        invoice_id,
        Decimal("7.50"),
        "USD",
        date(2026, 8, 4),
    )
    assert (await account.invoice(invoice_id))[0].outstanding == outstanding - Decimal("7.50")
    assert await account.payment(made.id) == made


async def test_an_overpayment_answers_what_was_applied_and_names_its_credit(
    sandbox: RunningSandbox, account: FreshBooksAccount
) -> None:
    invoice_id, outstanding = open_invoice(sandbox)
    made = await account.create_payment(draft(invoice_id, outstanding + 40), may_send=yes)
    assert made.amount == outstanding
    assert made.overpayment_id is not None
    page = await account.list_page(Pass(resource=Resource.CREDITS), 1, 100)
    notes = [account.decode(Resource.CREDITS, item) for item in page.items]
    assert any(note.credit_type == "overpayment" and note.amount == 40 for note in notes if isinstance(note, FbCredit))


async def test_an_invoices_payments_are_listed_live_and_deleted_apart(
    sandbox: RunningSandbox, account: FreshBooksAccount
) -> None:
    invoice_id, _ = open_invoice(sandbox)
    kept = await account.create_payment(draft(invoice_id, Decimal("1.00"), "kept"), may_send=yes)
    dropped = await account.create_payment(draft(invoice_id, Decimal("2.00"), "dropped"), may_send=yes)
    own = sandbox.sandbox.directory.accounts[account.account_id]
    sandbox.sandbox.write(own, "payment.update", dropped.id, {"vis_state": 1})

    live = await account.payments_of_invoice(invoice_id, deleted=False)
    gone = await account.payments_of_invoice(invoice_id, deleted=True)

    assert kept.id in [row.id for row in live]
    assert [row.id for row in gone] == [dropped.id]
    assert not gone[0].is_live


async def test_a_look_up_finds_a_payment_by_customer_and_day(
    sandbox: RunningSandbox, account: FreshBooksAccount
) -> None:
    invoice_id, _ = open_invoice(sandbox)
    made = await account.create_payment(draft(invoice_id, Decimal("1.00")), may_send=yes)
    today = eastern_day(sandbox.sandbox.clock.now())
    found = await account.payments_of_customer(made.customer_id, today - timedelta(days=1), deleted=False)
    assert made.id in [row.id for row in found]
    assert {row.customer_id for row in found} == {made.customer_id}
    assert await account.payments_of_customer(made.customer_id, today + timedelta(days=1), deleted=False) == ()
    marked = await account.marked_payments(today - timedelta(days=1), deleted=False)
    assert made.id in [row.id for row in marked]
    assert all("AP:" in row.note for row in marked)


async def test_all_pages_of_an_invoices_payments_are_read(sandbox: RunningSandbox, account: FreshBooksAccount) -> None:
    invoice_id, _ = open_invoice(sandbox)
    own = sandbox.sandbox.directory.accounts[account.account_id]
    body = {"invoiceid": invoice_id, "amount": {"amount": "0.01"}, "date": "2026-08-04", "type": "Cash"}
    for _ in range(205):
        sandbox.sandbox.write(own, "payment.create", None, body)
    assert len(await account.payments_of_invoice(invoice_id, deleted=False)) >= 205


async def test_a_payment_on_an_unknown_invoice_is_refused_for_good(account: FreshBooksAccount) -> None:
    with pytest.raises(FreshBooksRefused) as caught:
        await account.create_payment(draft(InvoiceId(999_999_999), Decimal(1)), may_send=yes)
    assert caught.value.errno == 1012
    assert caught.value.field == "invoiceid"


async def test_a_payment_whose_answer_was_lost_may_stand_in_freshbooks(
    sandbox: RunningSandbox, account: FreshBooksAccount
) -> None:
    invoice_id, _ = open_invoice(sandbox)
    fault(sandbox, {"kind": "torn_body"}, method="POST")
    with pytest.raises(FreshBooksUnavailable) as caught:
        await account.create_payment(draft(invoice_id, Decimal("3.00")), may_send=yes)
    assert not caught.value.unsent
    assert [row.amount for row in books_of(sandbox).payments if row.note == "AP:pay_1:1"] == [Decimal("3.00")]


def fault(sandbox: RunningSandbox, action: dict[str, object], method: str = "GET") -> None:
    sandbox.sandbox.faults.replace(parse_rules(msgspec.json.encode({"action": action, "match": {"method": method}})))
