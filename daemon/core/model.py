"""The words of the domain as frozen values: what FreshBooks shows, what the platform holds, what links the two."""

import enum
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NewType

PartnerId = NewType("PartnerId", str)
"""A merchant on the platform."""
AccountId = NewType("AccountId", str)
"""A FreshBooks accounting account; rows and intents are keyed by it (C6)."""
CustomerId = NewType("CustomerId", int)
"""FreshBooks' client id."""
InvoiceId = NewType("InvoiceId", int)
"""FreshBooks' invoice id."""
FbPaymentId = NewType("FbPaymentId", int)
"""FreshBooks' payment id (also called log id)."""
PaymentId = NewType("PaymentId", str)
"""The platform's payment id."""
PayoutId = NewType("PayoutId", str)
"""The platform's payout id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose rows: one partner in one FreshBooks account. Every primary key begins with these two."""

    partner_id: PartnerId
    account_id: AccountId


class VisState(enum.IntEnum):
    """FreshBooks' visibility of a record (FB API s5)."""

    ACTIVE = 0
    DELETED = 1
    ARCHIVED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """When a read of FreshBooks began and finished; decides which of two reads is the newer one (P9)."""

    began_at: datetime
    finished_at: datetime


# ---- what FreshBooks shows -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One line of an invoice; its position in the invoice is its only stable key (FB API s3.3)."""

    name: str
    description: str
    quantity: Decimal
    unit_cost: Decimal
    amount: Decimal
    tax_name1: str = ""
    tax_percent1: Decimal = Decimal(0)
    tax_name2: str = ""
    tax_percent2: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FbInvoice:
    """An invoice as FreshBooks shows it; every amount is in `currency`.

    `updated_is_ambiguous` marks a time in the repeated autumn hour of US/Eastern text (P9).
    `fingerprint` is a hash of the bytes FreshBooks sent: equal means unchanged, different means only "decide again".
    """

    id: InvoiceId
    customer_id: CustomerId
    number: str
    issued_on: date
    due_on: date | None
    currency: str
    amount: Decimal
    outstanding: Decimal
    status: int
    disputed: bool
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool
    version: str
    description: str
    lines: tuple[LineItem, ...]
    fingerprint: int = 0

    @property
    def is_draft(self) -> bool:
        """FreshBooks' status 1 (FB API s3.3)."""
        return self.status == FB_STATUS_DRAFT


FB_STATUS_DISPUTED = 0
FB_STATUS_DRAFT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FbPayment:
    """A payment as FreshBooks shows it: `amount` is what is applied on `invoice_id` now (FB API s3.4)."""

    id: FbPaymentId
    invoice_id: InvoiceId
    customer_id: CustomerId
    amount: Decimal
    currency: str
    paid_on: date
    type: str
    note: str
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool = False
    from_credit: bool = False
    credit_id: int | None = None
    overpayment_id: int | None = None
    fingerprint: int = 0

    @property
    def is_live(self) -> bool:
        """Whether FreshBooks counts it on its invoice."""
        return self.vis_state is not VisState.DELETED


@dataclass(frozen=True, slots=True, kw_only=True)
class FbCustomer:
    """A FreshBooks client: the partner's customer."""

    id: CustomerId
    organization: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    city: str
    province: str
    postal_code: str
    country: str
    currency: str
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool = False
    fingerprint: int = 0

    @property
    def name(self) -> str:
        """What to call the customer: the organisation, else the person."""
        return self.organization or f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class FbCredit:
    """A credit note; FreshBooks gives it no `updated`, so credits are always listed in full (FB API s3.5)."""

    id: int
    customer_id: CustomerId
    number: str
    credit_type: str
    amount: Decimal
    currency: str
    issued_on: date
    description: str
    vis_state: VisState
    fingerprint: int = 0


Record = FbInvoice | FbPayment | FbCustomer | FbCredit


class Resource(enum.StrEnum):
    """The listings of FreshBooks that are pulled."""

    CUSTOMERS = "customers"
    INVOICES = "invoices"
    PAYMENTS = "payments"
    CREDITS = "credits"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAccount:
    """An account of the partner's books, offered in Set Up Accounts (C4). `legacy_id` is FreshBooks' `jesa_id`."""

    id: str
    name: str
    number: str
    type: str
    sub_type: str
    legacy_id: int | None
    parent_id: str | None
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One consistent picture: an invoice and all its payments, deleted ones included (P7)."""

    invoice: FbInvoice
    payments: tuple[FbPayment, ...]
    reading: Reading

    @property
    def is_consistent(self) -> bool:
        """Whether `amount - outstanding` equals what the live payments apply (P7)."""
        applied = sum((p.amount for p in self.live_payments), Decimal(0))
        return self.invoice.amount - self.invoice.outstanding == applied

    @property
    def live_payments(self) -> tuple[FbPayment, ...]:
        """The payments that FreshBooks counts on this very invoice (P8: live means on this invoice)."""
        return tuple(p for p in self.payments if p.is_live and p.invoice_id == self.invoice.id)


# ---- what the platform holds -----------------------------------------------------------------------------------------


class PaymentStatus(enum.StrEnum):
    """The platform's words for a payment."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUNDED = "refunded"
    CHARGEBACK = "chargeback"


HOLDS_MONEY = frozenset({PaymentStatus.PROCESSING, PaymentStatus.SUCCEEDED})
"""The platform has, or is collecting, the customer's money."""
LOST_MONEY = frozenset({PaymentStatus.FAILED, PaymentStatus.CHARGEBACK})
"""The money never came or went back to the payer, so the invoice is due again (W2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A customer's payment on the platform. `amount` is what is applied on the invoice, without any surcharge (W7).

    Exactly one of `invoice_id` (made in FreshBooks) and `ap_invoice_id` (made on the platform, never pushed: W3) is
    set.
    """

    id: PaymentId
    invoice_id: InvoiceId | None
    amount: Decimal
    currency: str
    method: str
    status: PaymentStatus
    initiated_at: datetime
    ap_invoice_id: str | None = None


class PushState(enum.StrEnum):
    """Where a write to FreshBooks stands; each is durable (architecture, write-back)."""

    READY = "ready"
    """May be claimed from `not_before` on."""
    SENDING = "sending"
    """Claimed: a fence and a deadline are stored, the POST may be on its way."""
    UNCERTAIN = "uncertain"
    """The answer was lost: only a look-up may follow."""
    WAITING = "waiting"
    """Something has to happen first; `reason` says what. Looked at again when it may have."""
    DONE = "done"
    """Stands in FreshBooks as `fb_payment_id`."""
    NEEDS_PERSON = "needs_person"
    """A sync issue asks someone to choose."""
    CANCELLED = "cancelled"
    """Will never be sent; `reason` says why."""


class Reason(enum.StrEnum):
    """Why a push waits, stopped or was cancelled: the vocabulary of `push.reason`, issues and the dashboard."""

    NO_ACCOUNTS = "no_accounts"
    UNTIL_REVERTED = "until_reverted"
    UNTIL_REFUNDED = "until_refunded"
    INVOICE_UNKNOWN = "invoice_unknown"
    RETRY_LATER = "retry_later"
    ALREADY_PAID = "already_paid"
    LESS_OUTSTANDING = "less_outstanding"
    INVOICE_DELETED = "invoice_deleted"
    INVOICE_DRAFT = "invoice_draft"
    OTHER_CURRENCY = "other_currency"
    IS_THIS_IT = "is_this_it"
    NAMED_PAYMENT_GONE = "named_payment_gone"
    AMBIGUOUS_LOOKUP = "ambiguous_lookup"
    REFUSED_BY_FRESHBOOKS = "refused_by_freshbooks"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    FAILED_BEFORE_PUSH = "failed_before_push"
    REFUNDED_BEFORE_PUSH = "refunded_before_push"
    MADE_ON_PLATFORM = "made_on_platform"
    CONNECTION_RESET = "connection_reset"
    SETTLED_BY_HAND = "settled_by_hand"
    REPLACED = "replaced"
    CHARGEBACK_REVERTED = "chargeback_reverted"
    FAILURE_REVERTED = "failure_reverted"
    DEPOSITS_OFF = "deposits_off"
    NO_FEES_ACCOUNT = "no_fees_account"
    NO_PLATFORM_ACCOUNT = "no_platform_account"
    ACCOUNT_GONE = "account_gone"
    NO_CLEARING_ACCOUNT = "no_clearing_account"
    NO_JOURNAL_PERMISSION = "no_journal_permission"
    NOT_SUCCEEDED = "not_succeeded"
    PAYOUT_FAILED = "payout_failed"
    PAYOUT_RECOVERED = "payout_recovered"
    SUMS_DIFFER = "sums_differ"
    MIXED_CURRENCIES = "mixed_currencies"
    NOTHING_TO_RECORD = "nothing_to_record"
    ALREADY_THERE = "already_there"
    RECORD_GONE = "record_gone"
    RECORD_BACK = "record_back"
    RECORDED_TWICE = "recorded_twice"


class Choice(enum.StrEnum):
    """What a person decided about a payment; a fact like any other, stored on its push."""

    POST_ANYWAY = "post_anyway"
    SETTLED_BY_HAND = "settled_by_hand"
    REFUND_IN_AP = "refund_in_ap"
    REOPEN = "reopen"
    RECORD_AGAIN = "record_again"
    STAND_IN = "stand_in"
    STILL_OWES = "still_owes"
    OWES_NOTHING = "owes_nothing"
    NOT_THIS = "not_this"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The durable intent to record one payment in FreshBooks, one per (payment, generation) (W4).

    The payment's whole amount is posted; `recorded_amount` is what FreshBooks answered that it applied on the invoice,
    which is less when it split an overpayment. `attempts` counts POSTs that may have reached FreshBooks;
    `checked_absent` counts look-ups that proved absence since the last claim. `candidates` are the FreshBooks payments
    that a person is asked about (W5).
    """

    payment_id: PaymentId
    generation: int
    state: PushState
    marker: str
    fence: int = 0
    attempts: int = 0
    not_before: datetime | None = None
    deadline_at: datetime | None = None
    claimed_at: datetime | None = None
    checked_absent: int = 0
    fb_payment_id: FbPaymentId | None = None
    recorded_amount: Decimal | None = None
    reason: Reason | None = None
    detail: str = ""
    choice: Choice | None = None
    candidates: tuple[FbPaymentId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One of our payments as the last snapshot of an invoice showed it: the facts behind P7's F.

    `amount` is what FreshBooks counts on the invoice now; 0 when the snapshot showed the record deleted, which is the
    evidence that it was there and is gone (P8, W2). For a payment settled by hand it is at most the payment's own
    amount.
    """

    fb_payment_id: FbPaymentId
    payment_id: PaymentId
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedElsewhere:
    """A record of ours that the last snapshot of another invoice showed live there: it was moved or copied (P8)."""

    invoice_id: InvoiceId
    fb_payment_id: FbPaymentId
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A platform payment with every push made for it (oldest generation first).

    `credit_is_live`: FreshBooks still shows the overpayment credit that this payment made (W2). `elsewhere`: what the
    snapshots of other invoices show of it, live records only.
    """

    payment: Payment
    pushes: tuple[Push, ...] = ()
    credit_is_live: bool = False
    elsewhere: tuple[AppliedElsewhere, ...] = ()

    @property
    def push(self) -> Push | None:
        """The latest generation: the one that counts."""
        return self.pushes[-1] if self.pushes else None


# ---- what we store of an invoice -------------------------------------------------------------------------------------


class InvoiceStatus(enum.StrEnum):
    """The platform's words for an invoice; `archived` is set on the platform by hand only (P6)."""

    DRAFT = "draft"
    OUTSTANDING = "outstanding"
    PAID = "paid"


class NotPayable(enum.StrEnum):
    """Why the platform must not charge an invoice (P12)."""

    DRAFT = "draft"
    DISPUTED = "disputed"
    DELETED = "deleted"
    ARCHIVED = "archived"
    UNKNOWN_DUE = "unknown_due"
    NOTHING_DUE = "nothing_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """P2's fields: what flows from FreshBooks while unpaid and is frozen once paid (P5). Compared by content."""

    customer_id: CustomerId
    number: str
    issued_on: date
    due_on: date | None
    currency: str
    total: Decimal
    description: str
    lines: tuple[LineItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """Our row of an invoice: the terms the platform sees, FreshBooks' latest balance facts, and what follows from both.

    `lines` of the terms are not loaded for a comparison: `terms_hash` stands for all of P2's fields.
    `amount_due` is None when it is unknown (two currencies, P7); negative means overpaid by that much.
    `frozen_other` is, for a frozen invoice, what FreshBooks showed paid by money that is not ours when it froze.
    """

    id: InvoiceId
    terms: Terms
    terms_hash: int
    fb_amount: Decimal
    fb_outstanding: Decimal
    fb_currency: str
    fb_status: int
    disputed: bool
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool
    version: str
    fingerprint: int
    reading: Reading
    status: InvoiceStatus
    amount_due: Decimal | None
    not_payable: NotPayable | None
    frozen_at: datetime | None = None
    frozen_other: Decimal | None = None
    fb_terms_hash: int = 0

    @property
    def is_frozen(self) -> bool:
        """Whether P2's fields no longer follow FreshBooks (P5)."""
        return self.frozen_at is not None

    @property
    def is_payable(self) -> bool:
        """Whether the platform may charge it (P12)."""
        return self.not_payable is None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceContext:
    """All that a decision about one invoice needs, loaded in the transaction that stores the decision.

    `links` are the platform's payments on this invoice, and those whose record a snapshot shows here: by an applied
    row, by a push's stored FreshBooks id, or by a marker in a note.
    """

    invoice: Invoice | None
    links: tuple[Link, ...] = ()
    applied: tuple[Applied, ...] = ()


class IssueKind(enum.StrEnum):
    """What only a person can settle."""

    OVERPAID = "overpaid"
    OTHER_CURRENCY = "other_currency"
    PAID_INVOICE_CHANGED = "paid_invoice_changed"
    REVERT_FAILED_PAYMENT = "revert_failed_payment"
    OURS_CHANGED = "ours_changed_in_freshbooks"
    DUPLICATE = "duplicate_in_freshbooks"
    REFUNDED = "refunded"
    AMOUNT_DIFFERS = "amount_differs"
    PUSH_STOPPED = "push_stopped"
    DEPOSIT_STOPPED = "deposit_stopped"
    MOVE_STOPPED = "move_stopped"
    PAYOUT_FAILED = "payout_failed"
    QUARANTINED = "quarantined"
    RECONNECT = "reconnect_needed"
    ACCOUNT_GONE = "account_gone"
    FILTER_IGNORED = "filter_ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A sync issue: what happened, what to do next, and what can be pressed.

    `subject` names what it is about: ("payment", "pay_1"), ("invoice", "812"). Open issues are unique on (kind,
    subject).
    """

    kind: IssueKind
    subject: tuple[str, str]
    reason: str
    next_step: str
    actions: tuple[str, ...] = ()
    data: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of an invoice's history: what changed, or what was ignored and why (P5)."""

    what: str
    detail: str
    ignored: bool = False
    data: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDecision:
    """What a read, or a change on the platform, does to one invoice.

    `invoice` is None when no row is to be written; `applied` is None when the snapshot facts stay as they are; `issues`
    are all that must stand for `subjects` now: the store opens what is missing and clears what is not named (kinds in
    `issues.STANDING_KINDS`). `reread` asks for a snapshot of its own. `opened` are new generations to push (W2),
    `changed` are pushes to store as given, `woken` are payments whose push waits, or stopped for a reason that is gone,
    and may be tried now. `related` are other invoices whose decision depends on what changed here, to be read again.
    """

    invoice: Invoice | None
    applied: tuple[Applied, ...] | None = None
    issues: frozenset[Issue] = frozenset()
    subjects: frozenset[tuple[str, str]] = frozenset()
    history: tuple[HistoryEntry, ...] = ()
    reread: bool = False
    opened: tuple[Push, ...] = ()
    changed: tuple[Push, ...] = ()
    woken: tuple[PaymentId, ...] = field(default=())
    related: frozenset[InvoiceId] = frozenset()
