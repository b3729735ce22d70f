"""What a person's choice does to a payment's push: only what an issue offers can be chosen (P8, P11, W5)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from daemon.core.amount_due import NAMES_A_RECORD, reassign, shares_of
from daemon.core.generations import next_generation
from daemon.core.invoice_issues import standing_issues
from daemon.core.issues import about_payment
from daemon.core.model import (
    Choice,
    FbPaymentId,
    InvoiceContext,
    InvoiceId,
    Issue,
    Link,
    PaymentId,
    Push,
    PushState,
    Reason,
)
from daemon.core.push_guard import is_free


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The push to store with the choice in it, and a new generation when the payment is to be recorded again."""

    changed: Push
    opened: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """The choice does not fit what stands now; `why` is a sentence for whoever pressed it."""

    why: str


def apply_choice(
    context: InvoiceContext, payment_id: PaymentId, choice: Choice, named: FbPaymentId | None = None
) -> Chosen | NotOffered:
    """Apply what a person chose for a payment. `named` is the FreshBooks payment it settles against, or stands in for.

    The caller stores the result and then decides the invoice anew without a read. A choice can be taken back by another
    one that the same facts would offer.
    """
    link = next((link for link in context.links if link.payment.id == payment_id), None)
    if link is None or link.push is None or link.payment.invoice_id is None:
        return NotOffered(why="There is nothing to choose for this payment.")
    if choice not in set(_offered(context, link, link.push, link.payment.invoice_id)):
        return NotOffered(why="This is not offered any more: the payment or its record has changed meanwhile.")
    if choice in NAMES_A_RECORD:
        if named is None:
            return NotOffered(why="Name the FreshBooks payment that it is.")
        if not is_free(named, replace(link.push, choice=choice), context.links):
            return NotOffered(why=f"FreshBooks payment #{named} stands for another payment already.")
    return _apply(link.push, choice, named)


def _apply(push: Push, choice: Choice, named: FbPaymentId | None) -> Chosen:
    if push.state is PushState.WAITING and push.reason is Reason.UNTIL_REFUNDED:
        return Chosen(changed=_due(push, None))
    if choice is Choice.RECORD_AGAIN:
        return Chosen(changed=replace(push, choice=choice), opened=next_generation(push))
    return Chosen(changed=_chosen(push, choice, named))


def _chosen(push: Push, choice: Choice, named: FbPaymentId | None) -> Push:
    match choice:
        case Choice.POST_ANYWAY:
            return replace(_due(push, choice), attempts=0)
        case Choice.RETRY:
            # Nothing is overridden: the books are read and judged again, as if it had never stopped.
            return replace(_due(push, None), attempts=0)
        case Choice.SETTLED_BY_HAND | Choice.STAND_IN:
            return replace(_due(push, choice), fb_payment_id=named)
        case Choice.NOT_THIS:
            looked_up = push.reason is Reason.AMBIGUOUS_LOOKUP
            return replace(_due(push, choice), state=PushState.UNCERTAIN if looked_up else PushState.READY)
        case Choice.REFUND_IN_AP if push.state is PushState.NEEDS_PERSON:
            waiting = replace(_due(push, choice), state=PushState.WAITING)
            return replace(waiting, reason=Reason.UNTIL_REFUNDED)
        case _:
            return replace(push, choice=choice)


def _due(push: Push, choice: Choice | None) -> Push:
    return replace(
        push,
        state=PushState.READY,
        choice=choice,
        reason=None,
        detail="",
        candidates=(),
        not_before=None,
        checked_absent=0,
        fb_payment_id=None,
    )


def _offered(context: InvoiceContext, link: Link, push: Push, invoice_id: InvoiceId) -> Iterator[str]:
    """List what can be chosen now: what the issues offer, as if nothing had been chosen yet."""
    if push.state is PushState.WAITING and push.reason is Reason.UNTIL_REFUNDED:
        yield Choice.RECORD_AGAIN
    unchosen = replace(link, pushes=(*link.pushes[:-1], replace(push, choice=None)))
    links = tuple(unchosen if other is link else other for other in context.links)
    shares = shares_of(links, reassign(context.applied, links), invoice_id)
    for issue in standing_issues(invoice_id, context.invoice, shares):
        if issue.subject == about_payment(link.payment):
            yield from (action for action in issue.actions if action != Choice.STAND_IN)
        elif link.payment.id in _stand_ins_of(issue):
            yield Choice.STAND_IN


def _stand_ins_of(issue: Issue) -> tuple[str, ...]:
    return tuple(dict(issue.data).get("stand_in", "").split(","))
