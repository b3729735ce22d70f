"""What the first read of an invoice makes of it: most of a backfill, so all in one go (P4, P5, P7)."""

from typing import Final

from daemon.core.amount_due import ZERO
from daemon.core.freeze import shows_settled
from daemon.core.invoice_issues import standing_issues, subjects_of
from daemon.core.model import FB_STATUS_DISPUTED, FbInvoice, Invoice, InvoiceDecision, Issue, Reading
from daemon.core.payable import status_of, why_not_payable
from daemon.core.terms import terms_hash, terms_of

_NO_ISSUES: Final[frozenset[Issue]] = frozenset()


def first_read(read: FbInvoice, reading: Reading) -> InvoiceDecision:
    """Decide an invoice of which nothing is known: what the rules come to, in one go, as most of a backfill is such.

    FreshBooks' outstanding is what is due, and there is no history and no payment that could have an issue.
    """
    terms = terms_of(read)
    content = terms_hash(terms)
    due = read.outstanding
    frozen = shows_settled(read.amount, due, read.status, read.vis_state)
    status = status_of(read.status, read.amount, due, is_frozen=frozen)
    disputed = read.disputed or read.status == FB_STATUS_DISPUTED
    invoice = Invoice(
        id=read.id,
        terms=terms,
        terms_hash=content,
        fb_amount=read.amount,
        fb_outstanding=due,
        fb_currency=read.currency,
        fb_status=read.status,
        disputed=read.disputed,
        vis_state=read.vis_state,
        updated_at=read.updated_at,
        updated_is_ambiguous=read.updated_is_ambiguous,
        version=read.version,
        fingerprint=read.fingerprint,
        reading=reading,
        status=status,
        amount_due=due,
        not_payable=why_not_payable(read.vis_state, due, status, disputed=disputed),
        frozen_at=reading.finished_at if frozen else None,
        frozen_other=read.amount - due if frozen else None,
        fb_terms_hash=content,
    )
    return InvoiceDecision(
        invoice=invoice,
        applied=(),
        issues=standing_issues(read.id, invoice, ()) if due < ZERO else _NO_ISSUES,
        subjects=subjects_of(read.id, ()),
    )
