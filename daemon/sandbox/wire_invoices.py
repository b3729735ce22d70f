"""Invoices as FreshBooks' JSON; status words, `overdue` among them, are computed when read (FB API s3.3)."""

from datetime import date
from decimal import Decimal
from typing import Any

from daemon.sandbox.books import Books
from daemon.sandbox.invoices import TEXT_DEFAULTS
from daemon.sandbox.model import DISPUTED, DRAFT, PAID, VIEWED, Invoice, Line
from daemon.sandbox.money import money, plain
from daemon.sandbox.times import eastern_text, eastern_version
from daemon.sandbox.totals import line_amount

Json = dict[str, Any]
_TEXTS = {name: value for name, value in TEXT_DEFAULTS.items() if name not in ("deposit_amount", "deposit_percentage")}
_SENDER = {"city": "Toronto", "code": "M5V 2T6", "country": "Canada", "province": "Ontario", "street": "225 King St W",
           "street2": ""}  # fmt: skip


def is_settled(invoice: Invoice) -> bool:
    """Whether payments cover the whole total."""
    return invoice.paid > 0 and invoice.paid >= invoice.amount


def payment_status(invoice: Invoice) -> str:
    """`unpaid`, `partial` or `paid`; the integer status never says partial (FB API s3.3)."""
    if is_settled(invoice):
        return "paid"
    return "partial" if invoice.paid > 0 else "unpaid"


def v3_status(invoice: Invoice, today: date) -> str:
    """The status word as of `today`: an open, sent invoice past its due date is `overdue`."""
    if invoice.status == DISPUTED:
        return "disputed"
    if is_settled(invoice):
        return "paid"
    if invoice.status == DRAFT:
        return "draft"
    if invoice.due_date < today:
        return "overdue"
    if invoice.paid > 0:
        return "partial"
    return "viewed" if invoice.status == VIEWED else "sent"


def _deposit(invoice: Invoice) -> Json:
    wanted, share = invoice.texts.get("deposit_amount"), invoice.texts.get("deposit_percentage")
    if isinstance(wanted, dict):
        wanted = money(Decimal(str(wanted.get("amount", "0"))), invoice.currency)
    status = "none" if wanted is None and share is None else payment_status(invoice)
    return {"deposit_amount": wanted, "deposit_percentage": share, "deposit_status": status}


def invoice_json(books: Books, invoice: Invoice, today: date) -> Json:
    """An invoice with all keys of a 2026 answer, without lines."""
    code = invoice.currency
    paid = money(invoice.paid, code)
    percent = plain(invoice.discount_percent)
    return {
        **_TEXTS,
        **invoice.client_texts,
        **invoice.texts,
        "accountid": books.account_id,
        "accounting_systemid": books.account_id,
        "amount": money(invoice.amount, code),
        "autobill_status": None,
        "basecampid": 0,
        "create_date": invoice.create_date.isoformat(),
        "created_at": eastern_text(invoice.created_at),
        "currency_code": code,
        "customerid": invoice.client_id,
        "date_paid": invoice.date_paid.isoformat() if invoice.date_paid else None,
        **_deposit(invoice),
        "description": invoice.lines[0].description if invoice.lines else "",
        "discount": {"amount": money(invoice.discount_total, code), "rate": percent, "type": "percent"},
        "discount_total": money(invoice.discount_total, code),
        "discount_value": percent,
        "display_status": invoice.display_status,
        "dispute_status": None,
        "due_date": invoice.due_date.isoformat(),
        "due_offset_days": invoice.due_offset_days,
        "fulfillment_date": invoice.fulfillment_date.isoformat() if invoice.fulfillment_date else None,
        "id": invoice.id,
        "invoice_number": invoice.number,
        "invoiceid": invoice.id,
        "last_order_status": None,
        "lock_status": "unlocked",
        "net_paid_amount": paid,
        "outstanding": money(invoice.outstanding, code),
        "ownerid": books.owner_id,
        "paid": paid,
        "payment_status": payment_status(invoice),
        "sender_address": _SENDER,
        "sentid": books.owner_id,
        "series": "",
        "status": PAID if is_settled(invoice) and invoice.status != DISPUTED else invoice.status,
        "updated": eastern_text(invoice.updated),
        "uuid": invoice.uuid,
        "v3_status": v3_status(invoice, today),
        "version": eastern_version(invoice.updated),
        "vis_state": invoice.vis_state,
    }


def _percent(value: Decimal | None) -> str | None:
    return plain(value) if value is not None else None


def line_json(invoice: Invoice, line: Line) -> Json:
    """One line of an invoice (FB API s3.3); tax amounts are percentages as text."""
    code = invoice.currency
    return {
        "amount": money(line_amount(line), code),
        "basecampid": 0,
        "compounded_tax": line.compounded_tax,
        "date": None,
        "description": line.description,
        "expenseid": 0,
        "invoiceid": invoice.id,
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
        "updated": eastern_text(invoice.updated),
    }
