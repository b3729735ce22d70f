"""What FreshBooks shows, as frozen values."""

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from daemon.core.model.ids import (
    CustomerId,
    FbPaymentId,
    InvoiceId,
    Reading,
    VisState,
)
from daemon.core.model.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One line of an invoice; its position in the invoice is its only stable key (FB API s3.3)."""

    name: str
    description: str
    quantity: Decimal
    unit_cost: Decimal
    amount: Decimal
    tax_name1: str = ""
    tax_percent1: Decimal = Decimal(0)
    tax_name2: str = ""
    tax_percent2: Decimal = Decimal(0)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class FbInvoice:
    """An invoice as FreshBooks shows it; every amount is in `currency`.

    `updated_is_ambiguous` marks a time in the repeated autumn hour of US/Eastern text (P9).
    `fingerprint` is a hash of the bytes FreshBooks sent: equal means unchanged, different means only "decide again".
    """

    id: InvoiceId
    customer_id: CustomerId
    number: str
    issued_on: date
    due_on: date | None
    currency: str
    amount: Decimal
    outstanding: Decimal
    status: int
    disputed: bool
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool
    version: str
    description: str
    lines: tuple[LineItem, ...]
    fingerprint: int = 0

    @property
    def is_draft(self) -> bool:
        """FreshBooks' status 1 (FB API s3.3)."""
        return self.status == FB_STATUS_DRAFT


FB_STATUS_DISPUTED = 0
FB_STATUS_DRAFT = 1


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class FbPayment:
    """A payment as FreshBooks shows it: `amount` is what is applied on `invoice_id` now (FB API s3.4)."""

    id: FbPaymentId
    invoice_id: InvoiceId
    customer_id: CustomerId
    amount: Decimal
    currency: str
    paid_on: date
    type: str
    note: str
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool = False
    from_credit: bool = False
    credit_id: int | None = None
    overpayment_id: int | None = None
    fingerprint: int = 0

    @property
    def is_live(self) -> bool:
        """Whether FreshBooks counts it on its invoice."""
        return self.vis_state is not VisState.DELETED


@dataclass(frozen=True, slots=True, kw_only=True)
class FbCustomer:
    """A FreshBooks client: the partner's customer."""

    id: CustomerId
    organization: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    city: str
    province: str
    postal_code: str
    country: str
    currency: str
    vis_state: VisState
    updated_at: datetime
    updated_is_ambiguous: bool = False
    fingerprint: int = 0

    @property
    def name(self) -> str:
        """What to call the customer: the organisation, else the person."""
        return self.organization or f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class FbCredit:
    """A credit note; FreshBooks gives it no `updated`, so credits are always listed in full (FB API s3.5)."""

    id: int
    customer_id: CustomerId
    number: str
    credit_type: str
    amount: Decimal
    currency: str
    issued_on: date
    description: str
    vis_state: VisState
    fingerprint: int = 0


Record = FbInvoice | FbPayment | FbCustomer | FbCredit


class Resource(enum.StrEnum):
    """The listings of FreshBooks that are pulled."""

    CUSTOMERS = "customers"
    INVOICES = "invoices"
    PAYMENTS = "payments"
    CREDITS = "credits"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAccount:
    """An account of the partner's books, offered in Set Up Accounts (C4). `legacy_id` is FreshBooks' `jesa_id`."""

    id: str
    name: str
    number: str
    type: str
    sub_type: str
    legacy_id: int | None
    parent_id: str | None
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One consistent picture: an invoice and all its payments, deleted ones included (P7)."""

    invoice: FbInvoice
    payments: tuple[FbPayment, ...]
    reading: Reading

    @property
    def is_consistent(self) -> bool:
        """Whether `amount - outstanding` equals what the live payments apply (P7), and no record is there twice.

        One that is deleted between the two listings is in both of them.
        """
        applied = sum((p.amount for p in self.live_payments), Decimal(0))
        if len({p.id for p in self.payments}) < len(self.payments):
            return False
        return self.invoice.amount - self.invoice.outstanding == applied

    @property
    def live_payments(self) -> tuple[FbPayment, ...]:
        """The payments that FreshBooks counts on this very invoice (P8: live means on this invoice)."""
        return tuple(p for p in self.payments if p.is_live and p.invoice_id == self.invoice.id)
