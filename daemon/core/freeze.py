"""When a paid invoice stops following FreshBooks, and when it follows again (P5)."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from daemon.core.amount_due import ZERO, Share, frozen_due, full_hold
from daemon.core.model import FB_STATUS_DRAFT, LOST_MONEY, Applied, FbPaymentId, Invoice, VisState


def may_freeze(invoice: Invoice, due: Decimal | None, shares: Sequence[Share]) -> bool:
    """Tell whether FreshBooks shows the invoice settled, by payments or credits that are real (P5).

    An empty draft never freezes; nor does an invoice that is kept settled by a payment that failed, or by one record
    twice.
    """
    settled = invoice.fb_amount > ZERO and invoice.fb_outstanding == ZERO
    exists = invoice.fb_status != FB_STATUS_DRAFT and invoice.vis_state is not VisState.DELETED
    real = due is not None and due <= ZERO
    return settled and exists and real and not any(share.is_lost_but_shown for share in shares)


def other_money(invoice: Invoice, shares: Sequence[Share]) -> Decimal:
    """Tell what FreshBooks shows paid by money that is not ours: fixed when the invoice freezes."""
    return invoice.fb_amount - invoice.fb_outstanding - sum((share.counted for share in shares), ZERO)


def must_unfreeze(stored: Invoice, shares: Sequence[Share]) -> bool:
    """Tell whether a payment counted in a frozen invoice no longer is: it failed, was charged back or let go (P5)."""
    due = frozen_due(stored.terms.total, stored.frozen_other or ZERO, stored.terms.currency, shares)
    if due is None:
        return False
    if due > ZERO or any(share.is_lost_but_shown for share in shares):
        return True
    # Overpaid before, so nothing is due even now: the loss shows only in how much less is held.
    rise = due - stored.amount_due if stored.amount_due is not None else ZERO
    return any(share.link.payment.status in LOST_MONEY and full_hold(share.link) <= rise for share in shares)


def named_since(
    rows: Sequence[Applied], before: Sequence[Applied], stood_at_freeze: Collection[FbPaymentId]
) -> Decimal:
    """Tell how much of a frozen invoice's other money a person has since named as a platform payment (W5)."""
    known = {row.fb_payment_id for row in before}
    named = (row.amount for row in rows if row.fb_payment_id not in known and row.fb_payment_id in stood_at_freeze)
    return sum(named, ZERO)
