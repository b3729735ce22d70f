"""Which sync issues stand for an invoice and its payments: decided anew from the facts every time, never remembered."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from daemon.core import issues
from daemon.core.amount_due import RETURNED, ZERO, Share, due_of, full_hold, pays_nothing
from daemon.core.model import (
    HOLDS_MONEY,
    LOST_MONEY,
    Choice,
    FbPaymentId,
    Invoice,
    InvoiceId,
    Issue,
    Link,
    Payment,
    PaymentStatus,
    Push,
    PushState,
    Reason,
)
from daemon.core.push_sentences import is_stranded, money

_ANSWERED: Final = RETURNED | {Choice.OWES_NOTHING, Choice.REOPEN}
_EXPECTED_DIFFERENCE: Final = frozenset(
    {Choice.POST_ANYWAY, Choice.ACCEPT, Choice.SETTLED_BY_HAND, Choice.STAND_IN, Choice.REFUND_IN_AP, Choice.REOPEN}
)
_LET_GO: Final = frozenset({Choice.REOPEN, Choice.REFUND_IN_AP})


def subjects_of(invoice_id: InvoiceId, shares: Sequence[Share]) -> frozenset[tuple[str, str]]:
    """List what a decision speaks for: the invoice and its own payments; one moved here belongs to its own invoice."""
    invoice = issues.about_invoice(invoice_id)
    if not shares:
        return frozenset((invoice,))
    own = (share.link.payment for share in shares if share.link.payment.invoice_id == invoice_id)
    return frozenset({invoice, *(issues.about_payment(payment) for payment in own)})


def standing_issues(invoice_id: InvoiceId, invoice: Invoice | None, shares: Sequence[Share]) -> frozenset[Issue]:
    """Decide all issues of an invoice and of its own payments. `invoice` is None while it has never been read."""
    if not shares:
        return frozenset(_invoice_issues(invoice, shares)) if invoice is not None else frozenset()
    own = [share for share in shares if share.link.payment.invoice_id == invoice_id]
    about_payments = (issue for share in own for issue in _payment_issues(invoice_id, invoice, share, own))
    about_invoice = _invoice_issues(invoice, shares) if invoice is not None else iter(())
    return frozenset((*about_invoice, *about_payments))


def freshbooks_due(invoice: Invoice, shares: Sequence[Share]) -> Decimal | None:
    """Tell what would be due if the invoice followed FreshBooks; None when currencies differ."""
    if invoice.fb_currency != invoice.terms.currency:
        return None
    return due_of(invoice.fb_outstanding, invoice.fb_currency, shares)


def _invoice_issues(invoice: Invoice, shares: Sequence[Share]) -> Iterator[Issue]:
    if invoice.amount_due is None:
        foreign = {currency for share in shares for currency in share.currencies} - {invoice.terms.currency}
        yield issues.other_currency(invoice, sorted(foreign))
    elif invoice.amount_due < ZERO:
        yield issues.overpaid(invoice, -invoice.amount_due)
    if invoice.is_frozen:
        theirs = freshbooks_due(invoice, shares)
        if theirs != invoice.amount_due:
            yield issues.paid_invoice_changed(invoice, theirs)


def _payment_issues(
    invoice_id: InvoiceId, invoice: Invoice | None, share: Share, own: Sequence[Share]
) -> Iterator[Issue]:
    link, push = share.link, share.link.push
    where = f"invoice {invoice.terms.number}" if invoice is not None else f"invoice #{invoice_id}"
    records = _live_records(share)
    stranded = is_stranded(link) and not records and push is not None and push.choice not in _LET_GO
    if push is not None and (push.state is PushState.NEEDS_PERSON or stranded):
        yield issues.push_stopped(link, push, where, invoice.fb_outstanding if invoice is not None else None)
    if pays_nothing(link):
        if records or link.credit_is_live or _is_unreverted(link):
            yield issues.revert_failed_payment(link, where, records or _stored_id(push), _stand_ins(share, own))
        return
    if link.payment.status is PaymentStatus.REFUNDED and (push is None or push.choice not in _ANSWERED):
        yield issues.refunded(link, where)
    if len(records) > 1:
        yield issues.duplicate(link, where, records, [row.fb_payment_id for row in share.rows if row.is_all_credit])
    if push is not None and push.state is PushState.DONE:
        yield from _done_issues(invoice, share, push, where)


def _done_issues(invoice: Invoice | None, share: Share, push: Push, where: str) -> Iterator[Issue]:
    link = share.link
    recorded = full_hold(link)
    if recorded < link.payment.amount and push.choice not in _EXPECTED_DIFFERENCE:
        yield issues.amount_differs(link, where, recorded)
    if link.payment.status not in HOLDS_MONEY or len(_live_records(share)) > 1:
        return
    if share.shown > recorded:
        yield issues.ours_changed(link, where, f"now says {money(share.shown, link.payment.currency)}", ())
    elif share.shown < recorded and push.choice not in _LET_GO:
        change = _change(invoice, share, push)
        if change is not None:
            actions = (Choice.REOPEN, Choice.REFUND_IN_AP)
            yield issues.ours_changed(link, where, change, actions if share.shown else (Choice.RECORD_AGAIN, *actions))


def _change(invoice: Invoice | None, share: Share, push: Push) -> str | None:
    """Say what became of a record that shows less than it should; None while no snapshot could have seen it yet."""
    if share.shown:
        return f"now says {money(share.shown, share.link.payment.currency)}"
    if share.link.elsewhere:
        return f"was moved to invoice #{share.link.elsewhere[0].invoice_id}"
    if any(row.fb_payment_id == push.fb_payment_id for row in share.rows):
        return "was deleted"
    seen_since = invoice is not None and (push.deadline_at is None or invoice.reading.began_at >= push.deadline_at)
    return "is no longer on this invoice" if seen_since else None


def _is_unreverted(link: Link) -> bool:
    # Until a snapshot shows the record gone, what FreshBooks answered or a look-up found still stands there.
    return link.push is not None and link.push.state is PushState.DONE and link.payment.status in LOST_MONEY


def _live_records(share: Share) -> tuple[FbPaymentId, ...]:
    here = (row.fb_payment_id for row in share.rows if row.is_live)
    return tuple(sorted({*here, *(other.fb_payment_id for other in share.link.elsewhere if other.amount > ZERO)}))


def _stored_id(push: Push | None) -> tuple[FbPaymentId, ...]:
    return (push.fb_payment_id,) if push is not None and push.fb_payment_id is not None else ()


def _stand_ins(share: Share, own: Sequence[Share]) -> tuple[Payment, ...]:
    return tuple(
        other.link.payment
        for other in own
        if other.link.push is not None
        and other.link.push.state is PushState.WAITING
        and other.link.push.reason is Reason.UNTIL_REVERTED
        and other.link.payment.amount == share.shown
    )
