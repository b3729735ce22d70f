"""The platform's word for an invoice, and whether the platform may charge it (P4, P6, P12)."""

from datetime import datetime
from decimal import Decimal

from daemon.core.amount_due import ZERO
from daemon.core.model import FB_STATUS_DISPUTED, FB_STATUS_DRAFT, Invoice, InvoiceStatus, NotPayable, VisState


def priced(
    candidate: Invoice, due: Decimal | None, frozen_at: datetime | None, frozen_other: Decimal | None
) -> Invoice:
    """Give an invoice its amount due and freeze, and what follows from them."""
    status = status_of(candidate.fb_status, candidate.terms.total, due, is_frozen=frozen_at is not None)
    disputed = candidate.disputed or candidate.fb_status == FB_STATUS_DISPUTED
    why = why_not_payable(candidate.vis_state, due, status, disputed=disputed)
    if frozen_at is None and (status, due, why) == (candidate.status, candidate.amount_due, candidate.not_payable):
        return candidate
    return candidate.priced(status, due, why, frozen_at, frozen_other)


def status_of(fb_status: int, total: Decimal, due: Decimal | None, *, is_frozen: bool) -> InvoiceStatus:
    """Give the platform's word for an invoice (P4): a draft is one until it is frozen."""
    if fb_status == FB_STATUS_DRAFT and not is_frozen:
        return InvoiceStatus.DRAFT
    return InvoiceStatus.PAID if due is not None and due <= ZERO < total else InvoiceStatus.OUTSTANDING


def why_not_payable(
    vis_state: VisState, due: Decimal | None, status: InvoiceStatus, *, disputed: bool
) -> NotPayable | None:
    """Tell why the platform must not charge an invoice (P6, P12). One archived in FreshBooks stays payable."""
    if vis_state is VisState.DELETED:
        return NotPayable.DELETED
    if status is InvoiceStatus.DRAFT:
        return NotPayable.DRAFT
    if disputed:
        return NotPayable.DISPUTED
    if due is None:
        return NotPayable.UNKNOWN_DUE
    return NotPayable.NOTHING_DUE if due <= ZERO else None
