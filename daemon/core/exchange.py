"""The values that cross the edges: what the adapters hand to the actors and take from them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from daemon.core.book_accounts import BookAccounts
from daemon.core.deposit_rules import Payout
from daemon.core.journal import EntryPush
from daemon.core.model import (
    CustomerId,
    InvoiceContext,
    InvoiceDecision,
    InvoiceId,
    Payment,
    Push,
    Reading,
    Resource,
    Scope,
)
from daemon.core.model.quick import quick
from daemon.core.move_rules import Move

DecideInvoice = Callable[[InvoiceContext], InvoiceDecision]
"""A pure decision about one invoice, applied inside the transaction that loaded its context."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RawItem:
    """One record of a page before it is decoded: FreshBooks' id, and a fingerprint of what is read of it.

    `read` is the adapter's own, from which `decode` goes on; `raw` gives the bytes that FreshBooks sent.
    """

    id: int
    fingerprint: int
    read: object
    raw: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing. `pages` is 0 for an empty listing. Items are raw: unchanged ones are never decoded."""

    resource: Resource
    page: int
    pages: int
    total: int
    items: tuple[RawItem, ...]
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """A record that FreshBooks sent in a shape we cannot read; quarantined alone, the page goes on (P10)."""

    resource: Resource
    id: int
    fingerprint: int
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDraft:
    """A payment to be created in FreshBooks (W1, W7): never notifies the customer, carries its marker in `note`."""

    invoice_id: InvoiceId
    amount: Decimal
    currency: str
    paid_on: date
    type: str
    note: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRead:
    """A decoded invoice of a page with the decision function to apply to it under the row lock."""

    id: InvoiceId
    decide: DecideInvoice


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What a stored page did: records written, and invoices that need a snapshot of their own."""

    changed: int
    rereads: tuple[InvoiceId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """One object to read again by itself: a doorbell, a tie, a push's aftermath, a person's wish. `id` is FreshBooks'.

    `asked` counts the asks when it was taken up, so that an ask that comes while it is served is not lost.
    """

    resource: Resource
    id: int
    reason: str
    due_at: datetime
    asked: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A push that is ours to work on until its deadline.

    The fence of `push` goes with every write about it. `payment` is what it records on the invoice `invoice_id` of
    customer `customer_id`, None before that invoice was read. `others` tells whether more payments may be due.
    """

    scope: Scope
    payment: Payment
    push: Push
    invoice_id: InvoiceId
    customer_id: CustomerId | None = None
    others: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryClaim:
    """A journal entry's push that is ours to work on until its deadline (W6).

    `about` is what it is written for; the payment of a move that FreshBooks no longer shows is still told.
    """

    scope: Scope
    push: EntryPush
    about: Payout | Move
    accounts: BookAccounts
