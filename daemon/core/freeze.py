"""When a paid invoice stops following FreshBooks, and when it follows again (P5)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from daemon.core.amount_due import ZERO, Share, frozen_due, full_hold
from daemon.core.markers import markers_in
from daemon.core.model import FB_STATUS_DRAFT, LOST_MONEY, Applied, Invoice, InvoiceContext, Snapshot, VisState


def may_freeze(invoice: Invoice, due: Decimal | None, shares: Sequence[Share]) -> bool:
    """Tell whether FreshBooks shows the invoice settled, by payments or credits that are real (P5).

    An empty draft never freezes; nor does an invoice that is kept settled by a payment that failed, or by one record
    twice.
    """
    settled = shows_settled(invoice.fb_amount, invoice.fb_outstanding, invoice.fb_status, invoice.vis_state)
    real = due is not None and due <= ZERO
    return settled and real and not any(share.is_lost_but_shown for share in shares)


def shows_settled(amount: Decimal, outstanding: Decimal, fb_status: int, vis_state: VisState) -> bool:
    """Tell whether FreshBooks shows an invoice that exists, is no draft, and of which nothing is outstanding."""
    exists = fb_status != FB_STATUS_DRAFT and vis_state is not VisState.DELETED
    return amount > ZERO and outstanding == ZERO and exists


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


def names_typed_money(snapshot: Snapshot, rows: Iterable[Applied], context: InvoiceContext) -> bool:
    """Tell whether a payment typed in FreshBooks was named, since the last read, as a payment of this invoice (W5).

    Whoever did that has looked at the invoice's payments, so what is other money in a frozen invoice is counted anew.
    A record named for a payment of another invoice, and then moved here, says nothing of this one.
    """
    own = {link.payment.id for link in context.links if link.payment.invoice_id == snapshot.invoice.id}
    new = {row.fb_payment_id for row in rows if row.payment_id in own} - {row.fb_payment_id for row in context.applied}
    return any(payment.id in new and payment.is_live and not markers_in(payment.note) for payment in snapshot.payments)
