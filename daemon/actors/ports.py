"""What the actors need of the world, as Protocols; adapters fulfil them, and mypy checks that they do."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Protocol

from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.exchange import (
    Claim,
    DecideInvoice,
    InvoiceRead,
    MergeReport,
    Page,
    PaymentDraft,
    RawItem,
    Reread,
    Undecodable,
)
from daemon.core.model import (
    Choice,
    CustomerId,
    FbCredit,
    FbCustomer,
    FbInvoice,
    FbPayment,
    FbPaymentId,
    InvoiceDecision,
    InvoiceId,
    Issue,
    LedgerAccount,
    PartnerId,
    PaymentId,
    Push,
    Reading,
    Resource,
    Scope,
)
from daemon.core.state import Connection


class Clock(Protocol):
    """The only way to learn or await the time."""

    def now(self) -> datetime:
        """Tell the wall clock as aware UTC."""
        ...

    def monotonic(self) -> float:
        """Tell seconds on a clock that never steps, for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


# ---- FreshBooks ------------------------------------------------------------------------------------------------------


class Accounting(Protocol):
    """One partner's FreshBooks account. Every method makes exactly one HTTP call and never retries.

    All raise FreshBooksUnavailable, FreshBooksRefused (FreshBooksNotFound), FreshBooksAnswerInvalid and
    AuthorizationExpired.
    """

    async def list_page(self, listing: Pass, page: int, page_size: int) -> Page:
        """Fetch one page of a listing, items undecoded, invoices with their lines."""
        ...

    def decode(self, resource: Resource, item: RawItem) -> FbInvoice | FbPayment | FbCustomer | FbCredit | Undecodable:
        """Decode one raw item; pure."""
        ...

    async def invoice(self, invoice_id: InvoiceId) -> tuple[FbInvoice, Reading]:
        """Fetch one invoice with its lines, whatever its visibility."""
        ...

    async def payment(self, payment_id: FbPaymentId) -> FbPayment:
        """Fetch one payment, whatever its visibility."""
        ...

    async def customer(self, customer_id: CustomerId) -> tuple[FbCustomer, Reading]:
        """Fetch one client, whatever its visibility."""
        ...

    async def payments_of_invoice(self, invoice_id: InvoiceId, *, deleted: bool) -> tuple[FbPayment, ...]:
        """List an invoice's payments: the active ones or the deleted ones (all pages, at most `LISTING_PAGES_MAX`)."""
        ...

    async def payments_of_customer(
        self, customer_id: CustomerId, since: date, *, deleted: bool
    ) -> tuple[FbPayment, ...]:
        """List a client's payments updated since a US/Eastern day, active or deleted ones: the look-up of W4."""
        ...

    async def create_payment(self, draft: PaymentDraft, *, may_send: Callable[[], bool]) -> FbPayment:
        """Create a payment, once; the caller must already have a committed claim (W4).

        `may_send` is asked right before the request is written; a no raises FreshBooksUnavailable(unsent=True).
        """
        ...

    async def ledger_accounts(self) -> tuple[LedgerAccount, ...]:
        """List the chart of accounts (C4)."""
        ...

    async def create_ledger_account(self, name: str, sub_type: str, parent_id: str) -> LedgerAccount:
        """Create an account, such as "Undeposited Funds" (C4)."""
        ...


class Tokens(Protocol):
    """A partner's tokens: refresh is single-flight, compare-and-set on a generation, persisted before use."""

    async def refresh(self, partner_id: PartnerId) -> datetime:
        """Exchange the refresh token for a new pair, store it, and tell when the new access token expires.

        Raises AuthorizationLost, FreshBooksUnavailable, StoreUnavailable.
        """
        ...

    async def revoke(self, partner_id: PartnerId) -> None:
        """Revoke the token at FreshBooks and forget it (C6). Raises FreshBooksUnavailable."""
        ...


# ---- Postgres --------------------------------------------------------------------------------------------------------


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

    async def next_push_at(self, scope: Scope, now: datetime) -> datetime | None:
        """Tell when the earliest open push becomes due, or None when none is open."""
        ...

    async def record(self, claim: Claim, push: Push, decide: DecideInvoice | None = None) -> None:
        """Store what became of a claimed push and, with `decide`, what it does to its invoice, in one transaction."""
        ...

    async def begin_send(self, claim: Claim, deadline_at: datetime) -> Push:
        """Fence the send: state `sending` with a fresh deadline, committed (W4 step 2).

        Hands back the push as it is stored now: with this attempt counted, which what follows must build on.
        """
        ...

    async def choose(
        self, scope: Scope, payment_id: PaymentId, choice: Choice, fb_payment_id: FbPaymentId | None, who: str
    ) -> None:
        """Store what a person decided, audited, and make the push due."""
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

    async def finish_run(self, scope: Scope, feed: Feed, cursor: Cursor, outcome: str) -> None:
        """Append to the sync history (T3)."""
        ...

    async def raise_issue(self, scope: Scope, issue: Issue) -> None:
        """Open an issue, or refresh the open one of the same kind and subject."""
        ...

    def wakes(self) -> AbstractAsyncContextManager[AsyncIterator[tuple[PartnerId, str]]]:
        """Listen for work: (partner, `push` | `reread` | `connection`); survives a lost connection."""
        ...


class Store(PullStore, PushStore, ConnectionStore, Protocol):
    """All of Postgres that the actors use."""


# ---- telemetry -------------------------------------------------------------------------------------------------------


class Telemetry(Protocol):
    """Metrics and log lines of the actors, one method per fact."""

    def state_changed(self, partner_id: PartnerId, status: str, *, parked: bool) -> None:
        """Count and log a state change."""
        ...

    def effect_finished(self, partner_id: PartnerId, effect: str, outcome: str, seconds: float) -> None:
        """Count an effect and its duration."""
        ...

    def call_failed(self, partner_id: PartnerId, lane: str, error: str, attempt: int, retry_in_s: float) -> None:
        """Log the first failure at warning, repeats at debug."""
        ...

    def call_recovered(self, partner_id: PartnerId, lane: str, attempts: int) -> None:
        """Log that a lane works again."""
        ...

    def page_stored(self, partner_id: PartnerId, resource: str, items: int, changed: int) -> None:
        """Count records read and written."""
        ...

    def progress(self, partner_id: PartnerId, percent: int) -> None:
        """Show the initial sync's progress."""
        ...

    def push_finished(self, partner_id: PartnerId, outcome: str, seconds_since_initiation: float) -> None:
        """Count what became of a push and how long the payment waited."""
        ...

    def throttled(self, partner_id: PartnerId, rate_per_s: float) -> None:
        """Count a 429 and show the lowered rate."""
        ...

    def child_crashed(self, partner_id: PartnerId, error: BaseException, restart_in_s: float) -> None:
        """Log a crashed supervisor with its traceback and count it."""
        ...

    def child_parked(self, partner_id: PartnerId, reason: str) -> None:
        """Log and show a supervisor that exceeded its restart intensity."""
        ...

    def partner_gone(self, partner_id: PartnerId) -> None:
        """Drop the partner's series."""
        ...
