"""Turns records into JSON bytes, with what was asked to be included beside them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from daemon.sandbox.books import Books
from daemon.sandbox.credits import credit_left
from daemon.sandbox.invoice_bytes import RenderedInvoices
from daemon.sandbox.invoice_status import v3_status
from daemon.sandbox.listing import Page
from daemon.sandbox.model import DELETED, DRAFT, Client, CreditNote, Invoice, OtherIncome, Payment
from daemon.sandbox.money import ZERO, money
from daemon.sandbox.wire import client_json, credit_json, credit_line_json, income_json, payment_json

Json = dict[str, Any]
encode = msgspec.json.encode


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a rendering may look at."""

    books: Books
    today: date
    includes: frozenset[str]
    rendered: RenderedInvoices


def render_invoice(view: View, invoice: Invoice) -> bytes:
    """An invoice with the includes FreshBooks knows for it."""
    text = view.rendered.render(view.books, invoice, view.today, with_lines="lines" in view.includes)
    extra: Json = {}
    if "owner" in view.includes:
        extra["owner"] = {"id": view.books.owner_id, "userid": view.books.owner_id, "organization": "", "email": ""}
    if "presentation" in view.includes:
        extra["presentation"] = {"invoiceid": invoice.id, "id": invoice.id, "theme_primary_color": "#0076d7",
                                 "theme_layout": "simple", "date_format": "mm/dd/yyyy"}  # fmt: skip
    if "allowed_gateways" in view.includes:
        names = ["fbpay"]
        listed = view.books.switches["payment_options_gateways"] == "list"
        extra["allowed_gateways"] = [{"gateway_name": name} for name in names] if listed else names
    if "client" in view.includes:
        client = view.books.clients.find(invoice.client_id)
        extra["client"] = client_json(view.books, client) if client else None
    return text[:-1] + b"," + encode(extra)[1:] if extra else text


def render_client(view: View, client: Client) -> bytes:
    """A client, with contacts and balances when asked."""
    body = client_json(view.books, client)
    if "contacts" in view.includes or client.contacts:
        body["contacts"] = list(client.contacts)
    for include, sums in _BALANCES.items():
        if include in view.includes:
            body[include] = _balance(sums(view, client))
    if "late_reminders" in view.includes:
        body["late_reminders"] = []
    if "late_fee" in view.includes:
        body["late_fee"] = None
    return encode(body)


def _balance(rows: Iterable[tuple[str, Any]]) -> list[Json]:
    sums: dict[str, Any] = {}
    for code, amount in rows:
        sums[code] = sums.get(code, ZERO) + amount
    return [{"amount": money(amount, code)} for code, amount in sorted(sums.items()) if amount]


def _owed(view: View, client: Client, wanted: Callable[[Invoice], bool]) -> list[tuple[str, Any]]:
    own = view.books.invoices.children("client_id", client.id)
    return [(row.currency, row.outstanding) for row in own if row.vis_state != DELETED and wanted(row)]


def _credit(view: View, client: Client) -> list[tuple[str, Any]]:
    return [(row.currency, credit_left(view.books, row)) for row in view.books.credits.children("client_id", client.id)]


_BALANCES: dict[str, Callable[[View, Client], list[tuple[str, Any]]]] = {
    "outstanding_balance": lambda view, client: _owed(view, client, lambda row: row.status != DRAFT),
    "draft_balance": lambda view, client: _owed(view, client, lambda row: row.status == DRAFT),
    "overdue_balance": lambda view, client: _owed(view, client, lambda row: v3_status(row, view.today) == "overdue"),
    "grand_total_balance": lambda view, client: _owed(view, client, lambda _row: True),
    "credit_balance": _credit,
}


def render_payment(view: View, payment: Payment) -> bytes:
    """A payment, with its invoice, client or credit note when asked."""
    body = payment_json(view.books, payment)
    if "client" in view.includes:
        client = view.books.clients.find(payment.client_id)
        body["client"] = client_json(view.books, client) if client else None
    if "invoice" in view.includes:
        invoice = view.books.invoices.find(payment.invoice_id)
        rendered = view.rendered.render(view.books, invoice, view.today) if invoice else b"null"
        body["invoice"] = msgspec.Raw(rendered)
    if "credit_note" in view.includes:
        credit = view.books.credits.find(payment.credit_id) if payment.credit_id is not None else None
        body["credit_note"] = credit_json(view.books, credit) if credit else None
    for include in ("order", "gateway"):
        if include in view.includes:
            body[include] = body.get(include)
    return encode(body)


def render_credit(view: View, credit: CreditNote) -> bytes:
    """A credit note, with its lines when asked."""
    body = credit_json(view.books, credit)
    if "lines" in view.includes:
        body["lines"] = [credit_line_json(credit, line) for line in credit.lines]
    return encode(body)


def render_income(view: View, income: OtherIncome) -> bytes:
    """Other income."""
    return encode(income_json(view.books, income))


def single(name: str, body: bytes) -> bytes:
    """`{"response":{"result":{"<singular>":{...}}}}`."""
    return b'{"response":{"result":{"%b":%b}}}' % (name.encode(), body)


def page_bytes(name: str, rows: Iterable[bytes], page: Page) -> bytes:
    """`{"response":{"result":{"<plural>":[...],"page":1,"pages":1,"per_page":15,"total":n}}}`."""
    figures = b'"page":%d,"pages":%d,"per_page":%d,"total":%d' % (page.page, page.pages, page.per_page, page.total)
    return b'{"response":{"result":{"%b":[%b],%b}}}' % (name.encode(), b",".join(rows), figures)
