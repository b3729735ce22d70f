"""What writing an invoice does (FB API s3.3): totals, the phases of a PUT, sending, deleting and the balance."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from daemon.sandbox import bodies
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.clients import snapshot
from daemon.sandbox.errors import NOT_A_NUMBER, WRITE_DENIED, ApiError, invalid, not_found, required
from daemon.sandbox.model import DELETED, DISPUTED, DRAFT, SENT, VIEWED, Client, Invoice, Line
from daemon.sandbox.money import ZERO, parse_decimal, total
from daemon.sandbox.stable_ids import stable_uuid
from daemon.sandbox.times import eastern_day
from daemon.sandbox.totals import invoice_totals

_THING = "invoice"
_DISPLAY = {DISPUTED: "sent", DRAFT: "draft", SENT: "sent", VIEWED: "viewed"}
TEXT_DEFAULTS: dict[str, Any] = {
    "address": "", "auto_bill": False, "deposit_amount": None, "deposit_percentage": None,
    "discount_description": None, "estimateid": 0, "ext_archive": 0, "generation_date": None, "gmail": False,
    "notes": "", "parent": 0, "payment_details": "", "po_number": None, "return_uri": None,
    "show_attachments": False, "template": "clean-grouped", "terms": None,
}  # fmt: skip
_CLIENT_KEYS = (
    "organization", "fname", "lname", "language", "street", "street2", "city", "province", "code", "country",
    "vat_name", "vat_number",
)  # fmt: skip
_ACTIONS = ("action_email", "action_mark_as_sent", "action_mark_as_viewed", "action_resolve_dispute")


def find_invoice(books: Books, key: int) -> Invoice:
    """The invoice with this id, deleted or not; raises 404 errno 1012."""
    invoice = books.invoices.find(key)
    if invoice is None:
        raise not_found(_THING, "invoiceid", key)
    return invoice


def parse_lines(body: Body, thing: str) -> tuple[Line, ...]:
    """The lines of a body, numbered from 1 (FB API s3.3: line ids are unique within their invoice only)."""
    return tuple(_line(row, n, thing) for n, row in enumerate(bodies.line_bodies(body, thing), start=1))


def _line(row: Body, number: int, thing: str) -> Line:
    qty = parse_decimal(row.get("qty", 1))
    if qty is None:
        raise invalid(thing, "qty", row.get("qty"))
    cost = bodies.amount(row, "unit_cost", thing)[0] if row.get("unit_cost") is not None else ZERO
    return Line(
        lineid=number,
        name=bodies.text(row, "name", thing),
        description=bodies.text(row, "description", thing),
        qty=qty,
        unit_cost=cost,
        tax_name1=row.get("taxName1") or None,
        tax_percent1=bodies.percent(row.get("taxAmount1"), "taxAmount1", thing),
        tax_name2=row.get("taxName2") or None,
        tax_percent2=bodies.percent(row.get("taxAmount2"), "taxAmount2", thing),
        compounded_tax=bool(row.get("compounded_tax", False)),
        type=bodies.whole_number(row, "type", thing) if row.get("type") is not None else 0,
    )


def _status(body: Body, default: int) -> int:
    status = body.get("status", default)
    if isinstance(status, bool) or not isinstance(status, int):
        message = "The field 'status' must be a number."
        raise ApiError(422, message, errno=NOT_A_NUMBER, field="status", thing=_THING, value=status)
    if status not in _DISPLAY:
        raise invalid(_THING, "status", status, "Status must be one of 'draft','sent','viewed' or 'disputed'.")
    return status


def _refuse_due_date(body: Body) -> None:
    if "due_date" in body:
        message = "Write access denied on field due_date"
        value = body["due_date"]
        raise ApiError(403, message, errno=WRITE_DENIED, field="due_date", thing=_THING, value=value)


def _texts(body: Body) -> dict[str, Any]:
    return {key: body[key] for key in (*TEXT_DEFAULTS, *_CLIENT_KEYS, "email") if key in body}


def _client_of(books: Books, body: Body) -> Client:
    key = bodies.whole_number(body, "customerid", _THING)
    client = books.clients.find(key)
    if client is None:
        raise not_found("client", "customerid", key, status=422)
    return client


def _discount(body: Body, default: Decimal) -> Decimal:
    if "discount_value" not in body:
        return default
    return bodies.percent(body["discount_value"], "discount_value", _THING) or Decimal(0)


def create_invoice(books: Books, body: Body, now: datetime) -> Invoice:
    """Store a new invoice, a draft unless `status` says otherwise, and bump its client's `updated`."""
    for field in ("customerid", "create_date"):
        if body.get(field) is None:
            raise required(_THING, field)
    _refuse_due_date(body)
    client = _client_of(books, body)
    status, lines = _status(body, DRAFT), parse_lines(body, _THING)
    discount = _discount(body, Decimal(0))
    sums = invoice_totals(lines, discount)
    create_date = bodies.day(body, "create_date", _THING)
    code = bodies.currency(body, "currency_code", _THING, client.currency)
    offset = bodies.whole_number(body, "due_offset_days", _THING) if body.get("due_offset_days") is not None else 0
    number = bodies.text(body, "invoice_number", _THING, longest=books.switches["number_max_length"])
    key = books.sequences.take("invoice")
    sequence = books.sequences.take("invoice_number")
    invoice = Invoice(
        id=key,
        number=number or f"{sequence:07d}",
        client_id=client.id,
        create_date=create_date,
        due_offset_days=offset,
        currency=code,
        lines=lines,
        discount_percent=discount,
        amount=sums.amount,
        discount_total=sums.discount,
        paid=ZERO,
        status=status,
        display_status=_DISPLAY[status],
        client_texts=snapshot(client),
        texts=_texts(body),
        fulfillment_date=None if status == DRAFT else eastern_day(now),
        uuid=stable_uuid(f"{books.account_id}/invoice/{key}"),
        created_at=now,
        updated=now,
    )
    books.put_client(replace(client, updated=now), announced=False)
    return books.put_invoice(invoice)


def update_invoice(books: Books, key: int, body: Body, now: datetime) -> Invoice:
    """Perform the first non-empty class of a PUT (vis_state, actions, data) and drop the rest (FB API s3.0)."""
    invoice = find_invoice(books, key)
    if "ext_vis_state" in body:
        return books.put_invoice(replace(invoice, updated=now))
    if "vis_state" in body:
        return set_vis_state(books, invoice, bodies.vis_state(body, _THING), now)
    actions = [name for name in _ACTIONS if body.get(name)]
    if actions:
        return _act(books, invoice, actions, now)
    return _edit(books, invoice, body, now)


def set_vis_state(books: Books, invoice: Invoice, state: int, now: datetime) -> Invoice:
    """Delete, archive or bring back; the payments stay where they are, `updated` follows (FB API s3.4)."""
    changed = books.put_invoice(replace(invoice, vis_state=state, updated=now))
    for payment in books.payments.children("invoice_id", invoice.id):
        books.put_payment(replace(payment, updated=now))
    return changed


def _act(books: Books, invoice: Invoice, actions: list[str], now: datetime) -> Invoice:
    status = invoice.status
    if "action_mark_as_viewed" in actions:
        status = VIEWED
    elif status in (DRAFT, DISPUTED):
        status = SENT
    return books.put_invoice(_with_status(invoice, status, now))


def _with_status(invoice: Invoice, status: int, now: datetime) -> Invoice:
    sent_on = invoice.fulfillment_date if status == DRAFT else invoice.fulfillment_date or eastern_day(now)
    display = _DISPLAY[status]
    return replace(invoice, status=status, display_status=display, fulfillment_date=sent_on, updated=now)


def mark_sent(books: Books, invoice: Invoice, now: datetime) -> Invoice:
    """A draft becomes sent; anything else stays what it is."""
    if invoice.status != DRAFT:
        return invoice
    return books.put_invoice(_with_status(invoice, SENT, now))


def _edit(books: Books, invoice: Invoice, body: Body, now: datetime) -> Invoice:
    _refuse_due_date(body)
    status = _status(body, invoice.status)
    client_texts, client_id = invoice.client_texts, invoice.client_id
    if body.get("customerid") is not None:
        client = _client_of(books, body)
        if client.id != invoice.client_id:
            client_texts, client_id = snapshot(client), client.id
    lines = parse_lines(body, _THING) if "lines" in body else invoice.lines
    discount = _discount(body, invoice.discount_percent)
    sums = invoice_totals(lines, discount)
    if sums.amount < invoice.paid and books.switches["invoice_below_paid"] == "refuse":
        raise invalid(_THING, "lines", None, "The total may not be less than what was paid.")
    longest = books.switches["number_max_length"]
    number = bodies.text(body, "invoice_number", _THING, longest=longest)
    changed = replace(
        invoice if status == invoice.status else _with_status(invoice, status, now),
        number=number or invoice.number,
        client_id=client_id,
        client_texts=client_texts,
        create_date=bodies.day(body, "create_date", _THING) if body.get("create_date") else invoice.create_date,
        due_offset_days=bodies.whole_number(body, "due_offset_days", _THING)
        if body.get("due_offset_days") is not None
        else invoice.due_offset_days,
        currency=bodies.currency(body, "currency_code", _THING, invoice.currency),
        lines=lines,
        discount_percent=discount,
        amount=sums.amount,
        discount_total=sums.discount,
        texts={**invoice.texts, **_texts(body)},
        updated=now,
    )
    return books.put_invoice(changed)


def refresh_paid(books: Books, key: int, now: datetime, *, paid_on: date | None = None) -> Invoice:
    """Sum the invoice's live payments again and bump it; `paid_on` is kept as date_paid once nothing is owed."""
    invoice = find_invoice(books, key)
    live = [row.amount for row in books.payments.children("invoice_id", key) if row.vis_state != DELETED]
    paid = total(live)
    settled = paid > 0 and paid >= invoice.amount
    date_paid = paid_on if settled and paid_on is not None else invoice.date_paid
    return books.put_invoice(replace(invoice, paid=paid, date_paid=date_paid, updated=now))


def set_payment_options(books: Books, key: int, chosen: Body, _now: datetime) -> Invoice:
    """Remember which online payment methods were chosen; the invoice itself does not change."""
    invoice = find_invoice(books, key)
    books.payment_options[key] = chosen
    return invoice
