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
    Invoice,
    InvoiceContext,
    InvoiceId,
    Link,
    PaymentId,
    Push,
    Scope,
)

_SQL = queries.load("invoices")
_TAKE_BACK = queries.load("take_back")


async def load_contexts(
    connection: Conn, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment] = ()
) -> dict[InvoiceId, InvoiceContext]:
    """Load the context of each invoice; ids that we do not hold have no row in theirs.

    `shown` are the payments of a snapshot of the one invoice asked for: whoever's record they are is linked, too.
    """
    rows = await connection.fetch(_SQL["load"], scope.partner_id, scope.account_id, ids)
    invoices = {InvoiceId(row["invoice_id"]): invoice_of(row) for row in rows}
    takes = await _takes_deletions(connection, scope, invoices.values())
    links = await _load(connection, scope, ids, shown)
    return {
        asked: InvoiceContext(
            invoice=invoices.get(asked),
            links=links.on(asked),
            applied=links.applied(asked),
            takes_deletions=takes,
        )
        for asked in ids
    }


async def load_links(connection: Conn, scope: Scope, invoice_id: InvoiceId) -> tuple[Link, ...]:
    """Load the platform's payments on one invoice with their pushes, oldest initiation first."""
    return (await _load(connection, scope, [invoice_id], ())).on(invoice_id)


async def _load(connection: Conn, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment]) -> "_Links":
    marks = [marker(*found) for payment in shown for found in markers_in(payment.note)]
    records = [payment.id for payment in shown]
    links = _Links(await connection.fetch(_SQL["links"], scope.partner_id, scope.account_id, ids, records, marks))
    await links.load_rest(connection, scope, ids)
    return links


async def _takes_deletions(connection: Conn, scope: Scope, invoices: Iterable[Invoice]) -> bool:
    """Tell whether deletions in FreshBooks reopen invoices (O3); asked only where one is frozen."""
    if not any(invoice.is_frozen for invoice in invoices):
        return False
    return bool(await connection.fetchval(_TAKE_BACK["takes_deletions"], scope.partner_id, scope.account_id))


class _Links:
    """The linked payments with their pushes, and what the last snapshots showed of them: here, and elsewhere."""

    def __init__(self, rows: Sequence[asyncpg.Record]) -> None:
        self._links: dict[PaymentId, Link] = {}
        self._named: defaultdict[InvoiceId, dict[PaymentId, None]] = defaultdict(dict)
        self._applied: defaultdict[InvoiceId, list[Applied]] = defaultdict(list)
        self._standing: defaultdict[PaymentId, list[AppliedElsewhere]] = defaultdict(list)
        pushes: defaultdict[PaymentId, dict[int, Push]] = defaultdict(dict)
        self._is_applied = any(row["is_applied"] for row in rows)
        for row in rows:
            payment_id = PaymentId(row["payment_id"])
            self._named[row["on_invoice"]][payment_id] = None
            if row["subject"] is not None:
                pushes[payment_id][row["generation"]] = push_of(row)
            self._links[payment_id] = Link(payment=payment_of(row), pushes=tuple(pushes[payment_id].values()))

    async def load_rest(self, connection: Conn, scope: Scope, ids: Sequence[InvoiceId]) -> None:
        """Load what stands applied, and which credits of split payments are still live."""
        if self._is_applied:
            rows = await connection.fetch(_SQL["applied"], scope.partner_id, scope.account_id, ids, list(self._links))
            for row in rows:
                self._applied[row["invoice_id"]].append(_applied(row))
                if row["amount"] > 0:
                    self._standing[row["payment_id"]].append(_elsewhere(row))
        split = [payment_id for payment_id, link in self._links.items() if _is_split(link)]
        if split:
            for row in await connection.fetch(_SQL["live_credits"], scope.partner_id, split):
                self._links[row[0]] = replace(self._links[row[0]], credit_is_live=True)

    def on(self, invoice_id: InvoiceId) -> tuple[Link, ...]:
        """Give an invoice's links, oldest initiation first."""
        return tuple(
            replace(self._links[payment_id], elsewhere=self._not_on(invoice_id, payment_id))
            for payment_id in self._named.get(invoice_id, ())
        )

    def applied(self, invoice_id: InvoiceId) -> tuple[Applied, ...]:
        """Give what the last snapshot of an invoice showed."""
        return tuple(self._applied.get(invoice_id, ()))

    def _not_on(self, invoice_id: InvoiceId, payment_id: PaymentId) -> tuple[AppliedElsewhere, ...]:
        return tuple(row for row in self._standing.get(payment_id, ()) if row.invoice_id != invoice_id)


def _is_split(link: Link) -> bool:
    """Tell whether FreshBooks applied less than was sent, and made a credit of the rest (FB API s3.4)."""
    return any(push.recorded_amount is not None and push.recorded_amount < link.payment.amount for push in link.pushes)


def _applied(row: asyncpg.Record) -> Applied:
    return Applied(
        fb_payment_id=FbPaymentId(row["fb_payment_id"]),
        payment_id=PaymentId(row["payment_id"]),
        amount=row["amount"],
        currency=row["currency"],
        is_all_credit=row["is_all_credit"],
    )


def _elsewhere(row: asyncpg.Record) -> AppliedElsewhere:
    return AppliedElsewhere(
        invoice_id=InvoiceId(row["invoice_id"]),
        fb_payment_id=FbPaymentId(row["fb_payment_id"]),
        amount=row["amount"],
        currency=row["currency"],
    )
