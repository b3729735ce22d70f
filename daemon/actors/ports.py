"""What the actors need of the world, as Protocols; adapters fulfil them, and mypy checks that they do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from daemon.core.backfill import Pass
from daemon.core.exchange import (
    Page,
    PaymentDraft,
    RawItem,
    Undecodable,
)
from daemon.core.journal import FbJournalEntry, JournalDraft
from daemon.core.model import (
    CustomerId,
    FbCredit,
    FbCustomer,
    FbInvoice,
    FbPayment,
    FbPaymentId,
    InvoiceId,
    LedgerAccount,
    PartnerId,
    Reading,
    Resource,
)


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

    async def list_page(
        self, listing: Pass, page: int, page_size: int, answered: Callable[[], bool] = lambda: False
    ) -> Page:
        """Fetch one page of a listing, items undecoded, invoices with their lines.

        `answered` is told once the answer is here, and tells whether another page is asked for while this one is read.
        """
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

    async def marked_payments(self, since: date, *, deleted: bool) -> tuple[FbPayment, ...]:
        """List all payments with a marker that were updated since a US/Eastern day: wherever one was moved to (W4)."""
        ...

    async def create_payment(self, draft: PaymentDraft, *, may_send: Callable[[], bool]) -> FbPayment:
        """Create a payment, once; the caller must already have a committed claim (W4).

        `may_send` is asked right before the request is written; a no raises FreshBooksUnavailable(unsent=True).
        """
        ...

    async def delete_payment(self, payment_id: FbPaymentId) -> None:
        """Delete a payment; one that is deleted already stays so (O3)."""
        ...

    async def invoice_pdf(self, invoice_id: InvoiceId) -> bytes:
        """Fetch the PDF that FreshBooks makes of an invoice, its type and size checked (O4)."""
        ...

    async def create_entry(self, draft: JournalDraft, *, may_send: Callable[[], bool]) -> str:
        """Write a journal entry, once, and tell its id; as `create_payment` otherwise (W4, W6)."""
        ...

    async def entries_between(self, first: date, last: date) -> tuple[FbJournalEntry, ...]:
        """Find the journal entries of some days: the look-up of W4 for deposits and moves."""
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


# ---- telemetry -------------------------------------------------------------------------------------------------------


class Telemetry(Protocol):
    """Metrics and log lines of the actors, one method per fact."""

    def about(self, **ids: str) -> AbstractContextManager[None]:
        """Put these ids on every line that is logged inside, calls to FreshBooks included."""
        ...

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

    def run_noted(self, partner_id: PartnerId) -> None:
        """Tell that the beginning or end of a feed's run is stored."""
        ...

    def push_finished(self, partner_id: PartnerId, outcome: str, seconds_since_initiation: float) -> None:
        """Count what became of a push and how long the payment waited."""
        ...

    def verified(self, partner_id: PartnerId, outcome: str, drifted: int) -> None:
        """Log what a verification came to; drift at warning."""
        ...

    def throttled(self, partner_id: PartnerId, rate_per_s: float) -> None:
        """Count a 429 and show the lowered rate."""
        ...

    def secret_spoiled(self, partner_id: PartnerId, reason: str) -> None:
        """Log a stored secret that no key opens: someone should look at how it came there."""
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
