"""What becomes of a push: after the guard, a POST, a lost answer, a look-up (W4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, assert_never

from daemon.core.amount_due import NAMES_A_RECORD
from daemon.core.markers import markers_in
from daemon.core.model import (
    HOLDS_MONEY,
    LOST_MONEY,
    Choice,
    FbPayment,
    FbPaymentId,
    Payment,
    Push,
    PushState,
    Reason,
)
from daemon.core.policy import PushPolicy
from daemon.core.push_guard import Adopt, Cancel, GuardVerdict, Post, Stop, Wait
from daemon.core.push_sentences import money
from daemon.core.records import describe, recorded_amount, was_touched_since
from daemon.core.write_back import Failure, failed, found_absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The record stands in FreshBooks, or stood: it was posted."""

    payment: FbPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous:
    """No record with our marker, but some of the same amount, made since the claim: only a person can tell."""

    candidates: tuple[FbPayment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Nothing that could be it."""


LookupVerdict = Found | Ambiguous | Absent


def lookup(push: Push, payment: Payment, payments_seen: Sequence[FbPayment], claimed_at: datetime) -> LookupVerdict:
    """Look for the record of an uncertain push among the client's payments since the claim, both visibilities (W4).

    By stored id, then by this generation's marker, live before deleted. A record that a person named is not looked up:
    the guard judges it, on this invoice. What has the same amount and no marker at all goes to a person, unless a
    person has already said what it is.
    """
    found = own_record(push, payments_seen)
    if found is not None:
        return found
    if push.choice in _DISMISSES_CANDIDATES:
        return Absent()
    candidates = tuple(fb for fb in payments_seen if _may_be_it(fb, payment, claimed_at - CLOCK_SKEW))
    return Ambiguous(candidates=candidates) if candidates else Absent()


def own_record(push: Push, payments_seen: Sequence[FbPayment]) -> Found | None:
    """Find the record that is this generation's by its id or its marker, live before deleted (W4)."""
    mark = (push.payment_id, push.generation)
    stored_id = None if push.choice in NAMES_A_RECORD else push.fb_payment_id
    known = [fb for fb in payments_seen if fb.id == stored_id]
    marked = [fb for fb in payments_seen if mark in markers_in(fb.note) and not fb.from_credit]
    best = min(known or marked, key=lambda fb: (not fb.is_live, fb.id), default=None)
    return None if best is None else Found(payment=best)


_DISMISSES_CANDIDATES: Final = NAMES_A_RECORD | {Choice.NOT_THIS, Choice.REFUND_IN_AP}
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far FreshBooks' clock may be behind ours when records are compared with our claim."""


def after_guard(push: Push, payment: Payment, verdict: GuardVerdict, now: datetime, policy: PushPolicy) -> Push:
    """Tell what the guard makes of a claimed push; a verdict to post leaves it as it is, for the send (W5)."""
    match verdict:
        case Post():
            return push
        case Wait(reason=reason, detail=detail):
            later = _next_look(push, payment, reason, now, policy)
            return replace(push, state=PushState.WAITING, reason=reason, detail=detail, not_before=later, candidates=())
        case Stop(reason=reason, detail=detail, candidates=candidates):
            ids = tuple(fb.id for fb in candidates)
            return replace(push, state=PushState.NEEDS_PERSON, reason=reason, detail=detail, candidates=ids)
        case Adopt(fb_payment_id=fb_payment_id, amount=amount):
            return _done(push, fb_payment_id, amount)
        case Cancel(reason=reason):
            return replace(push, state=PushState.CANCELLED, reason=reason, detail="", candidates=())
        case _:
            assert_never(verdict)


def _next_look(push: Push, payment: Payment, reason: Reason, now: datetime, policy: PushPolicy) -> datetime | None:
    """Tell when what waits is looked at again unless it is woken before: the older it is, the more seldom (W5).

    What a snapshot shows, and what the platform or a person does, wakes what waits for it (`may_go_now`,
    `wait_in_vain`). The first look is for what was shown while it came to wait; what waits for the platform alone
    needs none, and what waits for another push, which nothing announces, is looked at as often for ever.
    """
    if reason is Reason.UNTIL_REFUNDED:
        return None
    if reason is Reason.UNTIL_REVERTED and reason is push.reason:
        grown = min((now - payment.initiated_at) / _LOOKS_IN_ITS_AGE, LOOK_INTERVAL_MAX)
        return now + max(policy.waiting_interval, grown)
    return now + policy.waiting_interval


LOOK_INTERVAL_MAX: Final = timedelta(hours=1)
"""What waits is looked at as often as invoices are listed, at least."""
_LOOKS_IN_ITS_AGE: Final = 10


def after_post(push: Push, payment: Payment, answered: FbPayment) -> Push:
    """Store what FreshBooks answered: the record's id, and what it applied on the invoice (W5).

    That may be less than was sent: the rest became a credit, and the difference stands as an issue.
    """
    done = _done(push, answered.id, answered.amount)
    if answered.amount == payment.amount:
        return done
    return replace(done, detail=f"FreshBooks applied {money(answered.amount, answered.currency)}.")


def after_lookup(push: Push, payment: Payment, verdict: LookupVerdict, now: datetime, policy: PushPolicy) -> Push:
    """Tell what a look-up makes of an uncertain push (W4).

    Absent counts only twice, a delay apart. Then it may be sent again, at most `attempts_max` times; a payment that
    failed or was refunded meanwhile never is.
    """
    match verdict:
        case Found(payment=found):
            # Our own record is there after all, so whatever a person named for it is not it.
            choice = None if push.choice in NAMES_A_RECORD else push.choice
            return _done(replace(push, choice=choice), found.id, recorded_amount(found, payment))
        case Ambiguous(candidates=candidates):
            return replace(
                push,
                state=PushState.NEEDS_PERSON,
                reason=Reason.AMBIGUOUS_LOOKUP,
                detail=describe(candidates),
                candidates=tuple(fb.id for fb in candidates),
            )
        case Absent():
            looked = found_absent(push, now, policy)
            proven = looked.state is not PushState.UNCERTAIN
            return _cancelled(looked, payment) if proven and payment.status not in HOLDS_MONEY else looked
        case _:
            assert_never(verdict)


def after_failure(
    push: Push, payment: Payment, kind: Failure, now: datetime, policy: PushPolicy, detail: str = ""
) -> Push:
    """Tell what a failed POST makes of a push; `detail` is FreshBooks' own message, shown to the bookkeeper (W4).

    What provably never reached FreshBooks is no attempt, so an outage uses none up. When nothing was written and the
    payment failed meanwhile, nothing is left to be done.
    """
    if kind is not Failure.MAYBE_LANDED and payment.status not in HOLDS_MONEY:
        return _cancelled(push, payment)
    return failed(push, kind, now, policy, detail)


def _cancelled(push: Push, payment: Payment) -> Push:
    lost = payment.status in LOST_MONEY
    reason = Reason.FAILED_BEFORE_PUSH if lost else Reason.REFUNDED_BEFORE_PUSH
    return replace(push, state=PushState.CANCELLED, reason=reason, detail="")


def _may_be_it(fb: FbPayment, payment: Payment, since: datetime) -> bool:
    same = fb.amount == payment.amount and fb.currency == payment.currency and not fb.from_credit
    return same and not markers_in(fb.note) and was_touched_since(fb, since)


def _done(push: Push, fb_payment_id: FbPaymentId, amount: Decimal) -> Push:
    return replace(
        push,
        state=PushState.DONE,
        fb_payment_id=fb_payment_id,
        recorded_amount=amount,
        reason=Reason.SETTLED_BY_HAND if push.choice is Choice.SETTLED_BY_HAND else None,
        detail="",
        candidates=(),
        not_before=None,
    )
