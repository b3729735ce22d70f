"""Payments and payouts with their place in FreshBooks."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from daemon.core.desk.paging import DESK_PAGE_ROWS
from daemon.core.model import Choice, FbPaymentId, InvoiceId, PaymentId, PaymentStatus, PayoutId, PushState, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPlace:
    """Where a payment or payout stands in FreshBooks (W8): the latest generation of its push.

    A push that is ready while no account is chosen is told as waiting with `no_accounts` (C5). A payout's `entry_id` is
    its journal entry's.
    """

    generation: int
    state: PushState
    reason: Reason | None
    detail: str
    attempts: int
    not_before: datetime | None
    claimed_at: datetime | None
    fb_payment_id: FbPaymentId | None
    recorded_amount: Decimal | None
    choice: Choice | None
    updated_at: datetime
    entry_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentQuery:
    """Which platform payments to list, newest first.

    `place` is a PushState, `status` a PaymentStatus; `search` matches payment id, invoice number and customer name.
    """

    search: str = ""
    place: str = ""
    status: str = ""
    after: str | None = None
    limit: int = DESK_PAGE_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """A platform payment with its place in FreshBooks; exactly one of `invoice_id` and `ap_invoice_id` is set (W3)."""

    payment_id: PaymentId
    invoice_id: InvoiceId | None
    ap_invoice_id: str | None
    invoice_number: str
    customer_name: str
    amount: Decimal
    currency: str
    surcharge: Decimal
    method: str
    status: PaymentStatus
    initiated_at: datetime
    updated_at: datetime
    place: PushPlace | None
    generations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutMember:
    """One signed member of a payout: `kind` is payment, refund, chargeback or fee."""

    member: str
    kind: str
    payment_id: PaymentId | None
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRow:
    """A payout with its members and its place in FreshBooks (W6)."""

    payout_id: PayoutId
    status: str
    currency: str
    net: Decimal
    arrival_date: date | None
    created_at: datetime
    members: tuple[PayoutMember, ...]
    place: PushPlace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMoves:
    """How many recorded payments wait for one reason to be moved to the payments account (W6)."""

    reason: Reason
    payments: int
