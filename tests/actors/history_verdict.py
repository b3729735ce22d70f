"""What must be so when everything has come to rest: our tables are what the books and the cash say."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from daemon.core.issues import about_payment
from daemon.core.markers import markers_in
from daemon.core.model import HOLDS_MONEY, Choice, InvoiceId, IssueKind, Payment, PushState
from tests.actors.history_drawer import Drawer
from tests.actors.history_mirrors import differences
from tests.actors.history_stage import HistoryStage

RESTING = frozenset({PushState.DONE, PushState.CANCELLED, PushState.NEEDS_PERSON, PushState.WAITING})


def faults_of(stage: HistoryStage, drawer: Drawer) -> Iterator[str]:
    """List everything that is not as the books and the cash say."""

    def in_force(invoice: Any) -> Any:
        """Frozen terms are those that FreshBooks showed when it was settled (P5)."""
        frozen = drawer.frozen.get(InvoiceId(invoice.id))
        return frozen.invoice if frozen else invoice

    yield from drawer.wrong
    yield from _unrested(stage, drawer)
    yield from _dues(stage, drawer)
    yield from _twins(stage)
    yield from differences(stage, in_force)


def _unrested(stage: HistoryStage, drawer: Drawer) -> Iterator[str]:
    rows = stage.rows()
    yield from (f"still to be read: {reread}" for reread in rows.rereads.values())
    yield from (f"set aside: {bad}" for bad in rows.quarantine.values())
    for payment in rows.payments.values():
        push = stage.push(payment.id)
        if push.state not in RESTING:
            yield f"{payment.id} never came to rest: {push}"
        given_up = payment.status in HOLDS_MONEY and push.state is PushState.CANCELLED
        if given_up and not _is_asked(stage, drawer, payment):
            yield f"{payment.id} holds money and was given up: {push}"
    yield from (f"parked: {view.parked}" for view in stage.root.views() if view.parked)


def _is_asked(stage: HistoryStage, drawer: Drawer, payment: Payment) -> bool:
    """What was given up and is held after all waits for a person's choice, or has had it (W8)."""
    asked = (IssueKind.PUSH_STOPPED, about_payment(payment)) in stage.rows().issues
    return asked or drawer.choice(payment.id) in {Choice.REOPEN, Choice.REFUND_IN_AP}


def _dues(stage: HistoryStage, drawer: Drawer) -> Iterator[str]:
    for invoice_id, row in stage.rows().invoices.items():
        counted = drawer.due(invoice_id)
        if row.amount_due != counted:
            yield f"invoice {invoice_id}: {row.amount_due} due, the cash says {counted} (frozen: {row.frozen_at})"
        if not row.is_frozen and drawer.must_be_frozen(invoice_id):
            yield f"invoice {invoice_id} is settled and did not freeze"
        if row.is_frozen and drawer.must_be_thawed(invoice_id):
            yield f"invoice {invoice_id} is unpaid again and still frozen"


def _twins(stage: HistoryStage) -> Iterator[str]:
    marks = Counter(mark for row in stage.account().books.payments for mark in markers_in(row.note))
    yield from (f"{mark} stands {count} times" for mark, count in marks.items() if count > 1)
