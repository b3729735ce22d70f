"""Where a payment stands: every payment is in exactly one visible place (W8)."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from daemon.core.issues import about_payment
from daemon.core.model import HOLDS_MONEY, LOST_MONEY, Choice, Issue, Link, PaymentStatus, Push, PushState, Reason
from daemon.core.push_sentences import LET_GO, NEXT, end_for, end_of, is_stranded, money, stop_of, wait_for, wait_of


class PlaceKind(enum.StrEnum):
    """The places of W8; `closed` is for payments that FreshBooks must never see or need not see any more."""

    RECORDED = "recorded"
    WAITING = "waiting"
    ISSUE = "issue"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place with its sentence; `next_step` says what to do and is empty unless it is an issue."""

    kind: PlaceKind
    why: str
    next_step: str = ""


def place(link: Link, issues: Iterable[Issue] = ()) -> Place:
    """Tell where a payment stands; `issues` are the open ones, of which its own come first (W8)."""
    subject = about_payment(link.payment)
    issue = min((issue for issue in issues if issue.subject == subject), key=lambda issue: issue.kind, default=None)
    if issue is not None:
        return Place(kind=PlaceKind.ISSUE, why=issue.reason, next_step=issue.next_step)
    if link.push is None:
        return _unpushed(link)
    return _of_push(link, link.push)


def _unpushed(link: Link) -> Place:
    if link.payment.invoice_id is None:
        return Place(kind=PlaceKind.CLOSED, why=end_for(Reason.MADE_ON_PLATFORM))
    return Place(kind=PlaceKind.WAITING, why=NEXT)


def _of_push(link: Link, push: Push) -> Place:
    match push.state:
        case PushState.DONE:
            return _done(link, push)
        case PushState.NEEDS_PERSON:
            return _stopped(push)
        case PushState.CANCELLED:
            return _stopped(push) if is_stranded(link) else Place(kind=PlaceKind.CLOSED, why=end_of(push))
        case _:
            return Place(kind=PlaceKind.WAITING, why=wait_of(push))


def _stopped(push: Push) -> Place:
    stop = stop_of(push)
    return Place(kind=PlaceKind.ISSUE, why=stop.why, next_step=stop.next_step)


def _done(link: Link, push: Push) -> Place:
    payment = link.payment
    if payment.status in LOST_MONEY:
        why = f"The payment failed or was charged back, but FreshBooks may still show it as #{push.fb_payment_id}."
        return Place(kind=PlaceKind.ISSUE, why=why, next_step="Delete it in FreshBooks; this clears by itself.")
    if payment.status in HOLDS_MONEY and push.choice is Choice.REFUND_IN_AP:
        return Place(kind=PlaceKind.WAITING, why=wait_for(Reason.UNTIL_REFUNDED))
    if push.choice in LET_GO and (payment.status is PaymentStatus.REFUNDED or push.choice is Choice.REOPEN):
        return Place(kind=PlaceKind.CLOSED, why=LET_GO[push.choice])
    applied = push.recorded_amount if push.recorded_amount is not None else payment.amount
    return Place(
        kind=PlaceKind.RECORDED,
        why=f"Recorded in FreshBooks as payment #{push.fb_payment_id}: {money(applied, payment.currency)}.",
    )
