"""The words of the pages: every status, reason, issue and action as a person reads it."""

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.core.backfill import Feed
from daemon.core.desk import InvoiceRow, IssueRow, PaymentRow, PayoutRow, PushPlace, WaitingMoves
from daemon.core.entry_places import payout_place, wait_of_entry
from daemon.core.journal import EntryKind, EntryPush, entry_marker
from daemon.core.markers import marker
from daemon.core.model import (
    InvoiceStatus,
    Issue,
    Link,
    NotPayable,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    VisState,
)
from daemon.core.places import PlaceKind, place

OK, BUSY, WAIT, ATTENTION, QUIET = "ok", "busy", "wait", "attention", "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where something stands: a short label, the tone it is shown in, and a sentence that explains it."""

    label: str
    tone: str
    sentence: str = ""


# ---- payments --------------------------------------------------------------------------------------------------------

_PLACES = {
    PlaceKind.RECORDED: ("Recorded", OK),
    PlaceKind.WAITING: ("Waiting", WAIT),
    PlaceKind.ISSUE: ("Sync issue", ATTENTION),
    PlaceKind.CLOSED: ("Nothing to record", QUIET),
}
_ON_ITS_WAY = {PushState.SENDING: "Recording", PushState.UNCERTAIN: "Checking"}


def place_of(payment: PaymentRow, issues: Iterable[IssueRow] = ()) -> Standing:
    """Where a payment stands in FreshBooks: recorded, waiting or with a person, and why (W8)."""
    found = place(_link(payment), [_issue(row) for row in issues if row.closed_at is None])
    label, tone = _PLACES[found.kind]
    state = payment.place.state if payment.place else None
    if found.kind is PlaceKind.WAITING and state in _ON_ITS_WAY:
        label, tone = _ON_ITS_WAY[state], BUSY
    return Standing(label=label, tone=tone, sentence=found.why)


def payout_place_of(row: PayoutRow) -> Standing:
    """Where a payout stands in FreshBooks: recorded, waiting or with a person, and why (W8)."""
    found = payout_place(row.status, _entry(row, row.place) if row.place else None)
    label, tone = _PLACES[found.kind]
    if found.kind is PlaceKind.WAITING and row.place and row.place.state in _ON_ITS_WAY:
        label, tone = _ON_ITS_WAY[row.place.state], BUSY
    return Standing(label=label, tone=tone, sentence=found.why)


_PAYOUT_STATUSES = {
    "succeeded": OK,
    "failed": ATTENTION,
    "canceled": QUIET,
    "unspecified": QUIET,
}


def payout_status(row: PayoutRow) -> Standing:
    """A payout's status on the platform."""
    return Standing(label=row.status.capitalize(), tone=_PAYOUT_STATUSES.get(row.status, BUSY))


def moves_wait(row: WaitingMoves) -> str:
    """How many payments are recorded but not yet in the payments account, and why."""
    who = "1 recorded payment is" if row.payments == 1 else f"{row.payments} recorded payments are"
    return f"{who} not in your payments account yet. {wait_of_entry(row.reason)}"


def _entry(row: PayoutRow, at: PushPlace) -> EntryPush:
    return EntryPush(
        kind=EntryKind.PAYOUT,
        subject=row.payout_id,
        generation=at.generation,
        state=at.state,
        marker=entry_marker(EntryKind.PAYOUT, row.payout_id, at.generation),
        entry_id=at.entry_id,
        reason=at.reason,
        detail=at.detail,
        choice=at.choice,
    )


def _link(row: PaymentRow) -> Link:
    payment = Payment(
        id=row.payment_id,
        invoice_id=row.invoice_id,
        ap_invoice_id=row.ap_invoice_id,
        amount=row.amount,
        currency=row.currency,
        method=row.method,
        status=row.status,
        initiated_at=row.initiated_at,
    )
    return Link(payment=payment, pushes=(_push(row.payment_id, row.place),) if row.place else ())


def _push(payment_id: PaymentId, at: PushPlace) -> Push:
    return Push(
        payment_id=payment_id,
        generation=at.generation,
        state=at.state,
        marker=marker(payment_id, at.generation),
        fb_payment_id=at.fb_payment_id,
        recorded_amount=at.recorded_amount,
        reason=at.reason,
        detail=at.detail,
        choice=at.choice,
    )


def _issue(row: IssueRow) -> Issue:
    return Issue(kind=row.kind, subject=row.subject, reason=row.reason, next_step=row.next_step)


PAYMENT_STATUSES = {
    PaymentStatus.PROCESSING: Standing(label="Processing", tone=BUSY),
    PaymentStatus.SUCCEEDED: Standing(label="Succeeded", tone=OK),
    PaymentStatus.FAILED: Standing(label="Failed", tone=ATTENTION),
    PaymentStatus.REFUNDED: Standing(label="Refunded", tone=QUIET),
    PaymentStatus.CHARGEBACK: Standing(label="Charged back", tone=ATTENTION),
}
PLACES = {
    "": "Any",
    PushState.DONE: "Recorded",
    PushState.READY: "Waiting: about to be recorded",
    PushState.WAITING: "Waiting: for something",
    PushState.UNCERTAIN: "Checking",
    PushState.NEEDS_PERSON: "Sync issue",
    PushState.CANCELLED: "Nothing to record",
}
_METHODS = {"card": "Card", "ach": "ACH", "bank_transfer": "Bank transfer"}


def method(name: str) -> str:
    """A payment method as a person reads it."""
    return _METHODS.get(name, name.replace("_", " ").capitalize())


# ---- invoices --------------------------------------------------------------------------------------------------------

_INVOICE_STATUSES = {
    InvoiceStatus.DRAFT: Standing(label="Draft", tone=QUIET),
    InvoiceStatus.OUTSTANDING: Standing(label="Outstanding", tone=WAIT),
    InvoiceStatus.PAID: Standing(label="Paid", tone=OK),
}
INVOICE_FILTERS = {"": "All", "outstanding": "Outstanding", "paid": "Paid", "draft": "Draft", "archived": "Archived"}
INVOICE_FLAGS = {
    "": "Any",
    "overdue": "Overdue",
    "payable": "Can be paid",
    "not_payable": "Not payable",
    "overpaid": "Overpaid",
    "issue": "With a sync issue",
    "deleted": "Deleted in FreshBooks",
    "archived_in_freshbooks": "Archived in FreshBooks",
}
_NOT_PAYABLE = {
    NotPayable.DRAFT: "It is a draft.",
    NotPayable.DISPUTED: "It is disputed in FreshBooks.",
    NotPayable.DELETED: "It is deleted in FreshBooks.",
    NotPayable.ARCHIVED: "It is archived.",
    NotPayable.UNKNOWN_DUE: "What is due is not known: its payments are in more than one currency.",
    NotPayable.NOTHING_DUE: "Nothing is due.",
}


def invoice_status(row: InvoiceRow) -> Standing:
    """An invoice's status in the platform's words."""
    if row.archived_at is not None:
        return Standing(label="Archived", tone=QUIET)
    return _INVOICE_STATUSES[row.status]


def not_payable(row: InvoiceRow) -> str:
    """Why the platform does not charge an invoice; empty when it may (P12)."""
    return _NOT_PAYABLE[row.not_payable] if row.not_payable else ""


def invoice_flags(row: InvoiceRow) -> tuple[Standing, ...]:
    """What else stands out about an invoice."""
    flags: list[Standing] = []
    if row.frozen_at is not None:
        flags.append(
            Standing(label="Frozen", tone=QUIET, sentence="Paid: later edits in FreshBooks are not taken over.")
        )
    if row.vis_state is VisState.DELETED:
        flags.append(
            Standing(
                label="Deleted in FreshBooks", tone=ATTENTION, sentence="Archive it here by hand if it is not needed."
            )
        )
    if row.vis_state is VisState.ARCHIVED:
        flags.append(
            Standing(
                label="Archived in FreshBooks", tone=QUIET, sentence="Archive it here by hand if it is not needed."
            )
        )
    if row.disputed:
        flags.append(Standing(label="Disputed", tone=ATTENTION, sentence="Marked as disputed in FreshBooks."))
    if row.same_number_as_ap_invoice is not None:
        same = f"Invoice {row.same_number_as_ap_invoice} made here has this number too; the two are not linked."
        flags.append(Standing(label="Number used twice", tone=ATTENTION, sentence=same))
    return tuple(flags)


# ---- the module ------------------------------------------------------------------------------------------------------

SYNC_ITEMS: tuple[tuple[str, str, Feed], ...] = (
    ("Invoice details", "From FreshBooks", Feed.INVOICES),
    ("Invoice line items", "From FreshBooks", Feed.INVOICES),
    ("Customers", "From FreshBooks", Feed.INVOICES),
    ("Payments", "Both ways", Feed.PAYMENTS),
)
