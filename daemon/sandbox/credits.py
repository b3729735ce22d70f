"""What writing a credit note does (FB API s3.5), and what is left of one."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from daemon.sandbox import bodies
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.clients import snapshot
from daemon.sandbox.errors import invalid, not_found, required
from daemon.sandbox.invoices import parse_lines
from daemon.sandbox.model import DELETED, CreditNote, Invoice, Line, Payment
from daemon.sandbox.money import ZERO, total
from daemon.sandbox.times import eastern_day
from daemon.sandbox.totals import invoice_totals

_THING = "credit_note"
_TYPES = ("goodwill", "prepayment", "overpayment")
TEXT_DEFAULTS: dict[str, Any] = {"description": "", "notes": "", "terms": None, "template": "clean-grouped"}


def credit_left(books: Books, credit: CreditNote) -> Decimal:
    """The credit less every live payment that used it; nothing once the credit is deleted."""
    if credit.vis_state == DELETED:
        return ZERO
    used = [row.amount for row in books.payments.children("credit_id", credit.id) if row.vis_state != DELETED]
    return credit.amount - total(used)


def find_credit(books: Books, key: int) -> CreditNote:
    """The credit note with this id, deleted or not; raises 404 errno 1012."""
    credit = books.credits.find(key)
    if credit is None:
        raise not_found(_THING, "creditid", key)
    return credit


def create_credit(books: Books, body: Body, _now: datetime) -> CreditNote:
    """Store a credit note from its lines, or from a bare `amount`; it keeps no time of writing (FB API s3.5)."""
    for field in ("clientid", "create_date"):
        if body.get(field) is None:
            raise required(_THING, field)
    key = bodies.whole_number(body, "clientid", _THING)
    client = books.clients.find(key)
    if client is None:
        raise not_found("client", "clientid", key, status=422)
    kind = body.get("credit_type") or "goodwill"
    if kind not in _TYPES:
        raise invalid(_THING, "credit_type", kind)
    lines = parse_lines(body, _THING)
    code = bodies.currency(body, "currency_code", _THING, client.currency)
    amount = invoice_totals(lines, Decimal(0)).amount
    if not lines and body.get("amount") is not None:
        amount, code = _bare_amount(body, code)
    sequence = books.sequences.take("credit_number")
    credit = CreditNote(
        id=books.sequences.take("credit"),
        number=bodies.text(body, "credit_number", _THING) or f"{sequence:07d}",
        client_id=client.id,
        credit_type=kind,
        amount=amount,
        currency=code,
        create_date=bodies.day(body, "create_date", _THING),
        lines=lines,
        client_texts=snapshot(client),
        texts={key: body[key] for key in TEXT_DEFAULTS if key in body},
    )
    return books.put_credit(credit)


def _bare_amount(body: Body, code: str) -> tuple[Decimal, str]:
    amount, own_code = bodies.positive_amount(body, "amount", _THING)
    return amount, own_code or code


def update_credit(books: Books, key: int, body: Body, _now: datetime) -> CreditNote:
    """Change, delete or bring back a credit note."""
    credit = find_credit(books, key)
    if "vis_state" in body:
        return set_credit_state(books, credit, bodies.vis_state(body, _THING))
    lines = parse_lines(body, _THING) if "lines" in body else credit.lines
    amount = invoice_totals(lines, Decimal(0)).amount if "lines" in body else credit.amount
    if amount < credit.amount - credit_left(books, credit):
        raise invalid(_THING, "lines", None, "The credit may not be less than what was used of it.")
    changed = replace(
        credit,
        lines=lines,
        amount=amount,
        create_date=bodies.day(body, "create_date", _THING) if body.get("create_date") else credit.create_date,
        texts={**credit.texts, **{name: body[name] for name in TEXT_DEFAULTS if name in body}},
    )
    return books.put_credit(changed)


def set_credit_state(books: Books, credit: CreditNote, state: int) -> CreditNote:
    """Delete or bring back a credit note; payments that used it stay."""
    return books.put_credit(replace(credit, vis_state=state))


def add_overpayment(books: Books, payment: Payment, excess: Decimal, invoice: Invoice, now: datetime) -> CreditNote:
    """The credit note that takes what a payment exceeded its invoice by (FB API s3.4)."""
    title = f"Overpayment: invoice #{invoice.number}"
    line = Line(lineid=1, name="Overpayment", description=title, qty=Decimal(1), unit_cost=excess)
    client = books.clients.find(invoice.client_id)
    credit = CreditNote(
        id=books.sequences.take("credit"),
        number=f"{books.sequences.take('credit_number'):07d}",
        client_id=invoice.client_id,
        credit_type="overpayment",
        amount=excess,
        currency=invoice.currency,
        create_date=eastern_day(now),
        lines=(line,),
        client_texts=snapshot(client) if client else invoice.client_texts,
        texts={"description": title, "notes": title, "terms": ""},
        source_payment_id=payment.id,
    )
    return books.put_credit(credit)
