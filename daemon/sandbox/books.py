"""One account's books: the shelves of its records, their number sequences and the events their changes cause."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from daemon.sandbox.model import (
    DELETED,
    Callback,
    Client,
    CreditNote,
    Invoice,
    JournalEntry,
    LedgerAccount,
    OtherIncome,
    Payment,
)
from daemon.sandbox.shelf import Shelf
from daemon.sandbox.switches import Switches


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
    entry: int = 5_000_001
    detail: int = 9_000_001
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
    and calls `on_change(kind, old, new)`, which is how the journal follows.
    """

    account_id: str
    base_currency: str
    switches: Switches
    owner_id: int = 1
    sequences: Sequences = field(default_factory=Sequences)
    clients: Shelf[Client] = field(
        default_factory=lambda: Shelf(
            updated_of=lambda row: row.updated, keys_of=lambda row: (row.vis_state, row.email, row.organization)
        )
    )
    invoices: Shelf[Invoice] = field(
        default_factory=lambda: Shelf(
            parents={"client_id": lambda row: row.client_id}, updated_of=lambda row: row.updated, keys_of=_invoice_keys
        )
    )
    payments: Shelf[Payment] = field(
        default_factory=lambda: Shelf(
            parents={
                "invoice_id": lambda row: row.invoice_id,
                "client_id": lambda row: row.client_id,
                "credit_id": lambda row: row.credit_id,
            },
            updated_of=lambda row: row.updated,
            keys_of=_payment_keys,
        )
    )
    credits: Shelf[CreditNote] = field(
        default_factory=lambda: Shelf(parents={"client_id": lambda row: row.client_id})
    )
    incomes: Shelf[OtherIncome] = field(default_factory=Shelf)
    ledger: dict[str, LedgerAccount] = field(default_factory=dict)
    entries: dict[int, JournalEntry] = field(default_factory=dict)
    callbacks: dict[int, Callback] = field(default_factory=dict)
    events: list[tuple[str, int]] = field(default_factory=list)
    on_change: Callable[[str, object, object, datetime | None], None] | None = None

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
        self._changed("invoice", old, invoice, invoice.updated)
        return invoice

    def put_payment(self, payment: Payment) -> Payment:
        """Store a payment; the invoice's balance is the payments module's business."""
        old = self.payments.put(payment)
        self._announce("payment", payment.id, old, payment.vis_state)
        self._changed("payment", old, payment, payment.updated)
        return payment

    def put_credit(self, credit: CreditNote, at: datetime) -> CreditNote:
        """Store a credit note, written at `at` (credit notes carry no time of their own)."""
        old = self.credits.put(credit)
        self._announce("credit_note", credit.id, old, credit.vis_state)
        self._changed("credit_note", old, credit, at)
        return credit

    def put_income(self, income: OtherIncome) -> OtherIncome:
        """Store other income, which causes no event (FB API s6.5)."""
        old = self.incomes.put(income)
        self._changed("other_income", old, income, income.updated)
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

    def _changed(self, kind: str, old: object, new: object, at: datetime | None) -> None:
        if self.on_change is not None:
            self.on_change(kind, old, new, at)
