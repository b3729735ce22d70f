"""Deletions that follow the other side, when the partner wants that (O3)."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from daemon.core.markers import markers_in
from daemon.core.model import FbPayment, FbPaymentId, InvoiceId, PaymentId, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A record of ours as it was recorded: what must still be so before it is deleted."""

    payment_id: PaymentId
    generation: int
    fb_payment_id: FbPaymentId
    amount: Decimal
    invoice_id: InvoiceId


def is_unchanged(record: FbPayment, standing: Standing) -> bool:
    """Tell whether a record is live and just as we made it: nobody took it over, moved or edited it since."""
    return (
        record.is_live
        and record.id == standing.fb_payment_id
        and record.invoice_id == standing.invoice_id
        and record.amount == standing.amount
        and markers_in(record.note) == {(standing.payment_id, standing.generation)}
    )


def typed_money_left(
    snapshot: Snapshot, ours: Collection[FbPaymentId], was_paid: Decimal | None, is_paid: Decimal
) -> bool:
    """Tell whether a payment that was not made on the platform was deleted in FreshBooks, so that less is paid now.

    `was_paid` and `is_paid` are what others than the platform paid when the invoice froze, and now.
    """
    deleted = any(not payment.is_live and payment.id not in ours for payment in snapshot.payments)
    return deleted and was_paid is not None and is_paid < was_paid
