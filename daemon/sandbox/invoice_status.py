"""The status words of an invoice; `overdue` and the rest are computed when read (FB API s3.3)."""

from datetime import date

from daemon.sandbox.model import DISPUTED, DRAFT, VIEWED, Invoice


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
