"""Decide or judge one snapshot of an invoice of 100, for tests that ask for one fact."""

from collections.abc import Sequence
from typing import Any

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import FbPayment, Invoice, InvoiceDecision, IssueKind, Link, Payment, PaymentStatus, Push, Reason
from daemon.core.payment_rules import GuardVerdict, Stop, guard
from daemon.core.policy import PushPolicy
from tests.builders import make_context, make_done, make_fb_invoice, make_link, make_payment, make_push, make_snapshot


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


def judge(
    payment: Payment | None = None,
    push: Push | None = None,
    seen: Sequence[FbPayment] = (),
    others: Sequence[Link] = (),
    **invoice: Any,
) -> GuardVerdict:
    """Judge a payment of 100 on an invoice of 100 unless told otherwise."""
    payment = payment or make_payment()
    push = push or make_push(payment.id)
    snapshot = make_snapshot(make_fb_invoice(**invoice), seen)
    links = (Link(payment=payment, pushes=(push,)), *others)
    return guard(payment, push, snapshot, links, PushPolicy())


def stopped(verdict: GuardVerdict) -> Reason | None:
    return verdict.reason if isinstance(verdict, Stop) else None


def failed_owner(status: PaymentStatus = PaymentStatus.FAILED) -> Link:
    return make_link(make_payment("pay_2", status=status), make_done("pay_2", 700))
