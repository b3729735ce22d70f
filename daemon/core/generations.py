"""What a read of FreshBooks proves about pushes that are done: replaced, reverted, restored, won back (W2, W5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from daemon.core.amount_due import ZERO
from daemon.core.markers import marker
from daemon.core.model import (
    HOLDS_MONEY,
    LOST_MONEY,
    Applied,
    Choice,
    FbPayment,
    InvoiceId,
    Link,
    PaymentStatus,
    Push,
    PushState,
    Reason,
)
from daemon.core.records import recorded_amount

REVERTED: Final = frozenset({Reason.CHARGEBACK_REVERTED, Reason.FAILURE_REVERTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """The links as they are after this decision, and the pushes to store for that."""

    links: tuple[Link, ...]
    changed: tuple[Push, ...]
    opened: tuple[Push, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the last snapshot shows of ours (`rows`), what the one before it showed, and the records if just read."""

    rows: Sequence[Applied]
    before: Sequence[Applied]
    records: Sequence[FbPayment] = ()


def settle_generations(links: Sequence[Link], seen: Seen, invoice_id: InvoiceId) -> Generations:
    """Bring every push in step with what FreshBooks shows."""
    if not links:
        return NOTHING_PUSHED
    given_away = {
        link.push.fb_payment_id
        for link in links
        if link.push and link.push.choice is Choice.STAND_IN and _is_done(link.push)
    }
    settled: list[Link] = []
    changed: list[Push] = []
    opened: list[Push] = []
    for link in links:
        push = link.push
        if push is None:
            settled.append(link)
            continue
        now = _settle(link, push, seen, given_away)
        pushes = (*link.pushes[:-1], now)
        if now != push:
            changed.append(now)
        if link.payment.invoice_id == invoice_id and _is_won_back(link, now, seen.rows):
            again = next_generation(now)
            opened.append(again)
            pushes = (*pushes, again)
        settled.append(replace(link, pushes=pushes))
    return Generations(links=tuple(settled), changed=tuple(changed), opened=tuple(opened))


NOTHING_PUSHED: Final = Generations(links=(), changed=(), opened=())
"""What there is to say of an invoice that no platform payment is for: most of a backfill."""


def next_generation(push: Push) -> Push:
    """Open the generation after this one: a new intent with a marker of its own."""
    generation = push.generation + 1
    return Push(
        payment_id=push.payment_id,
        generation=generation,
        state=PushState.READY,
        marker=marker(push.payment_id, generation),
    )


def wake(pushes: Sequence[Push]) -> tuple[Push, ...]:
    """Make the latest push ready again: what it waited or stopped for is gone."""
    ready = replace(pushes[-1], state=PushState.READY, reason=None, detail="", candidates=(), not_before=None)
    return (*pushes[:-1], ready)


def _settle(link: Link, push: Push, seen: Seen, given_away: Iterable[object]) -> Push:
    if _is_done(push) and push.choice is not Choice.STAND_IN and push.fb_payment_id in given_away:
        return replace(push, state=PushState.CANCELLED, reason=Reason.REPLACED)
    if is_live_anywhere(link, seen.rows):
        return _recognised(link, push, seen)
    if push.state is PushState.NEEDS_PERSON and link.payment.status not in HOLDS_MONEY:
        return _given_up(link, push)
    was_seen = any(row.fb_payment_id == push.fb_payment_id for row in seen.rows)
    if link.payment.status not in LOST_MONEY or not _is_done(push) or not was_seen:
        return push
    reason = push.reason if push.reason in REVERTED else _revert_reason(link, seen.before)
    gone = PushState.DONE if link.credit_is_live else PushState.CANCELLED
    return replace(push, state=gone, reason=reason)


def _recognised(link: Link, push: Push, seen: Seen) -> Push:
    if push.reason in REVERTED:
        return replace(push, state=PushState.DONE, reason=None)
    if (
        push.state is not PushState.CANCELLED
        or push.reason is Reason.REPLACED
        or link.payment.status not in HOLDS_MONEY
    ):
        return push
    # Given up as never sent, yet it stands and its money is held: nothing is left to be sent.
    live = {row.fb_payment_id for row in seen.rows if row.payment_id == link.payment.id and row.is_live}
    record = next((record for record in seen.records if record.id in live), None)
    if record is None:
        return push
    amount = recorded_amount(record, link.payment, link.pushes)
    return replace(push, state=PushState.DONE, reason=None, fb_payment_id=record.id, recorded_amount=amount)


def _given_up(link: Link, push: Push) -> Push:
    # What may be it in FreshBooks still needs a person: if it is, its record must be reverted.
    if push.reason is Reason.AMBIGUOUS_LOOKUP:
        return push
    lost = link.payment.status in LOST_MONEY
    reason = Reason.FAILED_BEFORE_PUSH if lost else Reason.REFUNDED_BEFORE_PUSH
    return replace(push, state=PushState.CANCELLED, reason=reason, detail="", candidates=())


def _revert_reason(link: Link, before: Iterable[Applied]) -> Reason:
    # Only a record that stood until the charge-back may come back by itself: one deleted earlier is a person's choice
    # (P8).
    stood = any(row.payment_id == link.payment.id and row.is_live for row in before)
    if link.payment.status is PaymentStatus.CHARGEBACK and stood:
        return Reason.CHARGEBACK_REVERTED
    return Reason.FAILURE_REVERTED


def _is_won_back(link: Link, push: Push, rows: Iterable[Applied]) -> bool:
    reverted = push.reason is Reason.CHARGEBACK_REVERTED and not link.credit_is_live
    return reverted and link.payment.status in HOLDS_MONEY and not is_live_anywhere(link, rows)


def is_live_anywhere(link: Link, rows: Iterable[Applied]) -> bool:
    """Tell whether any snapshot shows a record of this payment live, here or on another invoice."""
    here = any(row.payment_id == link.payment.id and row.is_live for row in rows)
    return here or any(other.amount > ZERO for other in link.elsewhere)


def _is_done(push: Push) -> bool:
    return push.state is PushState.DONE
