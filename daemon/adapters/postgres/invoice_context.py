"""Loads all that decisions about invoices need: rows, linked payments, and what the last snapshots showed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.invoice_rows import invoice_of
from daemon.adapters.postgres.pool import Conn
from daemon.adapters.postgres.push_rows import payment_of, push_of
from daemon.core.markers import marker, markers_in
from daemon.core.model import (
    Applied,
    AppliedElsewhere,
    FbPayment,
    FbPaymentId,
    InvoiceContext,
    InvoiceId,
    Link,
    PaymentId,
    Scope,
)

_SQL = queries.load("invoices")


async def load_contexts(
    connection: Conn, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment] = ()
) -> dict[InvoiceId, InvoiceContext]:
    """Load the context of each invoice; ids that we do not hold have no row in theirs.

    `shown` are the payments of a snapshot of the one invoice asked for: whoever's record they are is linked, too.
    """
    rows = await connection.fetch(_SQL["load"], scope.partner_id, scope.account_id, ids)
    linked = await _linked(connection, scope, ids, shown)
    invoices = {InvoiceId(row["invoice_id"]): invoice_of(row) for row in rows}
    if not linked:
        return {asked: InvoiceContext(invoice=invoices.get(asked)) for asked in ids}
    everyone = sorted({payment_id for payments in linked.values() for payment_id in payments})
    applied = await connection.fetch(_SQL["applied"], scope.partner_id, scope.account_id, ids, everyone)
    links = _Links(await load_links(connection, scope, everyone), applied)
    return {
        asked: InvoiceContext(
            invoice=invoices.get(asked), links=links.on(asked, linked[asked]), applied=links.applied(asked)
        )
        for asked in ids
    }


async def load_links(connection: Conn, scope: Scope, payment_ids: Sequence[PaymentId]) -> dict[PaymentId, Link]:
    """Load payments with every push made for them, oldest initiation first; `elsewhere` is left empty."""
    pushes = defaultdict(list)
    for row in await connection.fetch(_SQL["pushes"], scope.partner_id, payment_ids):
        pushes[row["subject"]].append(push_of(row))
    credits_ = {row[0] for row in await connection.fetch(_SQL["live_credits"], scope.partner_id, payment_ids)}
    payments = [payment_of(row) for row in await connection.fetch(_SQL["payments"], scope.partner_id, payment_ids)]
    return {
        payment.id: Link(payment=payment, pushes=tuple(pushes[payment.id]), credit_is_live=payment.id in credits_)
        for payment in payments
    }


async def _linked(
    connection: Conn, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment]
) -> defaultdict[InvoiceId, set[PaymentId]]:
    linked: defaultdict[InvoiceId, set[PaymentId]] = defaultdict(set)
    for row in await connection.fetch(_SQL["linked"], scope.partner_id, scope.account_id, ids):
        linked[row["invoice_id"]].add(row["payment_id"])
    if shown:
        marks = [marker(*found) for payment in shown for found in markers_in(payment.note)]
        records = [payment.id for payment in shown]
        found = await connection.fetch(_SQL["linked_by_record"], scope.partner_id, scope.account_id, records, marks)
        if found:
            linked[ids[0]].update(row["payment_id"] for row in found)
    return linked


class _Links:
    """The loaded links, by invoice; rows of sync.applied tell what stands here and what elsewhere."""

    def __init__(self, links: dict[PaymentId, Link], applied: Sequence[asyncpg.Record]) -> None:
        self._links = links
        self._rank = {payment_id: rank for rank, payment_id in enumerate(links)}
        self._on_invoice: defaultdict[InvoiceId, list[Applied]] = defaultdict(list)
        self._of_payment: defaultdict[PaymentId, list[AppliedElsewhere]] = defaultdict(list)
        for row in applied:
            self._on_invoice[row["invoice_id"]].append(_applied(row))
            if row["amount"] > 0:
                self._of_payment[row["payment_id"]].append(_elsewhere(row))

    def on(self, invoice_id: InvoiceId, payment_ids: Iterable[PaymentId]) -> tuple[Link, ...]:
        """Give an invoice's links, oldest initiation first."""
        known = sorted((found for found in payment_ids if found in self._links), key=self._rank.__getitem__)
        return tuple(
            replace(self._links[payment_id], elsewhere=self._not_on(invoice_id, payment_id)) for payment_id in known
        )

    def applied(self, invoice_id: InvoiceId) -> tuple[Applied, ...]:
        """Give what the last snapshot of an invoice showed."""
        return tuple(self._on_invoice.get(invoice_id, ()))

    def _not_on(self, invoice_id: InvoiceId, payment_id: PaymentId) -> tuple[AppliedElsewhere, ...]:
        return tuple(row for row in self._of_payment.get(payment_id, ()) if row.invoice_id != invoice_id)


def _applied(row: asyncpg.Record) -> Applied:
    return Applied(
        fb_payment_id=FbPaymentId(row["fb_payment_id"]),
        payment_id=PaymentId(row["payment_id"]),
        amount=row["amount"],
        currency=row["currency"],
    )


def _elsewhere(row: asyncpg.Record) -> AppliedElsewhere:
    return AppliedElsewhere(
        invoice_id=InvoiceId(row["invoice_id"]),
        fb_payment_id=FbPaymentId(row["fb_payment_id"]),
        amount=row["amount"],
        currency=row["currency"],
    )
