"""Decide one snapshot of an invoice of 100, for tests that ask for one fact."""

from collections.abc import Sequence
from typing import Any

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import FbPayment, Invoice, InvoiceDecision, IssueKind, Link
from tests.builders import make_context, make_fb_invoice, make_snapshot


def decide(
    links: Sequence[Link] = (), seen: Sequence[FbPayment] = (), row: Invoice | None = None, **invoice: Any
) -> InvoiceDecision:
    """Decide a snapshot with these platform payments and these FreshBooks payments."""
    return decide_snapshot(make_snapshot(make_fb_invoice(**invoice), seen), make_context(row, links))


def due(*args: Any, **kwargs: Any) -> object:
    """Tell the amount due that a snapshot leads to."""
    decided = decide(*args, **kwargs).invoice
    assert decided is not None
    return decided.amount_due


def kinds(decision: InvoiceDecision) -> set[IssueKind]:
    return {issue.kind for issue in decision.issues}
