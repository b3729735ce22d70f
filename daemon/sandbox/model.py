"""The records of a set of books; all are immutable, an edit is a new record in the old one's place."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

ACTIVE, DELETED, ARCHIVED = 0, 1, 2
DISPUTED, DRAFT, SENT, VIEWED, PAID = 0, 1, 2, 3, 4


class Client(Struct, frozen=True, kw_only=True, gc=False):
    """A client (FB API s3.2); `texts` holds every writable key that carries no rule."""

    id: int
    organization: str
    fname: str
    lname: str
    email: str
    currency: str
    texts: dict[str, Any]
    contacts: tuple[dict[str, Any], ...] = ()
    uuid: str
    username: str
    created_at: datetime
    updated: datetime
    vis_state: int = ACTIVE


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """One line of an invoice or credit note (FB API s3.3); `date` is set on re-billed expenses only."""

    lineid: int
    name: str
    description: str
    qty: Decimal
    unit_cost: Decimal
    tax_name1: str | None = None
    tax_percent1: Decimal | None = None
    tax_name2: str | None = None
    tax_percent2: Decimal | None = None
    compounded_tax: bool = False
    type: int = 0


class Invoice(Struct, frozen=True, kw_only=True, gc=False):
    """An invoice (FB API s3.3). `status` is what a person set (0-3); paid, partial and overdue are computed.

    `client_texts` is the snapshot of the client's name and address, `texts` what a write set beyond that.
    """

    id: int
    number: str
    client_id: int
    create_date: date
    due_offset_days: int
    currency: str
    lines: tuple[Line, ...]
    discount_percent: Decimal
    amount: Decimal
    discount_total: Decimal
    paid: Decimal
    status: int
    display_status: str
    client_texts: dict[str, Any]
    texts: dict[str, Any]
    date_paid: date | None = None
    fulfillment_date: date | None = None
    uuid: str
    created_at: datetime
    updated: datetime
    vis_state: int = ACTIVE

    @property
    def outstanding(self) -> Decimal:
        """What is still owed; below zero when an edit took the total under what was paid."""
        return self.amount - self.paid

    @property
    def due_date(self) -> date:
        """The issue date plus the net terms (FB API s3.3: read-only on the wire)."""
        return date.fromordinal(self.create_date.toordinal() + self.due_offset_days)


class Payment(Struct, frozen=True, kw_only=True, gc=False):
    """A payment applied on one invoice (FB API s3.4); money from a credit note has `credit_id`."""

    id: int
    invoice_id: int
    client_id: int
    amount: Decimal
    currency: str
    date: date
    type: str
    note: str = ""
    credit_id: int | None = None
    overpayment_id: int | None = None
    gateway: str | None = None
    order_id: Any = None
    transaction_id: Any = None
    send_client_notification: bool | None = None
    uuid: str | None = None
    updated: datetime
    vis_state: int = ACTIVE


class CreditNote(Struct, frozen=True, kw_only=True, gc=False):
    """A client's credit (FB API s3.5); what is left of it is `amount` less the live payments that used it."""

    id: int
    number: str
    client_id: int
    credit_type: str
    amount: Decimal
    currency: str
    create_date: date
    lines: tuple[Line, ...]
    client_texts: dict[str, Any]
    texts: dict[str, Any]
    source_payment_id: int | None = None
    vis_state: int = ACTIVE


class LedgerAccount(Struct, frozen=True, kw_only=True, gc=False):
    """An account of the chart (FB API s3.8); `legacy_id` is its `jea_id` at the top and its `jesa_id` below."""

    uuid: str
    legacy_id: int
    name: str
    number: str
    type: str
    sub_type: str
    description: str = ""
    system_name: str | None = None
    parent_uuid: str | None = None
    auto_created: bool = True
    state: str = "active"
    created_at: datetime
    updated: datetime


class Posting(Struct, frozen=True, kw_only=True, gc=False):
    """One side of a journal entry: `amount` above zero is a debit, below zero a credit."""

    account: str
    amount: Decimal
    currency: str
    detail_type: str
    description: str = ""


class JournalEntry(Struct, frozen=True, kw_only=True, gc=False):
    """A balanced set of postings that a person entered (FB API s3.9); the journal gives it its numbers."""

    name: str
    description: str
    day: date
    currency: str
    postings: tuple[Posting, ...]
    number: str = ""
    created_at: datetime


class OtherIncome(Struct, frozen=True, kw_only=True, gc=False):
    """Income that belongs to no invoice (FB API s3.6)."""

    id: int
    amount: Decimal
    currency: str
    category_name: str
    date: date
    source: str
    note: str = ""
    payment_type: str | None = None
    taxes: tuple[dict[str, str], ...] = ()
    created_at: datetime
    updated: datetime
    vis_state: int = ACTIVE


class Callback(Struct, frozen=True, kw_only=True, gc=False):
    """A webhook registration (FB API s6); deliveries are signed with its own `verifier`."""

    id: int
    event: str
    uri: str
    verifier: str
    verified: bool = False
    identity_id: int = 0
    updated: datetime
