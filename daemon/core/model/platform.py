"""What the platform holds, and the intent that links a payment of it to FreshBooks."""

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daemon.core.model.ids import (
    FbPaymentId,
    InvoiceId,
    PaymentId,
)


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
    RETRY = "retry"
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
    which is less when it split an overpayment. `attempts` counts POSTs that may have reached FreshBooks, the first of
    them claimed at `claimed_at`; `checked_absent` counts look-ups that proved absence since the last claim.
    `candidates` are the FreshBooks payments that a person is asked about (W5).
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
    amount. `is_all_credit`: the record is live, but nothing was outstanding, so FreshBooks made a credit of all of it.
    """

    fb_payment_id: FbPaymentId
    payment_id: PaymentId
    amount: Decimal
    currency: str
    is_all_credit: bool = False

    @property
    def is_live(self) -> bool:
        """Whether the record stands on the invoice, whatever FreshBooks applied of it."""
        return self.amount > 0 or self.is_all_credit


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
