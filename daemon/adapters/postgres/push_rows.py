"""Reads platform payments and their pushes from rows."""

import asyncpg
import msgspec

from daemon.core.journal import EntryKind, EntryPush, JournalDraft
from daemon.core.model import (
    Choice,
    FbPaymentId,
    InvoiceId,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reason,
)


def payment_of(row: asyncpg.Record) -> Payment:
    """Read a row of platform.payment."""
    return Payment(
        id=PaymentId(row["payment_id"]),
        invoice_id=None if row["invoice_id"] is None else InvoiceId(row["invoice_id"]),
        ap_invoice_id=row["ap_invoice_id"],
        amount=row["amount"],
        currency=row["currency"],
        method=row["method"],
        status=PaymentStatus(row["status"]),
        initiated_at=row["initiated_at"],
    )


def push_of(row: asyncpg.Record) -> Push:
    """Read a row of sync.push of kind `payment`."""
    return Push(
        payment_id=PaymentId(row["subject"]),
        generation=row["generation"],
        state=PushState(row["state"]),
        marker=row["marker"],
        fence=row["fence"],
        attempts=row["attempts"],
        not_before=row["not_before"],
        deadline_at=row["deadline_at"],
        claimed_at=row["claimed_at"],
        checked_absent=row["checked_absent"],
        fb_payment_id=None if row["fb_payment_id"] is None else FbPaymentId(row["fb_payment_id"]),
        recorded_amount=row["recorded_amount"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        detail=row["detail"],
        choice=Choice(row["choice"]) if row["choice"] else None,
        candidates=tuple(FbPaymentId(candidate) for candidate in row["candidates"]),
    )


def entry_of(row: asyncpg.Record) -> EntryPush:
    """Read a row of sync.push of kind `payout` or `move`."""
    return EntryPush(
        kind=EntryKind(row["kind"]),
        subject=row["subject"],
        generation=row["generation"],
        state=PushState(row["state"]),
        marker=row["marker"],
        fence=row["fence"],
        attempts=row["attempts"],
        not_before=row["not_before"],
        deadline_at=row["deadline_at"],
        claimed_at=row["claimed_at"],
        checked_absent=row["checked_absent"],
        entry_id=row["entry_id"],
        draft=draft_of(row["entry"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        detail=row["detail"],
        choice=Choice(row["choice"]) if row["choice"] else None,
    )


def draft_of(stored: object) -> JournalDraft | None:
    """Read the journal entry that a push sent."""
    return None if stored is None else msgspec.convert(stored, JournalDraft)
