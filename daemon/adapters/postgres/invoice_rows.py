"""Turns the core's invoices and lines into rows, and rows back into invoices."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from daemon.adapters.postgres.copy_text import Row, boolean, moment, optional, text
from daemon.core.model import (
    CustomerId,
    Invoice,
    InvoiceId,
    InvoiceStatus,
    LineItem,
    NotPayable,
    Reading,
    Scope,
    Terms,
    VisState,
)

INVOICE_COLUMNS: Final = (
    "partner_id",
    "account_id",
    "invoice_id",
    "customer_id",
    "number",
    "issued_on",
    "due_on",
    "currency",
    "total",
    "description",
    "terms_hash",
    "fb_amount",
    "fb_outstanding",
    "fb_currency",
    "fb_status",
    "disputed",
    "vis_state",
    "fb_updated_at",
    "updated_is_ambiguous",
    "version",
    "fingerprint",
    "status",
    "amount_due",
    "not_payable",
    "frozen_at",
    "frozen_other",
    "fb_terms_hash",
    "read_began_at",
    "read_finished_at",
)
LINE_COLUMNS: Final = (
    "partner_id",
    "account_id",
    "invoice_id",
    "position",
    "name",
    "description",
    "quantity",
    "unit_cost",
    "amount",
    "tax_name1",
    "tax_percent1",
    "tax_name2",
    "tax_percent2",
)


def invoice_row(scope: Scope, invoice: Invoice) -> Row:
    """Write an invoice in the order of INVOICE_COLUMNS, every column as text."""
    terms = invoice.terms
    return (
        text(scope.partner_id),
        text(scope.account_id),
        str(invoice.id),
        str(terms.customer_id),
        text(terms.number),
        terms.issued_on.isoformat(),
        optional(terms.due_on),
        text(terms.currency),
        str(terms.total),
        text(terms.description),
        str(invoice.terms_hash),
        str(invoice.fb_amount),
        str(invoice.fb_outstanding),
        text(invoice.fb_currency),
        str(invoice.fb_status),
        boolean(invoice.disputed),
        str(int(invoice.vis_state)),
        invoice.updated_at.isoformat(),
        boolean(invoice.updated_is_ambiguous),
        text(invoice.version),
        str(invoice.fingerprint),
        str(invoice.status),
        optional(invoice.amount_due),
        optional(invoice.not_payable),
        optional(invoice.frozen_at),
        optional(invoice.frozen_other),
        str(invoice.fb_terms_hash),
        moment(invoice.reading.began_at),
        moment(invoice.reading.finished_at),
    )


def line_rows(scope: Scope, invoice_id: InvoiceId, lines: Sequence[LineItem]) -> list[Row]:
    """Write the lines of an invoice in the order of LINE_COLUMNS; positions count from 0."""
    partner_id, account_id, invoice = text(scope.partner_id), text(scope.account_id), str(invoice_id)
    return [
        (
            partner_id,
            account_id,
            invoice,
            str(position),
            text(line.name),
            text(line.description),
            str(line.quantity),
            str(line.unit_cost),
            str(line.amount),
            text(line.tax_name1),
            str(line.tax_percent1),
            text(line.tax_name2),
            str(line.tax_percent2),
        )
        for position, line in enumerate(lines)
    ]


def invoice_of(row: asyncpg.Record) -> Invoice:
    """Read an invoice; its lines are not loaded, `terms_hash` stands for them."""
    return Invoice(
        id=InvoiceId(row["invoice_id"]),
        terms=Terms(
            customer_id=CustomerId(row["customer_id"]),
            number=row["number"],
            issued_on=row["issued_on"],
            due_on=row["due_on"],
            currency=row["currency"],
            total=row["total"],
            description=row["description"],
            lines=(),
        ),
        terms_hash=row["terms_hash"],
        fb_amount=row["fb_amount"],
        fb_outstanding=row["fb_outstanding"],
        fb_currency=row["fb_currency"],
        fb_status=row["fb_status"],
        disputed=row["disputed"],
        vis_state=VisState(row["vis_state"]),
        updated_at=row["fb_updated_at"],
        updated_is_ambiguous=row["updated_is_ambiguous"],
        version=row["version"],
        fingerprint=row["fingerprint"],
        reading=Reading(began_at=row["read_began_at"], finished_at=row["read_finished_at"]),
        status=InvoiceStatus(row["status"]),
        amount_due=row["amount_due"],
        not_payable=NotPayable(row["not_payable"]) if row["not_payable"] else None,
        frozen_at=row["frozen_at"],
        frozen_other=row["frozen_other"],
        fb_terms_hash=row["fb_terms_hash"],
    )


def line_of(row: asyncpg.Record) -> LineItem:
    """Read one line."""
    return LineItem(
        name=row["name"],
        description=row["description"],
        quantity=row["quantity"],
        unit_cost=row["unit_cost"],
        amount=row["amount"],
        tax_name1=row["tax_name1"],
        tax_percent1=row["tax_percent1"],
        tax_name2=row["tax_name2"],
        tax_percent2=row["tax_percent2"],
    )
