"""What we store of an invoice, and what a decision about one says."""

import enum
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from daemon.core.model.freshbooks import (
    LineItem,
)
from daemon.core.model.ids import (
    CustomerId,
    InvoiceId,
    PaymentId,
    Reading,
    VisState,
)
from daemon.core.model.platform import (
    Applied,
    Link,
    Push,
)
from daemon.core.model.quick import quick


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


@quick
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


@quick
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

    def priced(
        self,
        status: InvoiceStatus,
        amount_due: Decimal | None,
        not_payable: NotPayable | None,
        frozen_at: datetime | None,
        frozen_other: Decimal | None,
    ) -> "Invoice":
        """The same with what follows from the facts; written out, because it runs for every invoice of a backfill."""
        return Invoice(
            id=self.id,
            terms=self.terms,
            terms_hash=self.terms_hash,
            fb_amount=self.fb_amount,
            fb_outstanding=self.fb_outstanding,
            fb_currency=self.fb_currency,
            fb_status=self.fb_status,
            disputed=self.disputed,
            vis_state=self.vis_state,
            updated_at=self.updated_at,
            updated_is_ambiguous=self.updated_is_ambiguous,
            version=self.version,
            fingerprint=self.fingerprint,
            reading=self.reading,
            status=status,
            amount_due=amount_due,
            not_payable=not_payable,
            frozen_at=frozen_at,
            frozen_other=frozen_other,
            fb_terms_hash=self.fb_terms_hash,
        )

    @property
    def is_frozen(self) -> bool:
        """Whether P2's fields no longer follow FreshBooks (P5)."""
        return self.frozen_at is not None

    @property
    def is_payable(self) -> bool:
        """Whether the platform may charge it (P12)."""
        return self.not_payable is None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceContext:
    """All that a decision about one invoice needs, loaded in the transaction that stores the decision.

    `links` are the platform's payments on this invoice, and those whose record a snapshot shows here: by an applied
    row, by a push's stored FreshBooks id, or by a marker in a note. `takes_deletions`: the partner wants deletions in
    FreshBooks to reopen invoices (O3).
    """

    invoice: Invoice | None
    links: tuple[Link, ...] = ()
    applied: tuple[Applied, ...] = ()
    takes_deletions: bool = False


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
    DRIFT = "drift"


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


@quick
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
