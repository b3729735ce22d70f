"""What the actors need of Postgres, as Protocols: each method is one transaction, and none calls FreshBooks."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from daemon.core.backfill import Cursor, Feed
from daemon.core.book_accounts import BookAccounts
from daemon.core.choices import NotOffered
from daemon.core.exchange import Claim, DecideInvoice, EntryClaim, InvoiceRead, MergeReport, Reread, Undecodable
from daemon.core.journal import EntryPush, JournalDraft
from daemon.core.model import (
    Choice,
    FbCredit,
    FbCustomer,
    FbPayment,
    FbPaymentId,
    InvoiceDecision,
    InvoiceId,
    Issue,
    LedgerAccount,
    Link,
    PartnerId,
    PaymentId,
    Push,
    Reading,
    Resource,
    Scope,
)
from daemon.core.state import Connection
from daemon.core.take_back import Standing


class PullStore(Protocol):
    """What the pull lane stores. Each method is one transaction; none calls FreshBooks."""

    async def fingerprints(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, int]:
        """Tell the stored fingerprint per id; ids we do not hold are missing."""
        ...

    async def merge_customers(self, scope: Scope, customers: Sequence[FbCustomer], reading: Reading) -> int:
        """Store customers that are newer than ours (P9) and tell how many rows were written."""
        ...

    async def merge_credits(self, scope: Scope, notes: Sequence[FbCredit], reading: Reading) -> int:
        """Store credit notes and tell how many rows were written."""
        ...

    async def merge_payments(self, scope: Scope, payments: Sequence[FbPayment], reading: Reading) -> MergeReport:
        """Store payments that are newer than ours; ask for a snapshot of every invoice of ours that they touch."""
        ...

    async def merge_invoices(self, scope: Scope, reads: Sequence[InvoiceRead]) -> MergeReport:
        """Load the rows of these invoices under lock, apply each decision, and write what changed in bulk."""
        ...

    async def settle(
        self, scope: Scope, invoice_id: InvoiceId, decide: DecideInvoice, payments: Sequence[FbPayment] | None
    ) -> InvoiceDecision:
        """Decide and store one invoice under its row lock; `payments` of a snapshot are stored with it."""
        ...

    async def quarantine(self, scope: Scope, bad: Sequence[Undecodable]) -> None:
        """Keep undecodable records with payload and reason as sync issues (P10); good reads of their ids clear them."""
        ...

    async def save_cursor(self, scope: Scope, cursor: Cursor) -> None:
        """Store how far a feed has come; called in `page_transaction` together with its page."""
        ...

    def page_transaction(self, scope: Scope) -> AbstractAsyncContextManager["PullStore"]:
        """Open one transaction in which a page's merges and its cursor commit together; no remote call inside."""
        ...

    async def due_rereads(self, scope: Scope, now: datetime, limit: int) -> tuple[Reread, ...]:
        """List rereads that are due, oldest first."""
        ...

    async def next_reread_at(self, scope: Scope) -> datetime | None:
        """Tell when the earliest reread is due, or None when none waits."""
        ...

    async def ask_reread(self, scope: Scope, rereads: Sequence[Reread]) -> None:
        """Queue rereads; one per (resource, id), the earlier time wins (debounce)."""
        ...

    async def finish_reread(self, scope: Scope, reread: Reread) -> None:
        """Remove a reread that was served, unless it was asked for again meanwhile."""
        ...

    async def postpone_reread(self, scope: Scope, reread: Reread, due_at: datetime) -> None:
        """Put a reread that cannot be served now off to a later time."""
        ...

    async def store_ledger_accounts(self, scope: Scope, accounts: Sequence[LedgerAccount]) -> None:
        """Store the chart of accounts; a chosen account that is gone becomes an issue (C4)."""
        ...


class PushStore(Protocol):
    """What the push lane stores. Every write carries the claim's fence and raises FenceLost when it is lost."""

    async def claim(self, scope: Scope, now: datetime, deadline_at: datetime) -> Claim | None:
        """Claim the oldest due push, whatever its open state; committed before anything is sent (W4).

        Order per invoice is kept: an invoice with a push in flight yields none.
        """
        ...

    async def links(self, claim: Claim) -> tuple[Link, ...]:
        """Load the platform's payments on the invoice of a claim, with their pushes."""
        ...

    async def next_push_at(self, scope: Scope, now: datetime) -> datetime | None:
        """Tell when the earliest open push becomes due, or None when none is open."""
        ...

    async def record(self, claim: Claim, push: Push, decide: DecideInvoice | None = None) -> None:
        """Store what became of a claimed push and, with `decide`, what it does to its invoice, in one transaction.

        What is done asks for a fresh look at its invoice.
        """
        ...

    async def begin_send(self, claim: Claim, deadline_at: datetime) -> Push:
        """Fence the send: state `sending` with a fresh deadline, committed (W4 step 2).

        Hands back the push as it is stored now: with this attempt counted, which what follows must build on.
        """
        ...

    async def choose(
        self, scope: Scope, payment_id: PaymentId, choice: Choice, fb_payment_id: FbPaymentId | None, who: str
    ) -> NotOffered | None:
        """Apply what a person chose, audited, and decide its invoice anew; tell why when it does not fit (W5, P8)."""
        ...


class EntryStore(Protocol):
    """What the push lane stores of journal entries (W6); as `PushStore`, with the same fences."""

    async def claim_entry(self, scope: Scope, now: datetime, deadline_at: datetime) -> EntryClaim | None:
        """Claim the oldest due journal entry; committed before anything is sent (W4)."""
        ...

    async def book_accounts(self, scope: Scope) -> BookAccounts:
        """Load the chosen accounts and the chart of accounts as it was listed last."""
        ...

    async def begin_entry(self, claim: EntryClaim, draft: JournalDraft, deadline_at: datetime) -> EntryPush:
        """Fence the send of this very draft: state `sending`, committed; hands back the push as stored now."""
        ...

    async def record_entry(self, claim: EntryClaim, push: EntryPush, issues: Collection[Issue] = ()) -> None:
        """Store what became of a claimed entry, and let exactly these issues stand for it."""
        ...


class TakeBackStore(Protocol):
    """What is stored of deletions in FreshBooks that follow a failure on the platform (O3)."""

    async def to_take_back(self, scope: Scope, payment_id: PaymentId) -> Standing | None:
        """Tell the record of a failed payment that is to be deleted; None when there is none, or the switch is off."""
        ...

    async def taken_back(self, scope: Scope, standing: Standing, record: FbPayment) -> None:
        """Audit that a record was deleted in FreshBooks."""
        ...


class ConnectionStore(Protocol):
    """The connections: who is to be supervised, and what each has reached."""

    async def partners(self) -> tuple[PartnerId, ...]:
        """List the partners that need a supervisor: every one whose connection is not "not connected"."""
        ...

    async def connection(self, partner_id: PartnerId) -> Connection:
        """Load one partner's connection with its cursors."""
        ...

    async def mark_connected(self, scope: Scope, now: datetime) -> None:
        """Store that the initial sync is complete (C3)."""
        ...

    async def park(self, scope: Scope, reason: str, now: datetime) -> None:
        """Store that the partner must connect again, and open the issue (C7)."""
        ...

    async def unpark(self, scope: Scope) -> None:
        """Store that the connection works again and clear the issue."""
        ...

    async def disconnected(self, partner_id: PartnerId, now: datetime) -> None:
        """Store that the connection ended (C6)."""
        ...

    async def finish_run(
        self, scope: Scope, feed: Feed, cursor: Cursor, outcome: str, *, kept: timedelta = ..., error: str = ...
    ) -> None:
        """Append to the sync history a run that is complete, or fails and why; drop what is older than `kept` (T3)."""
        ...

    async def raise_issue(self, scope: Scope, issue: Issue) -> None:
        """Open an issue, or refresh the open one of the same kind and subject."""
        ...

    def wakes(self) -> AbstractAsyncContextManager[AsyncIterator[tuple[PartnerId, str]]]:
        """Listen for work: (partner, `push` | `reread` | `connection`); survives a lost connection."""
        ...


class Store(PullStore, PushStore, EntryStore, ConnectionStore, TakeBackStore, Protocol):
    """All of Postgres that the actors use."""
