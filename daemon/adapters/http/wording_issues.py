"""The words of sync issues: their titles, and what each action is called, means and asks before it is done."""

from dataclasses import dataclass

from daemon.core.issues import TAKE_FRESHBOOKS_VERSION
from daemon.core.model import Choice, IssueKind

READ_AGAIN = "read_again"

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
    """A button of an issue: its words, and what pressing it means. One with an address leads there instead.

    `confirm` is asked before an action that writes to the books or changes what a customer owes.
    """

    label: str
    meaning: str = ""
    address: str = ""
    confirm: str = ""


_ACTIONS = {
    Choice.POST_ANYWAY: Action(
        label="Record it anyway",
        meaning="What exceeds the invoice becomes a credit in FreshBooks.",
        confirm="The whole payment is recorded in FreshBooks, whatever the invoice shows there now.",
    ),
    Choice.RETRY: Action(label="Try again", meaning="FreshBooks is read again, and the payment recorded if it fits."),
    Choice.SETTLED_BY_HAND: Action(
        label="It is this payment", meaning="A payment in FreshBooks stands for it already."
    ),
    Choice.REFUND_IN_AP: Action(label="Refund it", meaning="It is not recorded; refund it on Alternative Payments."),
    Choice.REOPEN: Action(
        label="Let the invoice be due again",
        meaning="The payment no longer counts.",
        confirm="The payment stops counting here, and the customer is asked for this amount again.",
    ),
    Choice.RECORD_AGAIN: Action(
        label="Record it again",
        meaning="It is recorded in FreshBooks once more.",
        confirm="A new record is made in FreshBooks. Make sure that none of the old ones is left there.",
    ),
    Choice.STAND_IN: Action(label="Let its record stand for another payment"),
    Choice.STILL_OWES: Action(
        label="The customer still owes",
        meaning="The invoice is due again.",
        confirm="The customer is asked for this amount again.",
    ),
    Choice.OWES_NOTHING: Action(label="The customer owes nothing", meaning="The invoice stays as it is."),
    Choice.NOT_THIS: Action(label="It is another payment", meaning="The payment made here is recorded as well."),
    Choice.ACCEPT: Action(label="Accept it", meaning="What FreshBooks recorded is right."),
    TAKE_FRESHBOOKS_VERSION: Action(
        label="Take FreshBooks' version",
        meaning="The invoice here becomes what FreshBooks shows.",
        confirm="The paid invoice here is replaced by what FreshBooks shows now; what is due may change.",
    ),
    READ_AGAIN: Action(label="Read it again"),
    "reconnect": Action(label="Go to Integrations", address="/integrations"),
    "set_up_accounts": Action(label="Set Up Accounts", address="/integrations/freshbooks/accounts"),
}


def action(name: str) -> Action:
    """The words of an action."""
    return _ACTIONS.get(name) or Action(label=name.replace("_", " ").capitalize())
