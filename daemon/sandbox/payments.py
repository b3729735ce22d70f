"""What writing a payment does (FB API s3.4): the split of an overpayment, twins, moves, deletion and credit use."""

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from daemon.sandbox import bodies
from daemon.sandbox.bodies import Body
from daemon.sandbox.books import Books
from daemon.sandbox.credits import add_overpayment, credit_left, set_credit_state
from daemon.sandbox.errors import invalid, not_found, required
from daemon.sandbox.invoices import mark_sent, refresh_paid
from daemon.sandbox.model import DELETED, DRAFT, CreditNote, Invoice, Payment
from daemon.sandbox.money import ZERO

_THING = "payment"
PAYMENT_TYPES = (
    "Check", "Credit", "Cash", "Bank Transfer", "Credit Card", "Debit", "PayPal", "2Checkout", "VISA", "MASTERCARD",
    "DISCOVER", "AMEX", "DINERS", "JCB", "ACH", "Other", "EUROCARD", "NOVA",
)  # fmt: skip
TYPES_BY_LOWER = {name.lower(): name for name in PAYMENT_TYPES}


def find_payment(books: Books, key: int) -> Payment:
    """The payment with this id, deleted or not; raises 404 errno 1012."""
    payment = books.payments.find(key)
    if payment is None:
        raise not_found(_THING, "paymentid", key)
    return payment


def canonical_type(value: object, thing: str = _THING) -> str:
    """The spelling FreshBooks stores, found without regard to case; raises 422 for an unknown type."""
    name = TYPES_BY_LOWER.get(str(value).lower())
    if name is None:
        raise invalid(thing, "type", value)
    return name


def _invoice_for(books: Books, body: Body) -> Invoice:
    key = bodies.whole_number(body, "invoiceid", _THING)
    invoice = books.invoices.find(key)
    if invoice is None:
        raise not_found("invoice", "invoiceid", key, status=books.switches["payment_unknown_invoice_status"])
    if invoice.vis_state == DELETED and books.switches["payment_on_deleted"] == "refuse":
        raise not_found("invoice", "invoiceid", key, status=422)
    if invoice.status == DRAFT and books.switches["payment_on_draft"] == "refuse":
        raise invalid(_THING, "invoiceid", key, "A payment cannot be added to a draft invoice.")
    return invoice


def _amount_for(books: Books, body: Body, invoice: Invoice) -> Decimal:
    amount, code = bodies.positive_amount(body, "amount", _THING)
    if code not in (None, invoice.currency) and books.switches["payment_other_currency"] == "refuse":
        message = f"The payment's currency must be the invoice's, {invoice.currency}."
        raise invalid(_THING, "amount", code, message)
    return amount


def create_payment(books: Books, body: Body, now: datetime) -> Payment:
    """Record a payment: an excess over the outstanding amount becomes a credit, an exact twin is accepted."""
    for field in ("invoiceid", "amount", "date", "type"):
        if body.get(field) is None:
            raise required(_THING, field)
    invoice = _invoice_for(books, body)
    amount = _amount_for(books, body, invoice)
    kind = canonical_type(body["type"])
    credit = _credit_for(books, body, invoice, amount, kind)
    day = bodies.day(body, "date", _THING)
    note = bodies.text(body, "note", _THING, longest=books.switches["note_max_length"])
    if books.switches["payment_on_draft"] == "mark_sent":
        mark_sent(books, invoice, now)
    applied = min(amount, max(invoice.outstanding, ZERO))
    stores_ids = books.switches["payment_stores_ids"]
    payment = Payment(
        id=books.sequences.take("payment"),
        invoice_id=invoice.id,
        client_id=invoice.client_id,
        amount=applied,
        currency=invoice.currency,
        date=day,
        type=kind,
        note=note,
        credit_id=credit.id if credit else None,
        order_id=body.get("orderid") if stores_ids else None,
        transaction_id=body.get("transactionid") if stores_ids else None,
        send_client_notification=body.get("send_client_notification"),
        updated=now,
    )
    if credit is None:
        payment = split_excess(books, payment, amount - applied, invoice, now)
    books.put_payment(payment)
    refresh_paid(books, invoice.id, now, paid_on=day)
    return payment


def split_excess(books: Books, payment: Payment, excess: Decimal, invoice: Invoice, now: datetime) -> Payment:
    """Make the credit note of an overpayment and point the payment at it (FB API s3.4: the next id of the log)."""
    if excess <= 0:
        return payment
    log_id = books.sequences.take("payment")
    credit = add_overpayment(books, payment, excess, invoice, now)
    points_at_log = books.switches["overpaymentid_is"] == "next_log_id"
    return replace(payment, overpayment_id=log_id if points_at_log else credit.id)


def _credit_for(books: Books, body: Body, invoice: Invoice, amount: Decimal, kind: str) -> CreditNote | None:
    """The credit note this payment consumes, or None when it is money; raises 422 when too little of it is left."""
    if kind != "Credit" and body.get("creditid") is None and not body.get("from_credit"):
        return None
    if body.get("creditid") is not None:
        key = bodies.whole_number(body, "creditid", _THING)
        credit = books.credits.find(key)
        if credit is None or credit.client_id != invoice.client_id or credit.vis_state == DELETED:
            raise not_found("credit_note", "creditid", key, status=422)
    else:
        own = books.credits.children("client_id", invoice.client_id)
        usable = [c for c in own if c.currency == invoice.currency and c.vis_state != DELETED]
        credit = next((c for c in usable if credit_left(books, c) >= amount), None)
    if credit is None or credit.currency != invoice.currency or credit_left(books, credit) < amount:
        raise invalid(_THING, "amount", str(amount), "The client has not enough credit.")
    return credit


def update_payment(books: Books, key: int, body: Body, now: datetime) -> Payment:
    """Change, move, delete or bring back a payment; both invoices' balances follow in the same second."""
    payment = find_payment(books, key)
    if "vis_state" in body:
        return set_payment_state(books, payment, bodies.vis_state(body, _THING), now)
    target = payment.invoice_id
    if body.get("invoiceid") is not None and bodies.whole_number(body, "invoiceid", _THING) != target:
        target = _invoice_for(books, body).id
    invoice = books.invoices.rows[target]
    amount = _amount_for(books, body, invoice) if body.get("amount") is not None else payment.amount
    moved = target != payment.invoice_id
    if moved and invoice.currency != payment.currency and books.switches["payment_other_currency"] == "refuse":
        raise invalid(_THING, "invoiceid", target, "The invoice is in another currency.")
    changed = replace(
        payment,
        invoice_id=target,
        client_id=invoice.client_id,
        currency=invoice.currency,
        date=bodies.day(body, "date", _THING) if body.get("date") else payment.date,
        type=canonical_type(body["type"]) if body.get("type") else payment.type,
        note=bodies.text(body, "note", _THING, longest=books.switches["note_max_length"])
        if "note" in body
        else payment.note,
        amount=amount,
        updated=now,
    )
    own_share = payment.amount if not moved and payment.vis_state != DELETED else ZERO
    room = max(invoice.outstanding + own_share, ZERO)
    grew = moved or amount > payment.amount
    if grew and payment.vis_state != DELETED and amount > room:
        changed = _limit(books, changed, room, invoice, now)
    books.put_payment(changed)
    if moved:
        refresh_paid(books, payment.invoice_id, now)
    refresh_paid(books, target, now, paid_on=changed.date)
    return changed


def _limit(books: Books, payment: Payment, room: Decimal, invoice: Invoice, now: datetime) -> Payment:
    if books.switches["payment_edit_over"] == "accept":
        return payment
    if payment.credit_id is not None:
        raise invalid(_THING, "amount", str(payment.amount), "A credit cannot be applied above what is owed.")
    return split_excess(books, replace(payment, amount=room), payment.amount - room, invoice, now)


def set_payment_state(books: Books, payment: Payment, state: int, now: datetime) -> Payment:
    """Delete (the invoice owes it again) or bring back; the credit of an overpayment lives on unless switched."""
    changed = books.put_payment(replace(payment, vis_state=state, updated=now))
    if books.switches["overpayment_dies_with_payment"]:
        for credit in books.credits.children("client_id", payment.client_id):
            if credit.source_payment_id == payment.id:
                set_credit_state(books, credit, state)
    refresh_paid(books, payment.invoice_id, now, paid_on=payment.date)
    return changed
