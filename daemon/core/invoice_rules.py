"""What a read of FreshBooks, or a change on the platform, does to one invoice of ours (P2-P9, P11, P12, W2)."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from daemon.core.amount_due import Share, attribute, due_of, frozen_due, reassign, shares_of
from daemon.core.first_read import first_read
from daemon.core.freeze import may_freeze, must_unfreeze, names_typed_money, other_money
from daemon.core.generations import Seen, settle_generations, wake
from daemon.core.invoice_history import entries
from daemon.core.invoice_issues import standing_issues, subjects_of
from daemon.core.model import (
    Applied,
    FbInvoice,
    HistoryEntry,
    Invoice,
    InvoiceContext,
    InvoiceDecision,
    InvoiceId,
    InvoiceStatus,
    Link,
    PaymentId,
    PushState,
    Reading,
    Snapshot,
)
from daemon.core.payable import priced
from daemon.core.policy import PushPolicy
from daemon.core.push_guard import may_go_now, wait_in_vain
from daemon.core.stale_guard import Freshness, freshness, mark_of
from daemon.core.take_back import typed_money_left
from daemon.core.terms import terms_hash, terms_of

__all__ = [
    "decide_page_read",
    "decide_snapshot",
    "decide_unfreeze",
    "decide_without_read",
    "is_newer",
    "terms_hash",
    "terms_of",
]

_DEFAULT_POLICY: Final = PushPolicy()


def decide_page_read(read: FbInvoice, reading: Reading, context: InvoiceContext) -> InvoiceDecision:
    """Decide a bulk page's read, which shows no payments.

    Without any platform payment FreshBooks' outstanding is the amount due. With one, only a snapshot can tell, so
    nothing is stored and a reread is asked for (P7). A stale read stores nothing; one that cannot be ordered asks for a
    reread (P9).
    """
    if context.links or context.applied:
        return _as_it_stands(read.id, context, reread=True)
    if context.invoice is None:
        return first_read(read, reading)
    verdict = is_newer(context.invoice, read, reading)
    if verdict is not Freshness.NEWER:
        return _as_it_stands(read.id, context, reread=_cannot_tell(verdict, read, context))
    return _decide(_following(read, reading, context.invoice), read, Seen(rows=(), before=()), context)


def decide_snapshot(
    snapshot: Snapshot, context: InvoiceContext, policy: PushPolicy = _DEFAULT_POLICY
) -> InvoiceDecision:
    """Decide a consistent snapshot: amount due, freeze, and which pushes end, open or may go now (P5, P7, W2, W5).

    A snapshot that does not add up stores nothing and asks to be read again (P7).
    """
    read = snapshot.invoice
    verdict = is_newer(context.invoice, read, snapshot.reading)
    if verdict is Freshness.OLDER:
        return _as_it_stands(read.id, context, reread=False)
    if not snapshot.is_consistent or _cannot_tell(verdict, read, context):
        return _as_it_stands(read.id, context, reread=True)
    rows = attribute(snapshot.payments, context.links, read.id)
    candidate = _following(read, snapshot.reading, context.invoice)
    if candidate.is_frozen and names_typed_money(snapshot, rows, context):
        candidate = replace(candidate, frozen_other=other_money(candidate, shares_of(context.links, rows, read.id)))
    if candidate.is_frozen and context.takes_deletions:
        candidate = _reopened(candidate, snapshot, rows, shares_of(context.links, rows, read.id))
    woken = may_go_now(snapshot, context.links, policy)
    seen = Seen(rows=rows, before=context.applied, records=snapshot.payments)
    decision = _decide(candidate, read, seen, _awake(context, woken))
    return replace(decision, woken=woken, related=_related(read.id, rows, context))


def decide_without_read(context: InvoiceContext) -> InvoiceDecision:
    """Decide from stored facts: after a change of a payment's status, a person's choice, or the outcome of a push.

    An invoice that has never been read has nothing to be decided; a reread is asked for.
    """
    if context.invoice is None:
        own = next((link.payment.invoice_id for link in context.links if link.payment.invoice_id is not None), None)
        if own is None:
            return InvoiceDecision(invoice=None)
        return replace(_as_it_stands(own, context, reread=True), related=_shown_elsewhere(own, context.links))
    stored = context.invoice
    rows = reassign(context.applied, context.links)
    woken = wait_in_vain(stored, shares_of(context.links, rows, stored.id))
    decision = _decide(stored, None, Seen(rows=rows, before=context.applied), context)
    unread = decision.invoice is not None and _needs_a_read(stored, decision.invoice, rows, context)
    return replace(
        decision,
        applied=rows if rows != context.applied else None,
        reread=unread,
        woken=woken,
        related=_shown_elsewhere(stored.id, context.links),
    )


def _needs_a_read(stored: Invoice, decided: Invoice, rows: Sequence[Applied], context: InvoiceContext) -> bool:
    """Tell whether only a read can finish this: one that thawed takes FreshBooks' version, one paid again freezes."""
    if decided.is_frozen:
        return False
    shares = shares_of(context.links, rows, decided.id)
    return stored.is_frozen or may_freeze(decided, decided.amount_due, shares)


def decide_unfreeze(context: InvoiceContext) -> InvoiceDecision:
    """Take FreshBooks' version of a frozen invoice by a person's wish: it follows from the next read on (P5)."""
    if context.invoice is None or not context.invoice.is_frozen:
        return decide_without_read(context)
    released = replace(context.invoice, frozen_at=None, frozen_other=None)
    decision = decide_without_read(replace(context, invoice=released))
    entry = HistoryEntry(what="FreshBooks' version taken", detail="A person chose to follow FreshBooks again.")
    return replace(decision, history=(entry, *decision.history), reread=True)


def is_newer(stored: Invoice | None, read: FbInvoice, reading: Reading) -> Freshness:
    """Tell whether a read may replace the stored one (P9); the first read of an invoice always may."""
    if stored is None:
        return Freshness.NEWER
    return freshness(mark_of(stored, stored.reading, stored.version), mark_of(read, reading, read.version))


# ---- the decision ----------------------------------------------------------------------------------------------------


def _decide(candidate: Invoice, read: FbInvoice | None, seen: Seen, context: InvoiceContext) -> InvoiceDecision:
    """Decide a candidate row: FreshBooks' latest balance facts with the stored terms, freeze and amount due."""
    settled = settle_generations(context.links, seen, candidate.id)
    shares = shares_of(settled.links, seen.rows, candidate.id)
    invoice = _freeze(_released(candidate, read, shares), shares, just_read=read is not None)
    stored = context.invoice
    return InvoiceDecision(
        invoice=invoice,
        applied=tuple(seen.rows),
        issues=standing_issues(invoice.id, invoice, shares),
        subjects=subjects_of(invoice.id, shares),
        history=tuple(entries(stored, invoice, terms_of(read) if read else None)) if stored is not None else (),
        opened=settled.opened,
        changed=settled.changed,
    )


def _released(candidate: Invoice, read: FbInvoice | None, shares: Sequence[Share]) -> Invoice:
    if not candidate.is_frozen or not must_unfreeze(candidate, shares):
        return candidate
    released = replace(candidate, frozen_at=None, frozen_other=None)
    return released if read is None else replace(released, terms=terms_of(read), terms_hash=candidate.fb_terms_hash)


def _reopened(candidate: Invoice, snapshot: Snapshot, rows: Sequence[Applied], shares: Sequence[Share]) -> Invoice:
    """Follow FreshBooks again when it shows a payment deleted that was not made on the platform (O3)."""
    ours = {row.fb_payment_id for row in rows}
    if not typed_money_left(snapshot, ours, candidate.frozen_other, other_money(candidate, shares)):
        return candidate
    terms = terms_of(snapshot.invoice)
    return replace(candidate, frozen_at=None, frozen_other=None, terms=terms, terms_hash=candidate.fb_terms_hash)


def _freeze(candidate: Invoice, shares: Sequence[Share], *, just_read: bool) -> Invoice:
    """Give the candidate its amount due, and freeze it when a read shows it settled (P5, P7).

    Without a read it never freezes: an edit made while it was unpaid may not have been seen yet (P2).
    """
    if candidate.frozen_other is not None:
        due = frozen_due(candidate.terms.total, candidate.frozen_other, candidate.terms.currency, shares)
        return priced(candidate, due, candidate.frozen_at, candidate.frozen_other)
    due = due_of(candidate.fb_outstanding, candidate.fb_currency, shares)
    if not just_read or not may_freeze(candidate, due, shares):
        return priced(candidate, due, None, None)
    return priced(candidate, due, candidate.reading.finished_at, other_money(candidate, shares))


def _following(read: FbInvoice, reading: Reading, stored: Invoice | None) -> Invoice:
    """Make the candidate row of a read: its balance facts, and its terms unless ours are frozen (P2, P5)."""
    terms = terms_of(read)
    content = terms_hash(terms)
    frozen = stored if stored is not None and stored.is_frozen else None
    return Invoice(
        id=read.id,
        terms=frozen.terms if frozen else terms,
        terms_hash=frozen.terms_hash if frozen else content,
        fb_amount=read.amount,
        fb_outstanding=read.outstanding,
        fb_currency=read.currency,
        fb_status=read.status,
        disputed=read.disputed,
        vis_state=read.vis_state,
        updated_at=read.updated_at,
        updated_is_ambiguous=read.updated_is_ambiguous,
        version=read.version,
        fingerprint=read.fingerprint,
        reading=reading,
        status=InvoiceStatus.OUTSTANDING,
        amount_due=stored.amount_due if stored else read.outstanding,
        not_payable=None,
        frozen_at=frozen.frozen_at if frozen else None,
        frozen_other=frozen.frozen_other if frozen else None,
        fb_terms_hash=content,
    )


def _as_it_stands(invoice_id: InvoiceId, context: InvoiceContext, *, reread: bool) -> InvoiceDecision:
    """Write nothing: the stored facts stay, and so do the issues that follow from them."""
    shares = shares_of(context.links, reassign(context.applied, context.links), invoice_id)
    return InvoiceDecision(
        invoice=None,
        issues=standing_issues(invoice_id, context.invoice, shares),
        subjects=subjects_of(invoice_id, shares),
        reread=reread,
    )


def _awake(context: InvoiceContext, woken: Collection[PaymentId]) -> InvoiceContext:
    """See the woken pushes as the store will have them: what stopped is ready, so that nothing is said to hold it.

    What waits does so until it has been looked at.
    """
    if not woken:
        return context
    links = (replace(link, pushes=wake(link.pushes)) if _stopped(link, woken) else link for link in context.links)
    return replace(context, links=tuple(links))


def _stopped(link: Link, woken: Collection[PaymentId]) -> bool:
    return link.push is not None and link.push.state is PushState.NEEDS_PERSON and link.payment.id in woken


def _cannot_tell(verdict: Freshness, read: FbInvoice, context: InvoiceContext) -> bool:
    stored = context.invoice
    return verdict is Freshness.TIE and stored is not None and stored.fingerprint != read.fingerprint


def _related(invoice_id: InvoiceId, rows: Sequence[Applied], context: InvoiceContext) -> frozenset[InvoiceId]:
    """Name the other invoices to which it matters what is shown of a payment here, if that changed.

    They are the payment's own invoice, whose issue it is, and those to which its record was moved.
    """
    changed = {row.payment_id for row in set(rows) ^ set(context.applied)}
    links = [link for link in context.links if link.payment.id in changed]
    homes = {link.payment.invoice_id for link in links if link.payment.invoice_id is not None}
    return _shown_elsewhere(invoice_id, links) | homes - {invoice_id}


def _shown_elsewhere(invoice_id: InvoiceId, links: Sequence[Link]) -> frozenset[InvoiceId]:
    """Name the invoices that show a record of one of these payments: whether it pays them hangs on the payment (P8)."""
    return frozenset(other.invoice_id for link in links for other in link.elsewhere) - {invoice_id}
