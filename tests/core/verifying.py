"""What a verification has before it: a picture of FreshBooks, what we hold of it, and what is judged."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import InvoiceContext, Snapshot
from daemon.core.verify import DriftKind, HeldInvoice, Judgement, Rule
from tests.builders import NOW, make_reading

LATER = make_reading(NOW + timedelta(hours=1))


def look(snapshot: Snapshot) -> Snapshot:
    """The same picture, read an hour later."""
    return replace(snapshot, reading=LATER)


def held(snapshot: Snapshot, *links: Any, **changes: Any) -> HeldInvoice:
    """What we hold after this snapshot was decided; `changes` are what was done to the row since."""
    context = InvoiceContext(invoice=None, links=tuple(links))
    decision = decide_snapshot(snapshot, context)
    invoice = decision.invoice
    assert invoice is not None
    context = replace(context, invoice=replace(invoice, **changes), applied=decision.applied or ())
    issues = frozenset((issue.kind, issue.subject) for issue in decision.issues)
    return HeldInvoice(context=context, open_issues=issues)


def kinds(judgement: Judgement) -> list[DriftKind]:
    return [drift.kind for drift in judgement.drifts]


def rules(judgement: Judgement) -> list[Rule]:
    return [ruled.rule for ruled in judgement.ruled]
