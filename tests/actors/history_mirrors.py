"""Whether every record in FreshBooks stands in our rows as it is there, and nothing else does."""

from collections.abc import Callable, Iterator
from typing import Any

from daemon.sandbox.totals import line_amount
from tests.actors.history_stage import HistoryStage


def differences(stage: HistoryStage, in_force: Callable[[Any], Any] = lambda row: row) -> Iterator[str]:
    """List what differs; `in_force` gives the invoice whose terms ours should show, which freezing fixes (P5)."""
    rows, books = stage.rows(), stage.account().books
    yield from _compared(
        "customer",
        {key: (row.organization, row.email, row.vis_state) for key, (row, _) in rows.customers.items()},
        {row.id: (row.organization, row.email, row.vis_state) for row in books.clients},
    )
    yield from _compared(
        "payment",
        {key: (row.amount, row.invoice_id, row.vis_state, row.note) for key, (row, _) in rows.fb_payments.items()},
        {row.id: (row.amount, row.invoice_id, row.vis_state, row.note) for row in books.payments},
    )
    yield from _compared(
        "credit",
        {key: (row.amount, row.vis_state) for key, row in rows.credits.items()},
        {row.id: (row.amount, row.vis_state) for row in books.credits},
    )
    yield from _compared(
        "invoice",
        {key: (row.fb_amount, row.fb_outstanding, row.vis_state) for key, row in rows.invoices.items()},
        {row.id: (row.amount, row.outstanding, row.vis_state) for row in books.invoices},
    )
    yield from _compared(
        "terms of invoice",
        {key: _our_terms(row.terms) for key, row in rows.invoices.items()},
        {row.id: _their_terms(in_force(row)) for row in books.invoices},
    )


def _our_terms(terms: Any) -> tuple[object, ...]:
    lines = tuple((line.name, line.amount) for line in terms.lines)
    return terms.customer_id, terms.number, terms.issued_on, terms.due_on, terms.total, lines


def _their_terms(row: Any) -> tuple[object, ...]:
    lines = tuple((line.name, line_amount(line)) for line in row.lines)
    return row.client_id, row.number, row.create_date, row.due_date, row.amount, lines


def _compared(what: str, ours: dict[Any, Any], theirs: dict[Any, Any]) -> Iterator[str]:
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            yield f"{what} {key}: we have {ours.get(key)}, FreshBooks {theirs.get(key)}"
