"""Applies decisions to invoices and writes in bulk only what they change."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import anyio.lowlevel
import msgspec

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.copy_text import Row, encode, stage, stream
from daemon.adapters.postgres.invoice_rows import INVOICE_COLUMNS, LINE_COLUMNS, invoice_row, line_rows
from daemon.adapters.postgres.issue_reconcile import reconcile_issues
from daemon.adapters.postgres.pool import Conn
from daemon.adapters.postgres.push_changes import change_pushes, open_pushes, wake_pushes
from daemon.adapters.postgres.reread_queue import queue_invoices
from daemon.core.exchange import InvoiceRead
from daemon.core.model import Applied, Invoice, InvoiceContext, InvoiceDecision, InvoiceId, Scope

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
    def invoice(self) -> Invoice | None:
        """The row to be stored: the last one that a decision gave, else what is stored already."""
        last = self.decisions[-1].invoice if self.decisions else None
        return last or self.now.invoice

    @property
    def is_plain(self) -> bool:
        """Whether a row is all there is to write: a first read of an invoice of which nothing was known."""
        (decision, *more) = self.decisions
        return not (
            more
            or self.before.invoice
            or self.before.links
            or decision.issues
            or decision.applied
            or decision.history
            or decision.reread
            or decision.opened
            or decision.changed
            or decision.woken
            or decision.related
        )

    def decide(self, read: InvoiceRead) -> InvoiceDecision:
        """Take a decision; a further one in the same batch starts from what the one before left."""
        if self.decisions:
            last = self.decisions[-1]
            self.now = replace(
                self.now,
                invoice=last.invoice or self.now.invoice,
                applied=self.now.applied if last.applied is None else last.applied,
            )
        decision = read.decide(self.now)
        self.decisions.append(decision)
        return decision

    @property
    def applied(self) -> tuple[Applied, ...]:
        """What is to be stored of a snapshot: as the last decision that took one saw it."""
        last = self.decisions[-1].applied
        return self.now.applied if last is None else last


async def merge_decisions(
    connection: Conn, scope: Scope, contexts: dict[InvoiceId, InvoiceContext], reads: Sequence[InvoiceRead]
) -> tuple[int, tuple[InvoiceDecision, ...]]:
    """Decide each read in turn and store the outcome; tell how many rows were written, and the decisions in order.

    The caller is the partner's only writer (`Source.writing`), so what was loaded still holds.
    """
    outcomes = {asked: _Outcome(before=context, now=context) for asked, context in contexts.items()}
    decisions: list[InvoiceDecision] = []
    if all(context.invoice is not None for context in contexts.values()):
        decisions = [decision async for decision in _decide(outcomes, reads)]
        new: list[Invoice] = []
    else:
        new = await _store_new(connection, scope, outcomes, reads, decisions)
    changed = await _store_changed(connection, scope, outcomes)
    notable = {asked: outcome for asked, outcome in outcomes.items() if not outcome.is_plain}
    if notable:
        await _write_applied(connection, scope, notable)
        await _write_consequences(connection, scope, notable)
    return len(new) + changed, tuple(decisions)


async def _decide(outcomes: dict[InvoiceId, _Outcome], reads: Sequence[InvoiceRead]) -> AsyncIterator[InvoiceDecision]:
    for index, read in enumerate(reads):
        yield outcomes[read.id].decide(read)
        if index % _SLICE == _SLICE - 1:
            await anyio.lowlevel.checkpoint()


async def _store_new(
    connection: Conn,
    scope: Scope,
    outcomes: dict[InvoiceId, _Outcome],
    reads: Sequence[InvoiceRead],
    decisions: list[InvoiceDecision],
) -> list[Invoice]:
    """Decide, and send rows that are new while the next ones are being decided; then their lines."""
    new: list[Invoice] = []
    last_read = {read.id: index for index, read in enumerate(reads)}

    async def rows() -> AsyncIterator[bytes]:
        block: list[Row] = []
        async for decision in _decide(outcomes, reads):
            index = len(decisions)
            decisions.append(decision)
            outcome = outcomes[reads[index].id]
            if last_read[reads[index].id] == index and outcome.before.invoice is None and outcome.invoice is not None:
                new.append(outcome.invoice)
                block.append(invoice_row(scope, outcome.invoice))
            if len(block) == _SLICE:
                yield encode(block)
                block.clear()
        yield encode(block)

    await stream(connection, "invoice", INVOICE_COLUMNS, rows())
    if any(invoice.terms.lines for invoice in new):
        await stream(connection, "line_item", LINE_COLUMNS, _lines(scope, new))
    return new


async def _lines(scope: Scope, invoices: Sequence[Invoice]) -> AsyncIterator[bytes]:
    for start in range(0, len(invoices), _SLICE):
        part = invoices[start : start + _SLICE]
        yield encode([row for invoice in part for row in line_rows(scope, invoice.id, invoice.terms.lines)])
        await anyio.lowlevel.checkpoint()


async def _store_changed(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> int:
    """Update known rows that differ, and replace the lines of those whose terms were taken from a read."""
    changed = [
        (outcome.before.invoice, outcome.invoice)
        for outcome in outcomes.values()
        if outcome.before.invoice is not None
        and outcome.invoice is not None
        and outcome.invoice != outcome.before.invoice
    ]
    if not changed:
        return 0
    await stage(connection, "invoice", INVOICE_COLUMNS, (invoice_row(scope, after) for _, after in changed))
    await connection.execute(_SQL["update"])
    relined = [after for before, after in changed if _has_new_lines(before, after)]
    if relined:
        ids = [invoice.id for invoice in relined]
        await connection.execute(_SQL["drop_lines"], scope.partner_id, scope.account_id, ids)
        await stream(connection, "line_item", LINE_COLUMNS, _lines(scope, relined))
    return len(changed)


def _has_new_lines(before: Invoice, after: Invoice) -> bool:
    """Tell whether the terms were taken from a read; stored terms come without lines, their hash stands for them."""
    return after.terms is not before.terms and after.terms_hash != before.terms_hash


async def _write_applied(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> None:
    changed = {
        asked: outcome.applied
        for asked, outcome in outcomes.items()
        if set(outcome.applied) != set(outcome.before.applied)
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
        [row.is_all_credit for _, row in rows],
    )


async def _write_consequences(connection: Conn, scope: Scope, outcomes: dict[InvoiceId, _Outcome]) -> None:
    every = [decision for outcome in outcomes.values() for decision in outcome.decisions]
    last = {asked: outcome.decisions[-1] for asked, outcome in outcomes.items()}
    await _add_history(connection, scope, outcomes)
    await change_pushes(connection, scope, [push for decision in every for push in decision.changed])
    await open_pushes(connection, scope, [push for decision in every for push in decision.opened])
    await wake_pushes(connection, scope, [payment_id for decision in every for payment_id in decision.woken])
    rereads = [asked for asked, decision in last.items() if decision.reread]
    await queue_invoices(connection, scope, rereads, "decide")
    await queue_invoices(connection, scope, sorted({other for made in every for other in made.related}), "related")
    subjects = {subject for decision in last.values() for subject in decision.subjects}
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
