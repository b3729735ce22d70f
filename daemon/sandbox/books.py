"""One account's books: the shelves of its records, their number sequences and the events their changes cause."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daemon.sandbox.journal import Journal
from daemon.sandbox.model import (
    DELETED,
    Callback,
    Client,
    CreditNote,
    Invoice,
    LedgerAccount,
    OtherIncome,
    Payment,
)
from daemon.sandbox.shelf import Shelf
from daemon.sandbox.switches import Switches
from daemon.sandbox.times import eastern_ordinal

Row = Any  # a client, an invoice or a payment


def _updated_day(record: Row) -> int:
    return eastern_ordinal(record.updated)


def _invoice_keys(invoice: Invoice) -> object:
    return invoice.vis_state, invoice.create_date, invoice.client_id, invoice.number


def _payment_keys(payment: Payment) -> object:
    return payment.vis_state, payment.date, payment.client_id, payment.invoice_id


@dataclass(slots=True, kw_only=True)
class Sequences:
    """The next number of each kind; payments and the credit side of overpayments share one log (FB API s3.4)."""

    client: int = 30_001
    invoice: int = 200_001
    payment: int = 100_001
    credit: int = 30_001
    income: int = 12_001
    legacy_account: int = 630_001
    callback: int = 80_001
    invoice_number: int = 1
    credit_number: int = 1

    def take(self, name: str, count: int = 1) -> int:
        """The next number of `name`, moving on by `count`."""
        number: int = getattr(self, name)
        setattr(self, name, number + count)
        return number


@dataclass(slots=True, kw_only=True)
class Books:
    """Everything FreshBooks keeps for one account.

    A record is changed by putting a new one in its place; each put notes the webhook event it causes in `events`
    and calls `on_change(old, new)`, which is how the journal follows.
    """

    account_id: str
    base_currency: str
    switches: Switches
    owner_id: int = 1
    sequences: Sequences = field(default_factory=Sequences)
    clients: Shelf[Client] = field(
        default_factory=lambda: Shelf(
            days={"updated": _updated_day}, keys_of=lambda row: (row.vis_state, row.email, row.organization)
        )
    )
    invoices: Shelf[Invoice] = field(
        default_factory=lambda: Shelf(
            parents={"client_id": lambda row: row.client_id},
            days={"updated": _updated_day, "date": lambda row: row.create_date.toordinal()},
            keys_of=_invoice_keys,
        )
    )
    payments: Shelf[Payment] = field(
        default_factory=lambda: Shelf(
            parents={
                "invoice_id": lambda row: row.invoice_id,
                "client_id": lambda row: row.client_id,
                "credit_id": lambda row: row.credit_id,
            },
            days={"updated": _updated_day, "date": lambda row: row.date.toordinal()},
            keys_of=_payment_keys,
        )
    )
    credits: Shelf[CreditNote] = field(
        default_factory=lambda: Shelf(
            parents={"client_id": lambda row: row.client_id}, days={"date": lambda row: row.create_date.toordinal()}
        )
    )
    incomes: Shelf[OtherIncome] = field(default_factory=Shelf)
    ledger: dict[str, LedgerAccount] = field(default_factory=dict)
    callbacks: dict[int, Callback] = field(default_factory=dict)
    payment_options: dict[int, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[str, int]] = field(default_factory=list)
    journal: Journal = field(init=False)
    on_change: Callable[[object, object], None] | None = None

    def __post_init__(self) -> None:
        """Open an empty journal."""
        self.journal = Journal(self.switches)

    def close_opening(self) -> None:
        """Take the books as they stand for the journal's opening, and let the journal follow from here."""
        self.journal.opening = [*self.invoices, *self.credits, *self.payments, *self.incomes]
        self.on_change = self.journal.follow

    def put_client(self, client: Client, *, announced: bool = True) -> Client:
        """Store a client; `announced` False keeps a mere bump of `updated` from causing an event."""
        old = self.clients.put(client)
        if announced:
            self._announce("client", client.id, old, client.vis_state)
        return client

    def put_invoice(self, invoice: Invoice) -> Invoice:
        """Store an invoice."""
        old = self.invoices.put(invoice)
        self._announce("invoice", invoice.id, old, invoice.vis_state)
        self._changed(old, invoice)
        return invoice

    def put_payment(self, payment: Payment) -> Payment:
        """Store a payment; the invoice's balance is the payments module's business."""
        old = self.payments.put(payment)
        self._announce("payment", payment.id, old, payment.vis_state)
        self._changed(old, payment)
        return payment

    def put_credit(self, credit: CreditNote) -> CreditNote:
        """Store a credit note."""
        old = self.credits.put(credit)
        self._announce("credit_note", credit.id, old, credit.vis_state)
        self._changed(old, credit)
        return credit

    def put_income(self, income: OtherIncome) -> OtherIncome:
        """Store other income, which causes no event (FB API s6.5)."""
        old = self.incomes.put(income)
        self._changed(old, income)
        return income

    def take_events(self) -> list[tuple[str, int]]:
        """The events since the last call, each once, in order."""
        events = list(dict.fromkeys(self.events))
        self.events.clear()
        return events

    def _announce(self, noun: str, key: int, old: object, vis_state: int) -> None:
        if old is None:
            verb = "create"
        elif vis_state == DELETED and getattr(old, "vis_state", None) != DELETED:
            verb = "delete"
        else:
            verb = "update"
        self.events.append((f"{noun}.{verb}", key))

    def _changed(self, old: object, new: object) -> None:
        if self.on_change is not None:
            self.on_change(old, new)
