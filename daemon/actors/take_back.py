"""Deletes in FreshBooks what failed on the platform, when the partner wants that, and only what is as we made it (O3).

A deletion may be sent twice without harm, so it needs no protocol: whatever is cut off is found by the next reading.
"""

from collections.abc import Iterable
from functools import partial

from daemon.actors.limiter import Line
from daemon.actors.ports import Accounting
from daemon.actors.store_ports import TakeBackStore
from daemon.core.model import FbPayment, FbPaymentId, InvoiceDecision, IssueKind, PaymentId, Scope
from daemon.core.rate_limit import Priority
from daemon.core.take_back import is_unchanged


async def take_back(store: TakeBackStore, line: Line, scope: Scope, decision: InvoiceDecision) -> bool:
    """Delete the records of failed payments that a decision asks a person to revert; tell whether any was."""
    deleted = False
    for payment_id in _to_be_reverted(decision):
        standing = await store.to_take_back(scope, payment_id)
        if standing is None:
            continue
        record = await line(Priority.CHANGES, partial(_read, standing.fb_payment_id))
        if is_unchanged(record, standing):
            await line(Priority.CHANGES, partial(_delete, standing.fb_payment_id))
            await store.taken_back(scope, standing, record)
            deleted = True
    return deleted


def _to_be_reverted(decision: InvoiceDecision) -> Iterable[PaymentId]:
    reverts = [issue.subject[1] for issue in decision.issues if issue.kind is IssueKind.REVERT_FAILED_PAYMENT]
    return map(PaymentId, sorted(reverts))


async def _read(payment_id: FbPaymentId, account: Accounting) -> FbPayment:
    return await account.payment(payment_id)


async def _delete(payment_id: FbPaymentId, account: Accounting) -> None:
    await account.delete_payment(payment_id)
