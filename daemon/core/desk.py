"""What the pages, the API and the status command show: one frozen row per thing, as the store reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from daemon.core.backfill import Feed
from daemon.core.model import (
    AccountId,
    Choice,
    CustomerId,
    FbPaymentId,
    InvoiceId,
    InvoiceStatus,
    IssueKind,
    LineItem,
    NotPayable,
    PartnerId,
    PaymentId,
    PaymentStatus,
    PayoutId,
    PushState,
    Reason,
    VisState,
)
from daemon.core.state import ConnectionStatus

RowT = TypeVar("RowT")

DESK_PAGE_ROWS = 50
"""How many rows a list shows unless told otherwise."""
DESK_PAGE_ROWS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPage(Generic[RowT]):
    """One page of a list; `after` is the opaque cursor of the next page, None on the last."""

    rows: tuple[RowT, ...]
    after: str | None = None


# ---- the module ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProgress:
    """How far one feed has come (C3); `percent` never goes back within a run. Pages per second give the ETA."""

    feed: Feed
    percent: int
    pages_done: int
    pages_expected: int
    changed: int
    runs: int
    began_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    stage: str = ""
    """What is read now, such as "invoices, deleted"; empty when nothing remains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of what a partner has; `pushes` counts payments by the state of their latest push."""

    customers: int = 0
    invoices: int = 0
    outstanding: int = 0
    paid: int = 0
    drafts: int = 0
    deleted_in_freshbooks: int = 0
    fb_payments: int = 0
    payments: int = 0
    issues: int = 0
    quarantined: int = 0
    pushes: tuple[tuple[PushState, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """The FreshBooks module of a partner's Integrations page: connection, choices, progress and counts."""

    partner_id: PartnerId
    partner_name: str
    status: ConnectionStatus
    parked_reason: str | None
    parked_at: datetime | None
    account_id: AccountId | None
    business_id: int | None
    business_name: str
    role: str
    timezone: str
    payments_account_id: str | None
    deposits_account_id: str | None
    fees_account_id: str | None
    record_deposits: bool
    options: Mapping[str, bool]
    disconnecting: bool
    paused: bool
    consented_at: datetime | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    sync_asked_at: datetime | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    feeds: tuple[FeedProgress, ...]
    counts: Counts

    @property
    def accounts_chosen(self) -> bool:
        """Whether Set Up Accounts is saved (C5)."""
        return self.payments_account_id is not None


# ---- invoices --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceQuery:
    """Which invoices to list, newest issue date first.

    `status` is one of InvoiceStatus or "archived"; `flag` one of "deleted", "archived_in_freshbooks", "not_payable",
    "overpaid", "overdue", "issue"; `search` matches number and customer name.
    """

    search: str = ""
    status: str = ""
    flag: str = ""
    customer_id: CustomerId | None = None
    today: date | None = None
    after: str | None = None
    limit: int = DESK_PAGE_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRow:
    """One invoice as the platform sees it (P2-P7, P12, P13); an `amount_due` of None means unknown."""

    id: InvoiceId
    number: str
    customer_id: CustomerId
    customer_name: str
    issued_on: date
    due_on: date | None
    currency: str
    total: Decimal
    amount_due: Decimal | None
    overpaid_by: Decimal
    status: InvoiceStatus
    archived_at: datetime | None
    not_payable: NotPayable | None
    amount_due_as_of: datetime
    frozen_at: datetime | None
    vis_state: VisState
    disputed: bool
    same_number_as_ap_invoice: str | None
    issues: int

    @property
    def payable(self) -> bool:
        """Whether the platform may charge it (P12)."""
        return self.not_payable is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FbPaymentRow:
    """A payment as FreshBooks shows it; `payment_id` names the platform payment that it records, if any."""

    id: FbPaymentId
    invoice_id: InvoiceId
    amount: Decimal
    currency: str
    paid_on: date
    type: str
    note: str
    vis_state: VisState
    from_credit: bool
    payment_id: PaymentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One line of an invoice's history (P5)."""

    entry_id: int
    at: datetime
    what: str
    detail: str
    ignored: bool
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDetail:
    """One invoice with all that stands beside it."""

    row: InvoiceRow
    description: str
    fb_amount: Decimal
    fb_outstanding: Decimal
    fb_currency: str
    lines: tuple[LineItem, ...]
    payments: tuple["PaymentRow", ...]
    fb_payments: tuple[FbPaymentRow, ...]
    history: tuple[HistoryRow, ...]
    issues: tuple["IssueRow", ...]


# ---- payments and payouts --------------------------------------------------------------------------------------------


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


# ---- the rest --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A customer with what they owe, per currency of their outstanding invoices."""

    id: CustomerId
    name: str
    email: str
    phone: str
    city: str
    country: str
    currency: str
    vis_state: VisState
    updated_at: datetime
    invoices: int
    owes: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueQuery:
    """Which issues to list, newest first: the open ones, or also the closed."""

    closed: bool = False
    kind: str = ""
    subject: tuple[str, str] | None = None
    after: str | None = None
    limit: int = DESK_PAGE_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRow:
    """A sync issue: what happened, what to do next, what can be pressed."""

    issue_id: int
    kind: IssueKind
    subject: tuple[str, str]
    reason: str
    next_step: str
    actions: tuple[str, ...]
    data: Mapping[str, str]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the sync history (T3)."""

    run_id: int
    feed: Feed
    stage: str
    began_at: datetime | None
    finished_at: datetime
    outcome: str
    pages: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One line of the append-only audit log (T2)."""

    audit_id: int
    at: datetime
    who: str
    what: str
    subject: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event for the platform (T4); read on with `event_id`."""

    event_id: int
    at: datetime
    kind: str
    subject: str
    data: Mapping[str, str]
