"""What a fresh snapshot says about a payment that is about to be recorded: post, wait, stop, adopt or cancel (W5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from daemon.core.amount_due import NAMES_A_RECORD, ZERO, Share, attribute, owners_by_id, shares_of
from daemon.core.markers import markers_in
from daemon.core.model import (
    HOLDS_MONEY,
    LOST_MONEY,
    Choice,
    FbPayment,
    FbPaymentId,
    Invoice,
    Link,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reason,
    Snapshot,
    VisState,
)
from daemon.core.policy import PushPolicy
from daemon.core.push_sentences import money
from daemon.core.records import describe, recorded_amount, was_touched_since


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Record it: `amount` is sent; `split` is what FreshBooks will keep as a credit instead of applying it (W5)."""

    amount: Decimal
    split: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not yet; it goes by itself when what `reason` names has happened."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Only a person can say; `candidates` are the FreshBooks payments in question."""

    reason: Reason
    detail: str = ""
    candidates: tuple[FbPayment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """It stands in FreshBooks already, by our marker or by a person's word: `amount` is what counts of it."""

    fb_payment_id: FbPaymentId
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Nothing is to be recorded any more."""

    reason: Reason


GuardVerdict = Post | Wait | Stop | Adopt | Cancel


def guard(payment: Payment, push: Push, snapshot: Snapshot, links: Sequence[Link], policy: PushPolicy) -> GuardVerdict:
    """Decide, on a snapshot read just now, whether a payment may be posted (W5).

    `links` are all platform payments on this invoice. What already stands is adopted before anything else is
    asked, so that a payment which failed meanwhile is known to need a revert.
    """
    adopted = _standing(payment, push, snapshot, links)
    if adopted is not None:
        return adopted
    if payment.status in LOST_MONEY:
        return Cancel(reason=Reason.FAILED_BEFORE_PUSH)
    if payment.status is PaymentStatus.REFUNDED:
        return Cancel(reason=Reason.REFUNDED_BEFORE_PUSH)
    if payment.invoice_id is None:
        return Cancel(reason=Reason.MADE_ON_PLATFORM)
    if push.choice is Choice.REFUND_IN_AP:
        return Wait(reason=Reason.UNTIL_REFUNDED)
    invoice = snapshot.invoice
    return _refusal(payment, push, snapshot, links, policy) or _room(
        payment, push, invoice.outstanding, invoice.currency, _shares(snapshot, links)
    )


def may_go_now(snapshot: Snapshot, links: Sequence[Link], policy: PushPolicy) -> tuple[PaymentId, ...]:
    """List the payments that stopped for something which is gone by this snapshot, or wait for what it changes."""
    return tuple(
        link.payment.id
        for link in links
        if link.push is not None
        and link.push.state in _HELD_BACK
        and link.payment.invoice_id == snapshot.invoice.id
        and _is_freed(link.push, guard(link.payment, link.push, snapshot, links, policy))
    )


def wait_in_vain(invoice: Invoice, shares: Sequence[Share]) -> tuple[PaymentId, ...]:
    """List the payments that wait for what the stored facts no longer say: the platform, or a person, changed them."""
    return tuple(
        share.link.payment.id
        for share in shares
        if share.link.push is not None
        and share.link.push.state is PushState.WAITING
        and share.link.payment.invoice_id == invoice.id
        and not _is_explained(share.link.payment, share.link.push, invoice, shares)
    )


def _is_explained(payment: Payment, push: Push, invoice: Invoice, shares: Sequence[Share]) -> bool:
    if push.reason is Reason.UNTIL_REFUNDED:
        return payment.status in HOLDS_MONEY
    if push.reason is not Reason.UNTIL_REVERTED:
        return True
    verdict = _room(payment, push, invoice.fb_outstanding, invoice.fb_currency, shares)
    return verdict == Wait(reason=push.reason, detail=push.detail)


_HELD_BACK: Final = frozenset({PushState.WAITING, PushState.NEEDS_PERSON})
_UNTIL_SHOWN: Final = frozenset({Reason.UNTIL_REVERTED, Reason.UNTIL_REFUNDED})
_STOPPED_BY_INVOICE: Final = frozenset(
    {
        Reason.ALREADY_PAID,
        Reason.LESS_OUTSTANDING,
        Reason.INVOICE_DELETED,
        Reason.INVOICE_DRAFT,
        Reason.OTHER_CURRENCY,
        Reason.IS_THIS_IT,
    }
)


def _is_freed(push: Push, verdict: GuardVerdict) -> bool:
    if push.state is PushState.WAITING:
        return push.reason in _UNTIL_SHOWN and verdict != Wait(reason=push.reason, detail=push.detail)
    return isinstance(verdict, Adopt) or (push.reason in _STOPPED_BY_INVOICE and isinstance(verdict, Post))


def _standing(payment: Payment, push: Push, snapshot: Snapshot, links: Sequence[Link]) -> Adopt | None:
    """Find the record that this payment has already: the one a person named, else one with its marker."""
    free = [fb for fb in snapshot.payments if not fb.from_credit and is_free(fb.id, push, links)]
    if push.choice in NAMES_A_RECORD:
        named = next((fb for fb in free if fb.id == push.fb_payment_id and fb in snapshot.live_payments), None)
        fits = named is not None and (push.choice is not Choice.STAND_IN or named.amount == payment.amount)
        if named is None or not fits or named.currency != payment.currency:
            return None
        return Adopt(fb_payment_id=named.id, amount=min(named.amount, payment.amount))
    rows = attribute(snapshot.payments, links, snapshot.invoice.id)
    live = {row.fb_payment_id for row in rows if row.payment_id == payment.id and row.is_live}
    mine = [fb for fb in free if fb.id in live or (payment.id, push.generation) in markers_in(fb.note)]
    # One of this very generation that is deleted by now was posted all the same: what then is a person's choice (P8).
    best = min(mine, key=lambda fb: (fb.id not in live, fb.id), default=None)
    if best is None:
        return None
    pushes = [earlier for link in links if link.payment.id == payment.id for earlier in link.pushes]
    return Adopt(fb_payment_id=best.id, amount=recorded_amount(best, payment, pushes))


def is_free(fb_payment_id: FbPaymentId, push: Push, links: Sequence[Link]) -> bool:
    """Tell whether a record may stand for this push: no other payment has it, or one that failed hands it over (W5)."""
    return all(
        push.choice is Choice.STAND_IN and other.payment.status in LOST_MONEY
        for other in links
        if other.payment.id != push.payment_id
        and any(held.fb_payment_id == fb_payment_id and held.reason is not Reason.REPLACED for held in other.pushes)
    )


def _refusal(
    payment: Payment, push: Push, snapshot: Snapshot, links: Sequence[Link], policy: PushPolicy
) -> Stop | None:
    """Find what stops the POST whatever the balance; only a draft, and a look-alike, can be overridden."""
    invoice = snapshot.invoice
    if invoice.currency != payment.currency:
        return Stop(reason=Reason.OTHER_CURRENCY, detail=f"The invoice is in {invoice.currency}.")
    if invoice.vis_state is VisState.DELETED:
        return Stop(reason=Reason.INVOICE_DELETED)
    if push.choice in NAMES_A_RECORD:
        return Stop(reason=Reason.NAMED_PAYMENT_GONE)
    if push.choice is Choice.POST_ANYWAY:
        return None
    candidates = tuple(_look_alikes(payment, snapshot, links, policy)) if push.choice is not Choice.NOT_THIS else ()
    if candidates:
        return Stop(reason=Reason.IS_THIS_IT, detail=describe(candidates), candidates=candidates)
    return Stop(reason=Reason.INVOICE_DRAFT) if invoice.is_draft else None


def _look_alikes(
    payment: Payment, snapshot: Snapshot, links: Sequence[Link], policy: PushPolicy
) -> Iterator[FbPayment]:
    """Find unmarked FreshBooks payments of the same amount and a near date, entered after the customer paid (W5)."""
    taken = owners_by_id(links)
    for fb in snapshot.live_payments:
        same = fb.amount == payment.amount and fb.currency == payment.currency
        unknown = not fb.from_credit and fb.id not in taken and not markers_in(fb.note)
        near = abs(fb.paid_on - payment.initiated_at.date()) <= timedelta(days=policy.candidate_days)
        if same and unknown and near and was_touched_since(fb, payment.initiated_at):
            yield fb


def _room(
    payment: Payment, push: Push, outstanding: Decimal, currency: str, shares: Sequence[Share]
) -> Post | Wait | Stop:
    """Compare the payment with what is outstanding, and with what will be once others are recorded or reverted."""
    others = [share for share in shares if share.link.payment.id != payment.id]
    coming = sum((share.link.payment.amount for share in others if _may_land(share)), ZERO)
    if outstanding - coming >= payment.amount:
        return Post(amount=payment.amount)
    if push.choice is Choice.POST_ANYWAY:
        return Post(amount=payment.amount, split=max(payment.amount - outstanding, ZERO))
    if outstanding >= payment.amount:
        return Wait(reason=Reason.RETRY_LATER, detail="Another payment on this invoice is being recorded first.")
    dead = [share for share in others if share.delta > ZERO and share.shown > ZERO]
    if dead and outstanding + sum((share.delta for share in dead), ZERO) >= payment.amount:
        names = ", ".join(share.link.payment.id for share in dead)
        return Wait(reason=Reason.UNTIL_REVERTED, detail=f"It goes by itself once {names} is reverted.")
    have = f"Outstanding {money(outstanding, currency)}."
    return Stop(reason=Reason.LESS_OUTSTANDING if outstanding > ZERO else Reason.ALREADY_PAID, detail=have)


def _shares(snapshot: Snapshot, links: Sequence[Link]) -> Sequence[Share]:
    rows = attribute(snapshot.payments, links, snapshot.invoice.id)
    return shares_of(links, rows, snapshot.invoice.id)


def _may_land(share: Share) -> bool:
    push = share.link.push
    return push is not None and push.state in _IN_FLIGHT and not share.shown


_IN_FLIGHT: Final = frozenset({PushState.SENDING, PushState.UNCERTAIN})
