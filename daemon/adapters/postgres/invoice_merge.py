"""Applies decisions to invoices and writes in bulk only what they change."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio.lowlevel
import msgspec

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.copy_text import Row, as_json, copy
from daemon.adapters.postgres.invoice_rows import INVOICE_COLUMNS, LINE_COLUMNS, invoice_row, line_rows
from daemon.adapters.postgres.issue_reconcile import reconcile_issues
from daemon.adapters.postgres.pool import Conn
from daemon.adapters.postgres.push_changes import change_pushes, open_pushes, wake_pushes
from daemon.adapters.postgres.reread_queue import queue_invoices
from daemon.core.exchange import InvoiceRead
from daemon.core.model import Invoice, InvoiceContext, InvoiceDecision, InvoiceId, Scope

_SQL = queries.load("invoices")
_SLICE = 100
"""After so many decisions the event loop gets its turn."""


@dataclass(slots=True)
class _Outcome:
    """What one invoice had before, and what its decisions made of it."""

    before: InvoiceContext
    now: InvoiceContext
    decisions: list[InvoiceDecision] = field(default_factory=list)

    @property
    def is_first(self) -> bool:
        """Whether nothing was known of it, so that no issue can stand yet."""
        return self.before.invoice is None and not self.before.links

    def take(self, decision: InvoiceDecision) -> InvoiceDecision:
        """Add a decision; a further one in the same batch starts from what this one leaves."""
        self.decisions.append(decision)
        self.now = replace(
            self.now,
            invoice=decision.invoice or self.now.invoice,
            applied=self.now.applied if decision.applied is None else decision.applied,
        )
        return decision


async def merge_decisions(
    connection: Conn, scope: Scope, contexts: dict[InvoiceId, InvoiceContext], reads: Sequence[InvoiceRead]
) -> tuple[int, tuple[InvoiceDecision, ...]]:
    """Decide each read in turn and store the outcome; tell how many rows were written, and the decisions in order.

    The caller is the partner's only writer (`Source.writing`), so what was loaded still holds.
    """
    outcomes = {asked: _Outcome(before=context, now=context) for asked, context in contexts.items()}
    decisions: list[InvoiceDecision] = []
    for index, read in enumerate(reads):
        outcome = outcomes[read.id]
        decisions.append(outcome.take(read.decide(outcome.now)))
        if index % _SLICE == _SLICE - 1:
            await anyio.lowlevel.checkpoint()
    written = await _write_invoices(connection, scope, outcomes)
    await _write_applied(connection, scope, outcomes)
    await _write_consequences(connection, scope, outcomes)
    return written, tuple(decisions)


async def _write_invoices(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> int:
    new: list[Row] = []
    changed: list[Row] = []
    lines: list[Row] = []
    relined: list[InvoiceId] = []
    for asked, outcome in outcomes.items():
        before, after = outcome.before.invoice, outcome.now.invoice
        if after is None or after is before:
            continue
        if before is None:
            new.append(invoice_row(scope, after))
            lines += line_rows(scope, asked, after.terms.lines)
            continue
        row = invoice_row(scope, after)
        if row != invoice_row(scope, before):
            changed.append(row)
        if _has_new_lines(before, after):
            relined.append(asked)
            lines += line_rows(scope, asked, after.terms.lines)
    await copy(connection, "invoice", INVOICE_COLUMNS, new)
    if changed:
        await connection.execute(_SQL["update"], as_json(INVOICE_COLUMNS, changed))
    if relined:
        await connection.execute(_SQL["drop_lines"], scope.partner_id, scope.account_id, relined)
    await copy(connection, "line_item", LINE_COLUMNS, lines)
    return len(new) + len(changed)


def _has_new_lines(before: Invoice, after: Invoice) -> bool:
    """Tell whether the terms were taken from a read; stored terms come without lines, their hash stands for them."""
    return after.terms is not before.terms and after.terms_hash != before.terms_hash


async def _write_applied(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> None:
    changed = {
        asked: outcome.now.applied
        for asked, outcome in outcomes.items()
        if set(outcome.now.applied) != set(outcome.before.applied)
    }
    if not changed:
        return
    await connection.execute(_SQL["drop_applied"], scope.partner_id, scope.account_id, list(changed))
    rows = [(asked, row) for asked, applied in changed.items() for row in applied]
    await connection.execute(
        _SQL["add_applied"],
        scope.partner_id,
        scope.account_id,
        [asked for asked, _ in rows],
        [row.fb_payment_id for _, row in rows],
        [row.payment_id for _, row in rows],
        [row.amount for _, row in rows],
        [row.currency for _, row in rows],
    )


async def _write_consequences(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> None:
    every = [decision for outcome in outcomes.values() for decision in outcome.decisions]
    last = {asked: outcome.decisions[-1] for asked, outcome in outcomes.items() if outcome.decisions}
    await _add_history(connection, scope, outcomes)
    await change_pushes(connection, scope, [push for decision in every for push in decision.changed])
    await open_pushes(connection, scope, [push for decision in every for push in decision.opened])
    await wake_pushes(connection, scope, [payment_id for decision in every for payment_id in decision.woken])
    rereads = [asked for asked, decision in last.items() if decision.reread]
    await queue_invoices(connection, scope, rereads, "decide")
    await queue_invoices(connection, scope, sorted({other for made in every for other in made.related}), "related")
    known = [decision for asked, decision in last.items() if not outcomes[asked].is_first]
    subjects = {subject for decision in known for subject in decision.subjects}
    issues = {issue for decision in last.values() for issue in decision.issues}
    await reconcile_issues(connection, scope, subjects, issues)


async def _add_history(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> None:
    entries = [
        (asked, entry)
        for asked, outcome in outcomes.items()
        for decision in outcome.decisions
        for entry in decision.history
    ]
    if not entries:
        return
    await connection.execute(
        _SQL["add_history"],
        scope.partner_id,
        scope.account_id,
        [asked for asked, _ in entries],
        [entry.what for _, entry in entries],
        [entry.detail for _, entry in entries],
        [entry.ignored for _, entry in entries],
        [msgspec.json.encode(dict(entry.data)).decode() for _, entry in entries],
    )
