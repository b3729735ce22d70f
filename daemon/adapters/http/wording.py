"""The words of the pages: every status, reason, issue and action as a person reads it."""

from dataclasses import dataclass

from daemon.core.backfill import Feed
from daemon.core.desk import InvoiceRow, PaymentRow, PushPlace
from daemon.core.model import (
    InvoiceStatus,
    IssueKind,
    NotPayable,
    PaymentStatus,
    PushState,
    Reason,
    VisState,
)

OK, BUSY, WAIT, ATTENTION, QUIET = "ok", "busy", "wait", "attention", "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where something stands: a short label, the tone it is shown in, and a sentence that explains it."""

    label: str
    tone: str
    sentence: str = ""


# ---- payments --------------------------------------------------------------------------------------------------------

_WAITING = {
    Reason.NO_ACCOUNTS: "Recorded as soon as you choose the accounts in Set Up Accounts.",
    Reason.UNTIL_REVERTED: "Recorded by itself once the failed payment before it is reverted in FreshBooks.",
    Reason.INVOICE_UNKNOWN: "Recorded once the invoice has been read from FreshBooks.",
    Reason.RETRY_LATER: "FreshBooks could not take it just now. It is tried again by itself.",
}
_STOPPED = {
    Reason.ALREADY_PAID: "FreshBooks already shows this invoice as paid.",
    Reason.LESS_OUTSTANDING: "FreshBooks shows less outstanding than was paid.",
    Reason.INVOICE_DELETED: "The invoice was deleted in FreshBooks.",
    Reason.INVOICE_DRAFT: "The invoice is a draft in FreshBooks.",
    Reason.OTHER_CURRENCY: "The invoice is in another currency in FreshBooks.",
    Reason.IS_THIS_IT: "A payment like this one was typed into FreshBooks by hand.",
    Reason.AMBIGUOUS_LOOKUP: "More than one payment in FreshBooks could be this one.",
    Reason.REFUSED_BY_FRESHBOOKS: "FreshBooks refused to record it.",
    Reason.ATTEMPTS_EXHAUSTED: "FreshBooks gave no clear answer several times.",
}
_ENDED = {
    Reason.FAILED_BEFORE_PUSH: "It failed before it was recorded, so FreshBooks never had it.",
    Reason.REFUNDED_BEFORE_PUSH: "It was refunded before it was recorded, so FreshBooks never had it.",
    Reason.MADE_ON_PLATFORM: "Its invoice was made on Alternative Payments and does not go to FreshBooks.",
    Reason.CONNECTION_RESET: "The connection was reset before it was recorded.",
    Reason.SETTLED_BY_HAND: "It is settled by a payment that was typed into FreshBooks by hand.",
    Reason.REPLACED: "Another payment stands in FreshBooks in its place.",
}


def place_of(payment: PaymentRow) -> Standing:
    """Where a payment stands in FreshBooks: recorded, waiting or with a person, and why (W8)."""
    if payment.place is None:
        if payment.invoice_id is None:
            return Standing(label="Not sent", tone=QUIET, sentence=_ENDED[Reason.MADE_ON_PLATFORM])
        return Standing(label="Waiting", tone=WAIT, sentence="It is about to be taken up.")
    return _standing(payment.place)


def _standing(place: PushPlace) -> Standing:
    reason = place.reason
    match place.state:
        case PushState.READY:
            return Standing(
                label="Waiting",
                tone=WAIT,
                sentence=_WAITING.get(reason, "It is about to be recorded.")
                if reason
                else "It is about to be recorded.",
            )
        case PushState.SENDING:
            return Standing(label="Recording", tone=BUSY, sentence="It is being recorded right now.")
        case PushState.UNCERTAIN:
            return Standing(
                label="Checking", tone=BUSY, sentence="FreshBooks' answer was lost; we look whether it stands there."
            )
        case PushState.WAITING:
            return Standing(label="Waiting", tone=WAIT, sentence=_sentence(_WAITING, reason, place.detail))
        case PushState.DONE:
            return Standing(label="Recorded", tone=OK, sentence=f"Payment {place.fb_payment_id} in FreshBooks.")
        case PushState.NEEDS_PERSON:
            return Standing(label="Sync issue", tone=ATTENTION, sentence=_sentence(_STOPPED, reason, place.detail))
        case PushState.CANCELLED:
            return Standing(label="Not sent", tone=QUIET, sentence=_sentence(_ENDED, reason, place.detail))


def _sentence(known: dict[Reason, str], reason: Reason | None, detail: str) -> str:
    if reason is None:
        return detail
    return known.get(reason) or detail or f"{str(reason).replace('_', ' ').capitalize()}."


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
    PushState.CANCELLED: "Not sent",
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

ISSUES = {
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button of an issue: its words, what pressing it means, and whether it must name a payment in FreshBooks."""

    label: str
    meaning: str
    names_payment: bool = False


_ACTIONS = {
    "post_anyway": Action(
        label="Record it anyway", meaning="FreshBooks splits what exceeds the invoice off as a credit."
    ),
    "settled_by_hand": Action(
        label="Settled by hand",
        meaning="A payment in FreshBooks already stands for it; name which.",
        names_payment=True,
    ),
    "refund_in_ap": Action(
        label="Refund it here", meaning="The payment is not recorded; refund it on Alternative Payments."
    ),
    "reopen": Action(label="Reopen the invoice", meaning="The payment no longer counts and the invoice is due again."),
    "record_again": Action(label="Record it again", meaning="The payment is recorded in FreshBooks once more."),
    "stand_in": Action(
        label="Let the record stand for it", meaning="What FreshBooks shows counts for the newer payment."
    ),
    "still_owes": Action(label="The customer still owes", meaning="The invoice is due again."),
    "owes_nothing": Action(label="The customer owes nothing", meaning="The invoice stays as it is."),
    "not_this": Action(label="It is another one", meaning="The payment in FreshBooks is not this one; record ours."),
    "take_freshbooks": Action(
        label="Take FreshBooks' version", meaning="The invoice here is changed to what FreshBooks shows."
    ),
}


def action(name: str) -> Action:
    """The words of an action."""
    return _ACTIONS.get(name) or Action(label=name.replace("_", " ").capitalize(), meaning="")


# ---- the module ------------------------------------------------------------------------------------------------------

SYNC_ITEMS: tuple[tuple[str, str, Feed], ...] = (
    ("Invoice details", "From FreshBooks", Feed.INVOICES),
    ("Invoice line items", "From FreshBooks", Feed.INVOICES),
    ("Customers", "From FreshBooks", Feed.INVOICES),
    ("Payments", "Both ways", Feed.PAYMENTS),
)
NOT_SYNCED = ("Archiving invoices", "Archiving customers", "Deleting payments", "PDF invoices")
