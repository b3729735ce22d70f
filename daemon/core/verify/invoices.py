"""One invoice with its payments: decided anew from what FreshBooks shows now, and compared with what is stored (T1).

The rules that keep an invoice are the ones that judge it: what a fresh decision would change is a difference, and what
a decision says must be asked of a person is listed under its rule. Nothing is decided here a second time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import (
    Invoice,
    InvoiceContext,
    InvoiceDecision,
    IssueKind,
    PushState,
    Snapshot,
    VisState,
)
from daemon.core.terms import changed_terms, terms_hash, terms_of
from daemon.core.verify.findings import Drift, DriftKind, Judgement, Mend, Rule, Ruled

INVOICES: Final = "invoices"
_RULES: Final = {
    IssueKind.PAID_INVOICE_CHANGED: Rule.P5,
    IssueKind.OVERPAID: Rule.P7,
    IssueKind.OTHER_CURRENCY: Rule.P7,
    IssueKind.REFUNDED: Rule.P11,
    IssueKind.REVERT_FAILED_PAYMENT: Rule.W2,
    IssueKind.PUSH_STOPPED: Rule.W5,
    IssueKind.AMOUNT_DIFFERS: Rule.W5,
}
_ON_ITS_WAY: Final = {
    PushState.READY: Rule.W1,
    PushState.WAITING: Rule.W1,
    PushState.SENDING: Rule.W4,
    PushState.UNCERTAIN: Rule.W4,
}
_FACTS: Final = (
    ("amount in FreshBooks", "fb_amount"),
    ("outstanding in FreshBooks", "fb_outstanding"),
    ("currency in FreshBooks", "fb_currency"),
    ("disputed", "disputed"),
    ("visibility", "vis_state"),
    ("amount due", "amount_due"),
    ("status", "status"),
    ("payable", "not_payable"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldInvoice:
    """What we hold of one invoice: `context.invoice` with its lines, unlike anywhere else, and open issues.

    `open_issues` are of the kinds that a decision opens and closes (`issues.STANDING_KINDS`). `is_queued`: it
    waits to be read again anyway, as after a payment on the platform.
    """

    context: InvoiceContext
    open_issues: frozenset[tuple[IssueKind, tuple[str, str]]] = frozenset()
    is_queued: bool = False


def judge_invoice(snapshot: Snapshot, held: HeldInvoice, unread_since: datetime | None) -> Judgement:
    """Compare an invoice, its payments and our payments on it with what we hold."""
    stored = held.context.invoice
    subject = (INVOICES, str(snapshot.invoice.id))
    if not snapshot.is_consistent:
        return Judgement(unsettled=True)
    changed = unread_since is not None and snapshot.invoice.updated_at >= unread_since
    is_unread = changed or held.is_queued
    if stored is None:
        if is_unread:
            return Judgement(ruled=(Ruled(rule=Rule.P1, subject=subject, detail="It is new in FreshBooks."),))
        detail = f"Invoice {snapshot.invoice.number} is in FreshBooks, and it is not stored here."
        drift = Drift(kind=DriftKind.MISSING_HERE, subject=subject, detail=detail, mend=Mend.READ_AGAIN)
        return Judgement(drifts=(drift,))
    decision = decide_snapshot(snapshot, replace(held.context, invoice=replace(stored, terms_hash=_hash(stored))))
    if decision.invoice is None:
        return Judgement(unsettled=True)
    drifts = tuple(_drifts(snapshot, held, stored, decision, decision.invoice))
    if drifts and is_unread:
        detail = "; ".join(drift.detail for drift in drifts)
        return Judgement(ruled=(Ruled(rule=Rule.P1, subject=subject, detail=detail),))
    broken = tuple(_broken(decision))
    return Judgement(drifts=(*drifts, *broken), ruled=tuple(_ruled(snapshot, held, decision, decision.invoice)))


def _drifts(
    snapshot: Snapshot, held: HeldInvoice, stored: Invoice, decision: InvoiceDecision, decided: Invoice
) -> Iterator[Drift]:
    name = f"Invoice {snapshot.invoice.number}"
    subject = (INVOICES, str(stored.id))
    altered = stored.terms_hash != _hash(stored)
    theirs = terms_of(snapshot.invoice)
    if stored.is_frozen != decided.is_frozen:
        now = "is frozen as paid, and it is not paid" if stored.is_frozen else "is paid, and it is not frozen"
        yield Drift(kind=DriftKind.STALE_FREEZE, subject=subject, detail=f"{name} {now}.", mend=Mend.READ_AGAIN)
    elif altered and decided.is_frozen:
        # What it was is told by its hash alone: it can be taken anew only while FreshBooks shows just that.
        mend = Mend.TAKE_ANEW if stored.terms_hash == terms_hash(theirs) else None
        detail = f"{name} was changed here after it was paid: {', '.join(changed_terms(stored.terms, theirs))}."
        yield Drift(kind=DriftKind.DIFFERENT, subject=subject, detail=detail, mend=mend)
    elif not decided.is_frozen and stored.terms != theirs:
        detail = f"{name}: {', '.join(changed_terms(stored.terms, theirs))}."
        yield Drift(kind=DriftKind.DIFFERENT, subject=subject, detail=detail, mend=Mend.TAKE_ANEW)
    elif altered:
        detail = f"{name}: its content is right, and its hash is not."
        yield Drift(kind=DriftKind.DIFFERENT, subject=subject, detail=detail, mend=Mend.TAKE_ANEW)
    facts = [
        f"{word} {getattr(stored, field)} here, {getattr(decided, field)} by FreshBooks"
        for word, field in _FACTS
        if getattr(stored, field) != getattr(decided, field)
    ]
    if decision.applied is not None and set(decision.applied) != set(held.context.applied):
        facts.append("what FreshBooks shows of our payments on it")
    wanted = {(issue.kind, issue.subject) for issue in decision.issues}
    standing = {(kind, about) for kind, about in held.open_issues if about in decision.subjects}
    facts += [f"the issue {kind.value} stands here without a cause" for kind, _ in sorted(standing - wanted)]
    facts += [f"the issue {kind.value} is missing here" for kind, _ in sorted(wanted - standing)]
    if facts:
        yield Drift(
            kind=DriftKind.DIFFERENT, subject=subject, detail=f"{name}: {', '.join(facts)}.", mend=Mend.READ_AGAIN
        )


def _broken(decision: InvoiceDecision) -> Iterator[Drift]:
    """Name our payments that FreshBooks does not show live exactly once while the platform holds the money (P8)."""
    for issue in sorted(decision.issues, key=lambda issue: (issue.kind, issue.subject)):
        if issue.kind is IssueKind.DUPLICATE:
            yield Drift(kind=DriftKind.DOUBLED, subject=issue.subject, detail=issue.reason)
        elif issue.kind is IssueKind.OURS_CHANGED:
            yield Drift(kind=DriftKind.MISSING_THERE, subject=issue.subject, detail=issue.reason)


def _ruled(snapshot: Snapshot, held: HeldInvoice, decision: InvoiceDecision, decided: Invoice) -> Iterator[Ruled]:
    subject = (INVOICES, str(decided.id))
    name = f"Invoice {snapshot.invoice.number}"
    asked = [(_RULES[issue.kind], issue) for issue in decision.issues if issue.kind in _RULES]
    for rule, issue in sorted(asked, key=lambda pair: (pair[0], pair[1].subject)):
        yield Ruled(rule=rule, subject=issue.subject, detail=issue.reason)
    told = {rule for rule, _ in asked}
    if Rule.P5 not in told and decided.is_frozen and decided.fb_terms_hash != decided.terms_hash:
        yield Ruled(rule=Rule.P5, subject=subject, detail=f"{name} was edited in FreshBooks after it was paid.")
    if decided.vis_state is not VisState.ACTIVE:
        what = "deleted" if decided.vis_state is VisState.DELETED else "archived"
        yield Ruled(rule=Rule.P6, subject=subject, detail=f"{name} is {what} in FreshBooks and kept here.")
    for link in held.context.links:
        push = link.push
        if push is not None and push.state in _ON_ITS_WAY and link.payment.invoice_id == decided.id:
            why = f": {push.reason.value}" if push.reason is not None else ""
            detail = f"Payment {link.payment.id} is {push.state.value}{why}."
            yield Ruled(rule=_ON_ITS_WAY[push.state], subject=("payment", link.payment.id), detail=detail)


def _hash(invoice: Invoice) -> int:
    return terms_hash(invoice.terms)
