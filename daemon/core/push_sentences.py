"""What the dashboard says about a push that waits, stopped or ended: plain sentences for a bookkeeper (W5, W8)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from daemon.core.model import HOLDS_MONEY, Choice, Link, Payment, Push, PushState, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a push stopped, what to do next, and what can be chosen."""

    why: str
    next_step: str
    actions: tuple[Choice, ...]


def money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency: "1,200.00 USD"."""
    return f"{amount:,.2f} {currency}"


_POST: Final = Choice.POST_ANYWAY
_RETRY: Final = Choice.RETRY
_BY_HAND: Final = Choice.SETTLED_BY_HAND
_REFUND: Final = Choice.REFUND_IN_AP
_NOT_THIS: Final = Choice.NOT_THIS

_STOPS: Final[dict[Reason, tuple[str, str, tuple[Choice, ...]]]] = {
    Reason.ALREADY_PAID: (
        "FreshBooks shows this invoice as already paid, so the payment was not recorded.",
        "If it is in the books already, name that FreshBooks payment. Else record it anyway as a credit, or refund it.",
        (_POST, _BY_HAND, _REFUND),
    ),
    Reason.LESS_OUTSTANDING: (
        "FreshBooks shows less outstanding on this invoice than the payment, so it was not recorded.",
        "Record it anyway and the rest becomes a credit, name the FreshBooks payment it is in already, or refund it.",
        (_POST, _BY_HAND, _REFUND),
    ),
    Reason.INVOICE_DRAFT: (
        "The invoice is a draft in FreshBooks, so the payment was not recorded.",
        "Mark the invoice as sent in FreshBooks and the payment is recorded by itself; or record it now, or refund it.",
        (_POST, _BY_HAND, _REFUND),
    ),
    Reason.INVOICE_DELETED: (
        "The invoice is deleted in FreshBooks, so the payment cannot be recorded.",
        "Restore the invoice in FreshBooks and the payment is recorded by itself; or refund the payment.",
        (_BY_HAND, _REFUND),
    ),
    Reason.OTHER_CURRENCY: (
        "The invoice is in another currency than the payment, so the payment cannot be recorded.",
        "Set the invoice's currency back in FreshBooks and the payment is recorded by itself; or refund the payment.",
        (_BY_HAND, _REFUND),
    ),
    Reason.IS_THIS_IT: (
        "FreshBooks has a payment of the same amount, entered after the customer paid. It may be this very payment.",
        "Look at it. If it is this payment, say so and nothing is recorded twice. If it is another one, say that.",
        (_BY_HAND, _NOT_THIS, _REFUND),
    ),
    Reason.NAMED_PAYMENT_GONE: (
        "The FreshBooks payment that was named for it is no longer free on this invoice, or has another amount now.",
        "Name another FreshBooks payment, record this one, or refund it.",
        (_POST, _BY_HAND, _REFUND),
    ),
    Reason.AMBIGUOUS_LOOKUP: (
        "FreshBooks did not confirm the payment, and has one of the same amount without our reference.",
        "Look at it. If it is this payment, say so. If it is another one, say that and the payment is recorded.",
        (_BY_HAND, _NOT_THIS, _REFUND),
    ),
    Reason.REFUSED_BY_FRESHBOOKS: (
        "FreshBooks refused to record the payment.",
        "Correct the cause in FreshBooks and try again; or enter the payment there and name it, or refund it.",
        (_RETRY, _BY_HAND, _REFUND),
    ),
    Reason.ATTEMPTS_EXHAUSTED: (
        "FreshBooks did not confirm the payment after several attempts, and none of them shows in the books.",
        "Try again; or enter the payment in FreshBooks and name it, or refund it.",
        (_RETRY, _BY_HAND, _REFUND),
    ),
}

_UNTOLD: Final = (
    "The payment was not recorded.",
    "Try again; or enter the payment in FreshBooks and name it, or refund it.",
    (_RETRY, _BY_HAND, _REFUND),
)
_STRANDED: Final = (
    "The payment counts again on the platform, but FreshBooks has no record of it.",
    "Record it in FreshBooks again, refund it, or let the invoice be due again.",
    (Choice.RECORD_AGAIN, _REFUND, Choice.REOPEN),
)

_WAITS: Final[dict[Reason, str]] = {
    Reason.NO_ACCOUNTS: "Waiting for accounts: choose them in Set Up Accounts.",
    Reason.UNTIL_REVERTED: "Waiting until a payment that failed is removed from the invoice in FreshBooks.",
    Reason.UNTIL_REFUNDED: "Waiting until the platform has refunded it, as was chosen.",
    Reason.RETRY_LATER: "FreshBooks could not be reached; it will be tried again by itself.",
}

_ENDS: Final[dict[Reason, str]] = {
    Reason.FAILED_BEFORE_PUSH: "The payment failed before it was recorded, so FreshBooks needs nothing.",
    Reason.REFUNDED_BEFORE_PUSH: "The payment was refunded before it was recorded, so FreshBooks needs nothing.",
    Reason.MADE_ON_PLATFORM: "The invoice was made on the platform, so its payments do not go to FreshBooks.",
    Reason.CONNECTION_RESET: "The connection was reset before the payment was recorded.",
    Reason.REPLACED: "Its record in FreshBooks now stands for another payment.",
    Reason.CHARGEBACK_REVERTED: "Charged back; its record has been removed from FreshBooks.",
    Reason.FAILURE_REVERTED: "The payment failed; its record has been removed from FreshBooks.",
}

LET_GO: Final[dict[Choice, str]] = {
    Choice.REOPEN: "Let go by choice: it counts only as far as FreshBooks still shows it.",
    Choice.REFUND_IN_AP: "Refunded, as was chosen: the invoice is due again.",
    Choice.STILL_OWES: "Refunded, and the customer still owes it: the invoice is due again.",
    Choice.OWES_NOTHING: "Refunded, and the customer owes nothing: the invoice stays as it is.",
}
"""What a person decided ends a recorded payment, whatever became of its record."""

_STRANDED_REASONS: Final = frozenset(
    {Reason.FAILED_BEFORE_PUSH, Reason.REFUNDED_BEFORE_PUSH, Reason.FAILURE_REVERTED, Reason.REPLACED}
)
NEXT: Final = "To be recorded in FreshBooks next."


def is_stranded(link: Link) -> bool:
    """Tell whether a push was given up for a payment whose money the platform holds after all."""
    push = link.push
    given_up = push is not None and push.state is PushState.CANCELLED and push.reason in _STRANDED_REASONS
    return given_up and link.payment.status in HOLDS_MONEY


def stop_of(push: Push) -> Stop:
    """Say why a push needs a person; one that was cancelled needs one because its money counts again."""
    cancelled = push.state is PushState.CANCELLED
    why, next_step, actions = _STRANDED if cancelled else _STOPS.get(push.reason or Reason.ATTEMPTS_EXHAUSTED, _UNTOLD)
    return Stop(why=f"{why} {push.detail}".rstrip(), next_step=next_step, actions=actions)


def wait_of(push: Push) -> str:
    """Say what a push that is still open waits for."""
    if push.state is PushState.UNCERTAIN:
        return "FreshBooks did not confirm it; checking whether it arrived."
    if push.state is PushState.SENDING:
        return "Being recorded in FreshBooks now."
    return f"{wait_for(push.reason)} {push.detail}".rstrip()


def wait_for(reason: Reason | None) -> str:
    """Say what has to happen first."""
    return _WAITS.get(reason, NEXT) if reason else NEXT


def end_of(push: Push) -> str:
    """Say why a push will never be sent."""
    return end_for(push.reason)


def end_for(reason: Reason | None) -> str:
    """Say why nothing is to be recorded."""
    return _ENDS.get(reason, "Nothing is to be recorded.") if reason else "Nothing is to be recorded."


def payment_name(payment: Payment) -> str:
    """Name a payment in a sentence: "payment pay_1 of 100.00 USD"."""
    return f"payment {payment.id} of {money(payment.amount, payment.currency)}"
