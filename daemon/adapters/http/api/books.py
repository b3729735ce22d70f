"""Operations on the books: invoices, customers, payments, payouts."""

from datetime import timedelta
from functools import partial
from typing import Literal

from pydantic import Field

from daemon.adapters.http.api.credentials import Scope
from daemon.adapters.http.api.messages import NoInput
from daemon.adapters.http.api.operations import ID_MAX, Call, Operations, Reply
from daemon.adapters.http.api.paging import Page, PageQuery, read_page
from daemon.adapters.http.api.problems import Problem
from daemon.adapters.http.api.shapes_books import Customer, Invoice, InvoiceInFull
from daemon.adapters.http.api.shapes_payments import Payment, Payout
from daemon.adapters.http.rendering import find_zone
from daemon.core.desk import DESK_PAGE_ROWS_MAX, InvoiceDetail, InvoiceQuery, IssueQuery, PaymentQuery
from daemon.core.model import CustomerId, InvoiceId, PaymentId, PaymentStatus, PayoutId, PushState

operations = Operations("Books")
SEARCH_CHARACTERS_MAX = 100
FRESH_WAIT = timedelta(seconds=5)
"""How long a fresh look at an invoice is awaited before its state as known is told instead."""
_LOOK_INTERVAL_S = 0.1
_NOT_FOUND = "There is nothing here, or it is not yours to see."


class InvoicesQuery(PageQuery):
    """Which invoices."""

    search: str = Field(
        default="", max_length=SEARCH_CHARACTERS_MAX, pattern=r"^[^\x00]*$", description="In number or customer."
    )
    status: Literal["", "draft", "outstanding", "paid", "archived"] = ""
    flag: Literal["", "deleted", "archived_in_freshbooks", "payable", "not_payable", "overpaid", "overdue", "issue"] = (
        ""
    )
    customer_id: int | None = Field(default=None, ge=1, le=ID_MAX)


class CustomersQuery(PageQuery):
    """Which customers."""

    search: str = Field(default="", max_length=SEARCH_CHARACTERS_MAX, pattern=r"^[^\x00]*$")


class PaymentsQuery(PageQuery):
    """Which payments."""

    search: str = Field(default="", max_length=SEARCH_CHARACTERS_MAX, pattern=r"^[^\x00]*$")
    status: PaymentStatus | Literal[""] = ""
    state: PushState | Literal[""] = Field(default="", description="The state of the write to FreshBooks.")


@operations.add("GET", "/invoices", Scope.INVOICES_READ, {200: Page[Invoice]}, query=InvoicesQuery)
async def list_invoices(call: Call[InvoicesQuery, NoInput]) -> Reply:
    """List invoices, newest issue date first."""
    query = call.query
    module = await call.api.desk.module(call.partner_id)
    today = call.now.astimezone(find_zone(module.timezone if module else "")).date()
    listed = await read_page(
        query,
        lambda after, limit: call.api.desk.invoices(
            call.partner_id,
            InvoiceQuery(
                search=query.search,
                status=query.status,
                flag=query.flag,
                customer_id=CustomerId(query.customer_id) if query.customer_id else None,
                today=today,
                after=after,
                limit=limit,
            ),
        ),
        Invoice.of,
    )
    return Reply(body=listed)


@operations.add("GET", "/invoices/{invoice_id}", Scope.INVOICES_READ, {200: InvoiceInFull}, refusals=frozenset({404}))
async def get_invoice(call: Call[NoInput, NoInput]) -> Reply:
    """Read one invoice with its lines, payments, history and issues."""
    return Reply(body=InvoiceInFull.in_full(await _invoice(call)))


@operations.add(
    "POST",
    "/invoices/{invoice_id}/refresh",
    Scope.INVOICES_READ,
    {200: InvoiceInFull, 202: InvoiceInFull},
    refusals=frozenset({404, 409}),
)
async def refresh_invoice(call: Call[NoInput, NoInput]) -> Reply:
    """Read an invoice anew in FreshBooks, before it is charged.

    200: `amount_due_as_of` is later than this request. 202: FreshBooks has not answered within five seconds; the
    invoice is told as it was known, and charging it now relies on that.
    """
    asked_at = call.now
    invoice_id = InvoiceId(call.number("invoice_id"))
    if not await call.api.desk.read_invoice_again(call.partner_id, invoice_id, call.caller.who, asked_at):
        raise Problem(404, _NOT_FOUND)
    while True:
        found = await _invoice(call)
        if found.row.amount_due_as_of >= asked_at:
            return Reply(body=InvoiceInFull.in_full(found))
        if call.now - asked_at >= FRESH_WAIT:
            return Reply(body=InvoiceInFull.in_full(found), status=202)
        await call.dashboard.clock.sleep(_LOOK_INTERVAL_S)


@operations.add(
    "POST",
    "/invoices/{invoice_id}/archive",
    Scope.INVOICES_WRITE,
    {200: InvoiceInFull},
    refusals=frozenset({404, 409}),
)
async def archive_invoice(call: Call[NoInput, NoInput]) -> Reply:
    """Archive an invoice on the platform.

    Refused with 409 while its copy in FreshBooks is active or a payment of it is processing.
    """
    invoice_id = InvoiceId(call.number("invoice_id"))
    try:
        refused = await call.api.desk.archive(call.partner_id, invoice_id, call.caller.who, call.now)
    except LookupError as error:
        raise Problem(404, _NOT_FOUND) from error
    if refused is not None:
        raise Problem(409, refused)
    return Reply(body=InvoiceInFull.in_full(await _invoice(call)))


@operations.add(
    "DELETE", "/invoices/{invoice_id}/archive", Scope.INVOICES_WRITE, {200: InvoiceInFull}, refusals=frozenset({404})
)
async def unarchive_invoice(call: Call[NoInput, NoInput]) -> Reply:
    """Bring an archived invoice back."""
    try:
        await call.api.desk.unarchive(call.partner_id, InvoiceId(call.number("invoice_id")), call.caller.who)
    except LookupError as error:
        raise Problem(404, _NOT_FOUND) from error
    return Reply(body=InvoiceInFull.in_full(await _invoice(call)))


@operations.add("GET", "/customers", Scope.CUSTOMERS_READ, {200: Page[Customer]}, query=CustomersQuery)
async def list_customers(call: Call[CustomersQuery, NoInput]) -> Reply:
    """List customers by name, with what each owes."""
    read = partial(call.api.desk.customers, call.partner_id, call.query.search)
    return Reply(body=await read_page(call.query, read, Customer.of))


@operations.add("GET", "/payments", Scope.PAYMENTS_READ, {200: Page[Payment]}, query=PaymentsQuery)
async def list_payments(call: Call[PaymentsQuery, NoInput]) -> Reply:
    """List payments, newest first, each with the one place where it stands in FreshBooks."""
    query = call.query
    # A payment with an open issue stands there, whatever its write says (W8).
    issues = await call.api.desk.issues(call.partner_id, IssueQuery(limit=DESK_PAGE_ROWS_MAX))
    listed = await read_page(
        query,
        lambda after, limit: call.api.desk.payments(
            call.partner_id,
            PaymentQuery(search=query.search, place=query.state, status=query.status, after=after, limit=limit),
        ),
        lambda row: Payment.of(row, issues.rows),
    )
    return Reply(body=listed)


@operations.add("GET", "/payments/{payment_id}", Scope.PAYMENTS_READ, {200: Payment}, refusals=frozenset({404}))
async def get_payment(call: Call[NoInput, NoInput]) -> Reply:
    """Read one payment with its place in FreshBooks."""
    payment_id = PaymentId(call.named("payment_id"))
    row = await call.api.desk.payment(call.partner_id, payment_id)
    if row is None:
        raise Problem(404, _NOT_FOUND)
    issues = await call.api.desk.issues(call.partner_id, IssueQuery(subject=("payment", payment_id)))
    return Reply(body=Payment.of(row, issues.rows))


@operations.add("GET", "/payouts", Scope.PAYOUTS_READ, {200: Page[Payout]}, query=PageQuery)
async def list_payouts(call: Call[PageQuery, NoInput]) -> Reply:
    """List payouts, newest first, with their members and where each stands in FreshBooks."""
    read = partial(call.api.desk.payouts, call.partner_id)
    return Reply(body=await read_page(call.query, read, Payout.of))


@operations.add("GET", "/payouts/{payout_id}", Scope.PAYOUTS_READ, {200: Payout}, refusals=frozenset({404}))
async def get_payout(call: Call[NoInput, NoInput]) -> Reply:
    """Read one payout with its members and where it stands in FreshBooks."""
    row = await call.api.desk.payout(call.partner_id, PayoutId(call.named("payout_id")))
    if row is None:
        raise Problem(404, _NOT_FOUND)
    return Reply(body=Payout.of(row))


async def _invoice(call: Call[NoInput, NoInput]) -> InvoiceDetail:
    found = await call.api.desk.invoice(call.partner_id, InvoiceId(call.number("invoice_id")))
    if found is None:
        raise Problem(404, _NOT_FOUND)
    return found
