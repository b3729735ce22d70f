"""Writes an invoice's JSON straight as bytes: lists of a large account are nothing but this, a hundred times a page.

The parts that many invoices share (a client's address, a set of lines) are encoded once and kept as templates.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from daemon.sandbox.books import Books
from daemon.sandbox.invoice_status import is_settled, payment_status, v3_status
from daemon.sandbox.invoices import TEXT_DEFAULTS
from daemon.sandbox.model import DISPUTED, PAID, Invoice, Line
from daemon.sandbox.money import money, plain
from daemon.sandbox.times import eastern_text
from daemon.sandbox.totals import line_amount

encode = msgspec.json.encode
Json = dict[str, Any]
_TEXTS = {name: value for name, value in TEXT_DEFAULTS.items() if not name.startswith("deposit_")}
_SENDER = {"city": "Toronto", "code": "M5V 2T6", "country": "Canada", "province": "Ontario", "street": "225 King St W",
           "street2": ""}  # fmt: skip
_KEPT_TEMPLATES = 40_000
_MONEY = b'{"amount":"%b","code":"%b"}'
# What differs from one invoice to the next; the keys that never do are encoded into the template's end.
_HEAD = b",".join(
    (
        b'{%b,"amount":%b',
        b'"create_date":"%b","created_at":"%b","currency_code":"%b","customerid":%d,"date_paid":%b',
        b'"description":%b,"discount":{"amount":%b,"rate":"%b","type":"percent"},"discount_total":%b',
        b'"discount_value":"%b","display_status":"%b","due_date":"%b","due_offset_days":%d,"fulfillment_date":%b',
        b'"id":%d,"invoice_number":%b,"invoiceid":%d,"net_paid_amount":%b,"outstanding":%b,"paid":%b',
        b'"payment_status":"%b","status":%d,"updated":"%b","uuid":"%b","v3_status":"%b","version":"%b.%06d"',
        b'"vis_state":%d',
    )
)


class _Rendered(msgspec.Struct, frozen=True, gc=False):
    invoice: Invoice
    status: str
    head: bytes
    lines: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """A template with what it was made from, which keeps the identity it is found by from being used again."""

    source: object
    template: bytes


class Templates:
    """The encoded parts that invoices share, the latest used kept; one for the whole sandbox."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()

    def get(self, key: tuple[object, ...], source: object, make: Callable[[], bytes]) -> bytes:
        """The template under `key`, which must hold the identity of `source`."""
        kept = self._known.get(key)
        if kept is None:
            kept = self._known[key] = _Kept(source, make())
            if len(self._known) > _KEPT_TEMPLATES:
                self._known.popitem(last=False)
        return kept.template


def _shared_bytes(books: Books, invoice: Invoice, status: str, templates: Templates) -> bytes:
    key = (books.account_id, id(invoice.client_texts), id(invoice.texts), status, invoice.currency)
    source = (invoice.client_texts, invoice.texts)
    return templates.get(key, source, lambda: _shared_part(books, invoice))


def _shared_part(books: Books, invoice: Invoice) -> bytes:
    """The keys an invoice shares with its client's others, without braces."""
    texts = {
        **_TEXTS,
        **invoice.client_texts,
        **invoice.texts,
        **_deposit(invoice),
        "accountid": books.account_id,
        "accounting_systemid": books.account_id,
        "autobill_status": None,
        "basecampid": 0,
        "dispute_status": None,
        "last_order_status": None,
        "lock_status": "unlocked",
        "ownerid": books.owner_id,
        "sender_address": _SENDER,
        "sentid": books.owner_id,
        "series": "",
    }
    return encode(texts)[1:-1]


def _deposit(invoice: Invoice) -> Json:
    wanted, share = invoice.texts.get("deposit_amount"), invoice.texts.get("deposit_percentage")
    if isinstance(wanted, dict):
        wanted = money(Decimal(str(wanted.get("amount", "0"))), invoice.currency)
    status = "none" if wanted is None and share is None else payment_status(invoice)
    return {"deposit_amount": wanted, "deposit_percentage": share, "deposit_status": status}


def _day(value: date | None) -> bytes:
    return b"null" if value is None else b'"%b"' % value.isoformat().encode()


def head_bytes(books: Books, invoice: Invoice, today: date, templates: Templates) -> bytes:
    """The invoice with all keys of a 2026 answer (FB API s3.3), without lines and without the closing brace."""
    status = payment_status(invoice)
    code = invoice.currency.encode()
    percent = plain(invoice.discount_percent).encode()
    discount = _MONEY % (str(invoice.discount_total).encode(), code)
    paid = _MONEY % (str(invoice.paid).encode(), code)
    updated = eastern_text(invoice.updated).encode()
    return _HEAD % (
        _shared_bytes(books, invoice, status, templates),
        _MONEY % (str(invoice.amount).encode(), code),
        invoice.create_date.isoformat().encode(),
        eastern_text(invoice.created_at).encode(),
        code,
        invoice.client_id,
        _day(invoice.date_paid),
        encode(invoice.lines[0].description) if invoice.lines else b'""',
        discount,
        percent,
        discount,
        percent,
        invoice.display_status.encode(),
        invoice.due_date.isoformat().encode(),
        invoice.due_offset_days,
        _day(invoice.fulfillment_date),
        invoice.id,
        encode(invoice.number),
        invoice.id,
        paid,
        _MONEY % (str(invoice.outstanding).encode(), code),
        paid,
        status.encode(),
        PAID if is_settled(invoice) and invoice.status != DISPUTED else invoice.status,
        updated,
        invoice.uuid.encode(),
        v3_status(invoice, today).encode(),
        updated,
        invoice.updated.microsecond,
        invoice.vis_state,
    )


def _percent(value: Decimal | None) -> str | None:
    return plain(value) if value is not None else None


def _line_json(line: Line, code: str) -> Json:
    return {
        "amount": money(line_amount(line), code),
        "basecampid": 0,
        "compounded_tax": line.compounded_tax,
        "date": None,
        "description": line.description,
        "expenseid": 0,
        "lineid": line.lineid,
        "modern_project_id": None,
        "modern_time_entries": [],
        "name": line.name,
        "qty": plain(line.qty),
        "retainer_id": None,
        "retainer_period_id": None,
        "taskno": line.lineid,
        "taxAmount1": _percent(line.tax_percent1),
        "taxAmount2": _percent(line.tax_percent2),
        "taxName1": line.tax_name1,
        "taxName2": line.tax_name2,
        "taxNumber1": None,
        "taxNumber2": None,
        "type": line.type,
        "unit_cost": money(line.unit_cost, code),
    }


def _lines_template(lines: tuple[Line, ...], code: str) -> bytes:
    """All lines as JSON, with room for the invoice's id and moment in each."""
    rows = [encode(_line_json(line, code))[:-1].replace(b"%", b"%%") for line in lines]
    return b"[" + b",".join(row + b',"invoiceid":%d,"updated":"%b"}' for row in rows) + b"]"


def lines_bytes(invoice: Invoice, templates: Templates) -> bytes:
    """The `lines` array (FB API s3.3); tax amounts are percentages as text."""
    lines = invoice.lines
    if not lines:
        return b"[]"
    key = (id(lines), invoice.currency)
    template = templates.get(key, lines, lambda: _lines_template(lines, invoice.currency))
    return template % ((invoice.id, eastern_text(invoice.updated).encode()) * len(lines))


class RenderedInvoices:
    """Invoices as bytes, kept while they are unchanged, up to `limit_bytes` in all; beyond that each is made anew."""

    def __init__(self, limit_bytes: int) -> None:
        """Start empty."""
        self._templates = Templates()
        self._limit_bytes = limit_bytes
        self._kept_bytes = 0
        self._kept: dict[tuple[str, int], _Rendered] = {}

    def render(self, books: Books, invoice: Invoice, today: date, *, with_lines: bool = False) -> bytes:
        """The invoice as JSON; a kept one still holds when neither it nor, with the day, its status word changed."""
        key = (books.account_id, invoice.id)
        kept = self._kept.get(key)
        if kept is None or kept.invoice is not invoice or kept.status != v3_status(invoice, today):
            kept = self._make(key, books, invoice, today)
        return kept.head + kept.lines if with_lines else kept.head + b"}"

    def _make(self, key: tuple[str, int], books: Books, invoice: Invoice, today: date) -> _Rendered:
        head = head_bytes(books, invoice, today, self._templates)
        lines = b',"lines":%b}' % lines_bytes(invoice, self._templates)
        rendered = _Rendered(invoice, v3_status(invoice, today), head, lines)
        old = self._kept.pop(key, None)
        if old is not None:
            self._kept_bytes -= len(old.head) + len(old.lines)
        if self._kept_bytes < self._limit_bytes:
            self._kept[key] = rendered
            self._kept_bytes += len(head) + len(lines)
        return rendered

    def warm(self, books: Books, today: date) -> None:
        """Render the books' invoices ahead of the first request, newest first, as far as the limit allows."""
        for invoice in reversed(books.invoices.rows.values()):
            if self._kept_bytes >= self._limit_bytes:
                return
            self._make((books.account_id, invoice.id), books, invoice, today)
