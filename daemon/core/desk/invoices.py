"""Invoices and customers as the pages show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from daemon.core.desk.log import IssueRow
from daemon.core.desk.paging import DESK_PAGE_ROWS
from daemon.core.desk.payments import PaymentRow
from daemon.core.model import (
    CustomerId,
    FbPaymentId,
    InvoiceId,
    InvoiceStatus,
    LineItem,
    NotPayable,
    PaymentId,
    VisState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceQuery:
    """Which invoices to list, newest issue date first.

    `status` is one of InvoiceStatus or "archived"; `flag` one of "deleted", "archived_in_freshbooks", "payable",
    "not_payable", "overpaid", "overdue", "issue"; `search` finds numbers that begin or end so, and customers whose
    name holds it.
    """

    search: str = ""
    status: str = ""
    flag: str = ""
    customer_id: CustomerId | None = None
    today: date | None = None
    after: str | None = None
    limit: int = DESK_PAGE_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRow:
    """One invoice as the platform sees it (P2-P7, P12, P13); an `amount_due` of None means unknown."""

    id: InvoiceId
    number: str
    customer_id: CustomerId
    customer_name: str
    issued_on: date
    due_on: date | None
    currency: str
    total: Decimal
    amount_due: Decimal | None
    overpaid_by: Decimal
    status: InvoiceStatus
    archived_at: datetime | None
    not_payable: NotPayable | None
    amount_due_as_of: datetime
    frozen_at: datetime | None
    vis_state: VisState
    disputed: bool
    same_number_as_ap_invoice: str | None
    issues: int

    @property
    def payable(self) -> bool:
        """Whether the platform may charge it (P12)."""
        return self.not_payable is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FbPaymentRow:
    """A payment as FreshBooks shows it; `payment_id` names the platform payment that it records, if any."""

    id: FbPaymentId
    invoice_id: InvoiceId
    amount: Decimal
    currency: str
    paid_on: date
    type: str
    note: str
    vis_state: VisState
    from_credit: bool
    payment_id: PaymentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One line of an invoice's history (P5)."""

    entry_id: int
    at: datetime
    what: str
    detail: str
    ignored: bool
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDetail:
    """One invoice with all that stands beside it."""

    row: InvoiceRow
    description: str
    fb_amount: Decimal
    fb_outstanding: Decimal
    fb_currency: str
    lines: tuple[LineItem, ...]
    payments: tuple[PaymentRow, ...]
    fb_payments: tuple[FbPaymentRow, ...]
    history: tuple[HistoryRow, ...]
    issues: tuple[IssueRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A customer with what they owe, per currency of their outstanding invoices."""

    id: CustomerId
    name: str
    email: str
    phone: str
    city: str
    country: str
    currency: str
    vis_state: VisState
    updated_at: datetime
    invoices: int
    owes: tuple[tuple[str, Decimal], ...]
