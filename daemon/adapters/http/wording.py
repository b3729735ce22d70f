"""The words of the pages: every status, reason, issue and action as a person reads it."""

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.core.backfill import Feed
from daemon.core.desk import InvoiceRow, IssueRow, PaymentRow, PayoutRow, PushPlace, WaitingMoves
from daemon.core.entry_places import payout_place, wait_of_entry
from daemon.core.issues import TAKE_FRESHBOOKS_VERSION
from daemon.core.journal import EntryKind, EntryPush, entry_marker
from daemon.core.markers import marker
from daemon.core.model import (
    Choice,
    InvoiceStatus,
    Issue,
    IssueKind,
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

READ_AGAIN = "read_again"
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


# ---- issues ----------------------------------------------------------------------------------------------------------

_ISSUES: dict[str, str] = {
    IssueKind.OVERPAID: "Overpaid",
    IssueKind.OTHER_CURRENCY: "Two currencies",
    IssueKind.PAID_INVOICE_CHANGED: "Paid invoice changed in FreshBooks",
    IssueKind.REVERT_FAILED_PAYMENT: "Revert a failed payment in FreshBooks",
    IssueKind.OURS_CHANGED: "Our payment was changed in FreshBooks",
    IssueKind.DUPLICATE: "Recorded twice in FreshBooks",
    IssueKind.REFUNDED: "Payment refunded",
    IssueKind.AMOUNT_DIFFERS: "FreshBooks recorded another amount",
    IssueKind.PUSH_STOPPED: "Payment not recorded",
    IssueKind.QUARANTINED: "Record cannot be read",
    IssueKind.RECONNECT: "Reconnect needed",
    IssueKind.ACCOUNT_GONE: "Chosen account is gone",
    IssueKind.FILTER_IGNORED: "FreshBooks ignored a filter",
    IssueKind.DRIFT: "Our records and FreshBooks differ",
    "deposit_stopped": "Payout not recorded",
    "move_stopped": "Payment not moved",
    "payout_failed": "Payout failed afterwards",
}


def issue_title(kind: str) -> str:
    """The title of a kind of issue."""
    return _ISSUES.get(kind) or kind.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button of an issue: its words, and what pressing it means. One with an address leads there instead."""

    label: str
    meaning: str = ""
    address: str = ""


_ACTIONS = {
    Choice.POST_ANYWAY: Action(
        label="Record it anyway", meaning="What exceeds the invoice becomes a credit in FreshBooks."
    ),
    Choice.RETRY: Action(label="Try again", meaning="FreshBooks is read again, and the payment recorded if it fits."),
    Choice.SETTLED_BY_HAND: Action(
        label="It is this payment", meaning="A payment in FreshBooks stands for it already."
    ),
    Choice.REFUND_IN_AP: Action(label="Refund it", meaning="It is not recorded; refund it on Alternative Payments."),
    Choice.REOPEN: Action(label="Let the invoice be due again", meaning="The payment no longer counts."),
    Choice.RECORD_AGAIN: Action(label="Record it again", meaning="It is recorded in FreshBooks once more."),
    Choice.STAND_IN: Action(label="Let its record stand for another payment"),
    Choice.STILL_OWES: Action(label="The customer still owes", meaning="The invoice is due again."),
    Choice.OWES_NOTHING: Action(label="The customer owes nothing", meaning="The invoice stays as it is."),
    Choice.NOT_THIS: Action(label="It is another payment", meaning="The payment made here is recorded as well."),
    Choice.ACCEPT: Action(label="Accept it", meaning="What FreshBooks recorded is right."),
    TAKE_FRESHBOOKS_VERSION: Action(
        label="Take FreshBooks' version", meaning="The invoice here becomes what FreshBooks shows."
    ),
    READ_AGAIN: Action(label="Read it again"),
    "reconnect": Action(label="Go to Integrations", address="/integrations"),
    "set_up_accounts": Action(label="Set Up Accounts", address="/integrations/freshbooks/accounts"),
}


def action(name: str) -> Action:
    """The words of an action."""
    return _ACTIONS.get(name) or Action(label=name.replace("_", " ").capitalize())


# ---- the module ------------------------------------------------------------------------------------------------------

SYNC_ITEMS: tuple[tuple[str, str, Feed], ...] = (
    ("Invoice details", "From FreshBooks", Feed.INVOICES),
    ("Invoice line items", "From FreshBooks", Feed.INVOICES),
    ("Customers", "From FreshBooks", Feed.INVOICES),
    ("Payments", "Both ways", Feed.PAYMENTS),
)
NOT_SYNCED = ("Archiving invoices", "Archiving customers", "Deleting payments", "PDF invoices")
