"""Stores customers, FreshBooks payments and credit notes: the newer read wins (P9), and equal rows cost no write."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.copy_text import Row, copy, stage
from daemon.adapters.postgres.issue_reconcile import close_issues
from daemon.adapters.postgres.pool import Conn
from daemon.adapters.postgres.record_rows import (
    CREDIT_COLUMNS,
    CUSTOMER_COLUMNS,
    PAYMENT_COLUMNS,
    credit_row,
    customer_row,
    payment_row,
)
from daemon.adapters.postgres.reread_queue import queue, queue_invoices
from daemon.core.exchange import Reread
from daemon.core.model import (
    FbCredit,
    FbCustomer,
    FbPayment,
    InvoiceId,
    IssueKind,
    Reading,
    Resource,
    Scope,
)
from daemon.core.stale_guard import Freshness, ReadMark, freshness, mark_of

_SQL = queries.load("records")
_INVOICES_SQL = queries.load("invoices")
RecordT = TypeVar("RecordT", FbCustomer, FbPayment, FbCredit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table(Generic[RecordT]):
    """Where one resource is stored, and how one of its records becomes a row."""

    resource: Resource
    name: str
    columns: tuple[str, ...]
    row: Callable[[Scope, RecordT, Reading], Row]
    verdict: Callable[[RecordT, Reading, asyncpg.Record], Freshness]


@dataclass(slots=True)
class _Sorted(Generic[RecordT]):
    """The records of a batch by what is to be done with them, and the stored rows of those that are known."""

    new: list[RecordT] = field(default_factory=list)
    changed: list[RecordT] = field(default_factory=list)
    ties: list[RecordT] = field(default_factory=list)
    stored: dict[int, asyncpg.Record] = field(default_factory=dict)


async def merge_customers(connection: Conn, scope: Scope, customers: Sequence[FbCustomer], reading: Reading) -> int:
    """Store customers that are newer than ours and tell how many rows were written; ties are read again."""
    batch = await _merge(connection, scope, _CUSTOMERS, customers, reading)
    return len(batch.new) + len(batch.changed)


async def merge_credits(connection: Conn, scope: Scope, notes: Sequence[FbCredit], reading: Reading) -> int:
    """Store credit notes and tell how many rows were written.

    What may have made them is decided anew (W2), and what they paid is read again: FreshBooks dates no change of a
    credit note, and may date none of what it paid.
    """
    batch = await _merge(connection, scope, _CREDITS, notes, reading)
    written = [*batch.new, *batch.changed]
    customers = sorted({credit.customer_id for credit in written if credit.credit_type == "overpayment"})
    if customers:
        rows = await connection.fetch(_SQL["invoices_of_credits"], scope.partner_id, scope.account_id, customers)
        await queue_invoices(connection, scope, [row[0] for row in rows], "platform")
    if batch.changed:
        ids = [credit.id for credit in batch.changed]
        rows = await connection.fetch(_SQL["invoices_paid_from"], scope.partner_id, scope.account_id, ids)
        await queue_invoices(connection, scope, [row[0] for row in rows], "a credit note changed")
    return len(written)


async def merge_payments(
    connection: Conn, scope: Scope, payments: Sequence[FbPayment], reading: Reading
) -> tuple[int, tuple[InvoiceId, ...]]:
    """Store payments that are newer than ours; tell how many rows were written, and which held invoices they touch.

    A payment that moved touches the invoice it left, too. Nothing is queued here but ties.
    """
    batch = await _merge(connection, scope, _PAYMENTS, payments, reading)
    touched = {payment.invoice_id for payment in (*batch.new, *batch.changed)}
    touched |= {InvoiceId(batch.stored[payment.id]["invoice_id"]) for payment in batch.changed}
    held: tuple[InvoiceId, ...] = ()
    if touched:
        rows = await connection.fetch(_SQL["invoices_held"], scope.partner_id, scope.account_id, sorted(touched))
        held = tuple(InvoiceId(row[0]) for row in rows)
    return len(batch.new) + len(batch.changed), held


async def clear_quarantine(connection: Conn, scope: Scope, resource: Resource, ids: Collection[int]) -> None:
    """Forget that these records could not be read, and close their issues: a good read is here (P10)."""
    rows = await connection.fetch(
        _INVOICES_SQL["clear_quarantine"], scope.partner_id, scope.account_id, resource.value, list(ids)
    )
    if rows:
        subjects = [str(row["id"]) for row in rows]
        await close_issues(connection, scope, IssueKind.QUARANTINED, resource.value, subjects)


async def _merge(
    connection: Conn, scope: Scope, table: _Table[RecordT], records: Sequence[RecordT], reading: Reading
) -> _Sorted[RecordT]:
    unique = {int(record.id): record for record in records}
    found = await connection.fetch(
        _SQL[f"marks_{table.resource.value}"], scope.partner_id, scope.account_id, list(unique)
    )
    batch: _Sorted[RecordT] = _Sorted(stored={row["id"]: row for row in found})
    for record_id, record in unique.items():
        _sort_in(batch, record, batch.stored.get(record_id), reading, table)
    if batch.new:
        rows = (table.row(scope, record, reading) for record in batch.new)
        await copy(connection, table.name, table.columns, rows)
    if batch.changed:
        rows = (table.row(scope, record, reading) for record in batch.changed)
        await stage(connection, table.name, table.columns, rows)
        await connection.execute(_SQL[f"update_{table.resource.value}"])
    if batch.ties:
        ties = [_again(table.resource, record.id, reading) for record in batch.ties]
        await queue(connection, scope, ties)
    await clear_quarantine(connection, scope, table.resource, unique)
    return batch


def _sort_in(
    batch: _Sorted[RecordT],
    record: RecordT,
    stored: asyncpg.Record | None,
    reading: Reading,
    table: _Table[RecordT],
) -> None:
    if stored is None:
        batch.new.append(record)
    elif stored["fingerprint"] != record.fingerprint:
        verdict = table.verdict(record, reading, stored)
        if verdict is Freshness.NEWER:
            batch.changed.append(record)
        elif verdict is Freshness.TIE:
            batch.ties.append(record)


def _again(resource: Resource, record_id: int, reading: Reading) -> Reread:
    return Reread(resource=resource, id=record_id, reason="tie", due_at=reading.finished_at)


def _dated(record: FbCustomer | FbPayment, reading: Reading, stored: asyncpg.Record) -> Freshness:
    mark = ReadMark(
        updated_at=stored["fb_updated_at"],
        updated_is_ambiguous=stored["updated_is_ambiguous"],
        reading=_reading_of(stored),
    )
    return freshness(mark, mark_of(record, reading))


def _undated(record: FbCredit, reading: Reading, stored: asyncpg.Record) -> Freshness:  # noqa: ARG001 -- FB dates none
    """Credit notes have no `updated`: whichever read finished later is the newer."""
    return Freshness.NEWER if reading.finished_at > _reading_of(stored).finished_at else Freshness.OLDER


def _reading_of(stored: asyncpg.Record) -> Reading:
    return Reading(began_at=stored["read_began_at"], finished_at=stored["read_finished_at"])


_CUSTOMERS: Final[_Table[FbCustomer]] = _Table(
    resource=Resource.CUSTOMERS, name="customer", columns=CUSTOMER_COLUMNS, row=customer_row, verdict=_dated
)
_PAYMENTS: Final[_Table[FbPayment]] = _Table(
    resource=Resource.PAYMENTS, name="fb_payment", columns=PAYMENT_COLUMNS, row=payment_row, verdict=_dated
)
_CREDITS: Final[_Table[FbCredit]] = _Table(
    resource=Resource.CREDITS, name="credit", columns=CREDIT_COLUMNS, row=credit_row, verdict=_undated
)
