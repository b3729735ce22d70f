"""Invoices and customers as the API writes them; money is decimal text beside its currency."""

from datetime import date, datetime
from decimal import Decimal
from typing import Self

from pydantic import Field

from daemon.adapters.http.api.messages import Output
from daemon.adapters.http.api.shapes_issues import Issue
from daemon.adapters.http.api.shapes_payments import Payment
from daemon.core.desk import CustomerRow, InvoiceDetail, InvoiceRow
from daemon.core.model import LineItem, VisState

VISIBILITY = {VisState.ACTIVE: "active", VisState.DELETED: "deleted", VisState.ARCHIVED: "archived"}


class Invoice(Output):
    """An invoice as the platform sees it."""

    id: int = Field(description="FreshBooks' id; unique within the partner's account.")
    invoice_number: str
    customer_id: int
    customer_name: str
    issued_on: date
    due_date: date | None
    currency: str = Field(description="ISO 4217 code of every amount of the invoice.")
    total: Decimal
    amount_due: Decimal | None = Field(description="What is owed now; null while it is unknown; below 0 when overpaid.")
    amount_due_as_of: datetime = Field(description="The moment for which amount_due is known to be right.")
    status: str = Field(description="draft, outstanding, paid or archived.")
    payable: bool = Field(description="Whether the platform may charge it.")
    not_payable_reason: str | None = Field(description="draft, disputed, deleted, archived, unknown_due, nothing_due.")
    is_frozen: bool = Field(description="Paid: later edits in FreshBooks no longer change it.")
    is_disputed: bool
    in_freshbooks: str = Field(description="active, deleted or archived.")
    same_number_as_ap_invoice: str | None = Field(description="An invoice made on the platform with this number.")
    open_issues: int

    @classmethod
    def of(cls, row: InvoiceRow) -> Self:
        """Write a stored row."""
        return cls.model_validate(_invoice_fields(row))


class Line(Output):
    """One line of an invoice."""

    name: str
    description: str
    quantity: Decimal
    unit_cost: Decimal
    amount: Decimal

    @classmethod
    def of(cls, line: LineItem) -> Self:
        """Write a stored line."""
        return cls(
            name=line.name,
            description=line.description,
            quantity=line.quantity,
            unit_cost=line.unit_cost,
            amount=line.amount,
        )


class FreshBooksPayment(Output):
    """A payment as FreshBooks shows it on the invoice."""

    id: int
    amount: Decimal
    currency: str
    paid_on: date
    type: str
    in_freshbooks: str
    from_credit: bool
    payment_id: str | None = Field(description="The platform's payment that it records, if any.")


class HistoryEntry(Output):
    """What changed on the invoice, or what was ignored and why."""

    at: datetime
    what: str
    detail: str
    ignored: bool


class Owed(Output):
    """What a customer owes in one currency."""

    currency: str
    amount: Decimal


class Customer(Output):
    """A customer of the partner, as FreshBooks has them."""

    id: int
    name: str
    email: str
    phone: str
    city: str
    country: str
    currency: str
    in_freshbooks: str
    updated_at: datetime
    invoices: int
    owes: list[Owed]

    @classmethod
    def of(cls, row: CustomerRow) -> Self:
        """Write a stored row."""
        return cls(
            id=row.id,
            name=row.name,
            email=row.email,
            phone=row.phone,
            city=row.city,
            country=row.country,
            currency=row.currency,
            in_freshbooks=VISIBILITY[row.vis_state],
            updated_at=row.updated_at,
            invoices=row.invoices,
            owes=[Owed(currency=currency, amount=amount) for currency, amount in row.owes],
        )


class InvoiceInFull(Invoice):
    """One invoice with all that stands beside it."""

    memo: str
    freshbooks_amount: Decimal
    freshbooks_outstanding: Decimal
    freshbooks_currency: str
    line_items: list[Line]
    payments: list[Payment]
    freshbooks_payments: list[FreshBooksPayment]
    history: list[HistoryEntry]
    issues: list[Issue]

    @classmethod
    def in_full(cls, found: InvoiceDetail) -> Self:
        """Write a stored invoice with its lines, payments, history and issues."""
        beside = {
            "memo": found.description,
            "freshbooks_amount": found.fb_amount,
            "freshbooks_outstanding": found.fb_outstanding,
            "freshbooks_currency": found.fb_currency,
            "line_items": [Line.of(line) for line in found.lines],
            "payments": [Payment.of(payment, found.issues) for payment in found.payments],
            "freshbooks_payments": [
                FreshBooksPayment(
                    id=shown.id,
                    amount=shown.amount,
                    currency=shown.currency,
                    paid_on=shown.paid_on,
                    type=shown.type,
                    in_freshbooks=VISIBILITY[shown.vis_state],
                    from_credit=shown.from_credit,
                    payment_id=shown.payment_id,
                )
                for shown in found.fb_payments
            ],
            "history": [
                HistoryEntry(at=entry.at, what=entry.what, detail=entry.detail, ignored=entry.ignored)
                for entry in found.history
            ],
            "issues": [Issue.of(issue) for issue in found.issues],
        }
        return cls.model_validate(_invoice_fields(found.row) | beside)


def _invoice_fields(row: InvoiceRow) -> dict[str, object]:
    return {
        "id": row.id,
        "invoice_number": row.number,
        "customer_id": row.customer_id,
        "customer_name": row.customer_name,
        "issued_on": row.issued_on,
        "due_date": row.due_on,
        "currency": row.currency,
        "total": row.total,
        "amount_due": row.amount_due,
        "amount_due_as_of": row.amount_due_as_of,
        "status": "archived" if row.archived_at else row.status.value,
        "payable": row.payable,
        "not_payable_reason": row.not_payable,
        "is_frozen": row.frozen_at is not None,
        "is_disputed": row.disputed,
        "in_freshbooks": VISIBILITY[row.vis_state],
        "same_number_as_ap_invoice": row.same_number_as_ap_invoice,
        "open_issues": row.issues,
    }
