"""What the pages need of the rest, as Protocols; the stores and flows fulfil them, and mypy checks that they do."""

from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Protocol

from daemon.core.callbacks import Heard, Ring
from daemon.core.choices import NotOffered
from daemon.core.consent import (
    AccountChoice,
    AccountOptions,
    AccountsOutcome,
    ConsentConnected,
    ConsentOutcome,
    ConsentRefused,
    Offer,
)
from daemon.core.desk import (
    AuditRow,
    DayFigures,
    DeskPage,
    InvoiceDetail,
    InvoiceQuery,
    InvoiceRow,
    IssueQuery,
    IssueRow,
    Module,
    PaymentQuery,
    PaymentRow,
    PayoutRow,
    RunRow,
    WaitingMoves,
)
from daemon.core.model import FbPaymentId, InvoiceId, LedgerAccount, PartnerId, PaymentId
from daemon.core.options import Option
from daemon.core.reconciliation import MonthReport
from daemon.core.verify import VerifyRow


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


# ---- who is there ----------------------------------------------------------------------------------------------------


class Session(Protocol):
    """A signed-in browser: whose dashboard it shows. `session_hash` is all that is stored of its id."""

    @property
    def session_hash(self) -> bytes: ...

    @property
    def partner_id(self) -> PartnerId: ...

    @property
    def csrf(self) -> str: ...

    @property
    def expires_at(self) -> datetime: ...


class Sessions(Protocol):
    """The stored sessions; the id itself is known to the browser alone. All raise StoreUnavailable."""

    async def open_session(
        self, session_hash: bytes, partner_id: PartnerId, csrf: str, created_at: datetime, expires_at: datetime
    ) -> bool:
        """Store a session; False when the platform knows no such partner."""
        ...

    async def find_session(self, session_hash: bytes, now: datetime) -> Session | None:
        """Look a live session up by the hash of its id."""
        ...

    async def use_link(self, link_hash: bytes, expires_at: datetime, now: datetime) -> bool:
        """Remember until it ends that a link was followed; False when it was before."""
        ...

    async def close_session(self, session_hash: bytes) -> None:
        """Forget a session."""
        ...


# ---- connecting ------------------------------------------------------------------------------------------------------


class ConsentFlow(Protocol):
    """The partner's way through FreshBooks' login and back (C1, C2)."""

    async def begin(self, partner_id: PartnerId, session_hash: bytes) -> str | ConsentRefused:
        """Store a single-use state bound to this session and tell the address of FreshBooks' login."""
        ...

    async def complete(self, session_hash: bytes, *, state: str, code: str | None, error: str | None) -> ConsentOutcome:
        """Take what FreshBooks sent back and connect, ask for a choice, or say why not."""
        ...

    async def offered(self, partner_id: PartnerId, session_hash: bytes) -> Offer | None:
        """Tell the businesses that wait for this session's choice."""
        ...

    async def choose(
        self, partner_id: PartnerId, session_hash: bytes, account_id: str
    ) -> ConsentConnected | ConsentRefused:
        """Connect one of the offered businesses."""
        ...

    async def disconnect(self, partner_id: PartnerId, who: str) -> bool:
        """Ask for the end of the connection; the data stay. False when there is none (C6)."""
        ...


class AccountSetup(Protocol):
    """Set Up Accounts, served from FreshBooks' live chart of accounts (C4, C5).

    Raises of all: StoreUnavailable, FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid,
    AuthorizationExpired and AuthorizationLost.
    """

    async def options(self, partner_id: PartnerId) -> AccountOptions:
        """Tell which accounts may take which role, and what is chosen now."""
        ...

    async def create_undeposited_funds(self, partner_id: PartnerId, who: str) -> LedgerAccount:
        """Create "Undeposited Funds" in the books; an existing one is handed back."""
        ...

    async def save(self, partner_id: PartnerId, choice: AccountChoice, who: str) -> AccountsOutcome:
        """Store the choice and let what waits for it go on, or name every problem."""
        ...


# ---- what the pages show and do --------------------------------------------------------------------------------------


class Desk(Protocol):
    """One partner's rows to be shown, and what a person may press. Another partner's ids are not found.

    Raises of all: StoreUnavailable; of the lists: ValueError for a cursor that is not ours.
    """

    def at_once(self, partner_id: PartnerId) -> AbstractAsyncContextManager["Desk"]:
        """Have what one page reads, and nothing that it writes, read together: a fraction of the ways to and fro."""
        ...

    async def module(self, partner_id: PartnerId, *, counted: bool = True) -> Module | None:
        """Read the FreshBooks module; None when the platform knows no such partner.

        Without `counted` only the open issues are counted, which is all that most pages show.
        """
        ...

    async def invoices(self, partner_id: PartnerId, query: InvoiceQuery) -> DeskPage[InvoiceRow]:
        """List invoices."""
        ...

    async def invoice(self, partner_id: PartnerId, invoice_id: InvoiceId) -> InvoiceDetail | None:
        """Read one invoice with all that stands beside it."""
        ...

    async def payments(self, partner_id: PartnerId, query: PaymentQuery) -> DeskPage[PaymentRow]:
        """List the platform's payments with their places in FreshBooks (W8)."""
        ...

    async def payouts(self, partner_id: PartnerId) -> DeskPage[PayoutRow]:
        """List the latest payouts, newest first, with where each stands in FreshBooks."""
        ...

    async def waiting_moves(self, partner_id: PartnerId) -> tuple[WaitingMoves, ...]:
        """Tell how many recorded payments wait to be moved to the payments account, by reason."""
        ...

    async def issues(self, partner_id: PartnerId, query: IssueQuery) -> DeskPage[IssueRow]:
        """List sync issues."""
        ...

    async def runs(
        self, partner_id: PartnerId, after: str | None = None, limit: int = 50, only: str = ""
    ) -> DeskPage[RunRow]:
        """List the sync history, newest first; `only` is "changed", "failed" or empty (T3)."""
        ...

    async def audit(
        self, partner_id: PartnerId, after: str | None = None, limit: int = 50, only: str = ""
    ) -> DeskPage[AuditRow]:
        """List the audit log, newest first; `only` is "people", "daemon" or empty (T2)."""
        ...

    async def figures(self, partner_id: PartnerId, zone: str, today: date) -> tuple[DayFigures, ...]:
        """Tell what happened on each of the last days of a time zone, oldest first, without a gap."""
        ...

    async def ask_sync(self, partner_id: PartnerId, who: str, now: datetime) -> bool:
        """Ask for a sync now; False when there is no connection to sync."""
        ...

    async def set_option(self, partner_id: PartnerId, option: Option, who: str, *, on: bool) -> bool:
        """Switch an option on or off, audited; False when there is no connection (O1-O4)."""
        ...

    async def archive(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str, now: datetime) -> str | None:
        """Archive an invoice on the platform; tells why not (P6). Raises LookupError for an unknown one."""
        ...

    async def unarchive(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str) -> None:
        """Bring an archived invoice back. Raises LookupError for an unknown one."""
        ...

    async def issue(self, partner_id: PartnerId, issue_id: int) -> IssueRow | None:
        """Read one issue, open or closed."""
        ...

    async def act_on_issue(
        self,
        partner_id: PartnerId,
        issue_id: int,
        action: str,
        fb_payment_id: FbPaymentId | None,
        who: str,
        now: datetime,
        payment_id: PaymentId | None = None,
    ) -> NotOffered | bool:
        """Take an action that the open issue offers, audited (P5, P8, P10, P11, W5).

        `fb_payment_id` is the payment in FreshBooks that a person named; `payment_id` is the payment that the record of
        a failed one is to stand for. False when the issue is closed, unknown or does not offer it; NotOffered when it
        fits no more, with the sentence why.
        """
        ...


# ---- proof -----------------------------------------------------------------------------------------------------------


class Proof(Protocol):
    """That both sides are equal, and that the money adds up (T1, W6). Raises StoreUnavailable."""

    async def verifications(self, partner_id: PartnerId, limit: int) -> tuple[VerifyRow, ...]:
        """List the latest comparisons with FreshBooks, newest first."""
        ...

    async def ask(self, partner_id: PartnerId, who: str, now: datetime, *, repair: bool) -> bool:
        """Ask for a comparison; False while one is under way, or without a connection."""
        ...

    async def month(self, partner_id: PartnerId, month: date) -> MonthReport:
        """Reconcile one month, given by its first day."""
        ...


class Pdfs(Protocol):
    """Invoices' PDFs (O4). Raises as of AccountSetup."""

    async def pdf(self, partner_id: PartnerId, invoice_id: InvoiceId, changed_at: datetime) -> bytes:
        """Hand out an invoice's PDF, fetched after the invoice changed last."""
        ...


# ---- FreshBooks' deliveries ------------------------------------------------------------------------------------------


class Webhooks(Protocol):
    """Hears what FreshBooks delivers (P1). Raises StoreUnavailable."""

    async def deliver(self, partner_id: PartnerId, ring: Ring, signature: str) -> Heard:
        """Hear one delivery, count it, and tell what became of it."""
        ...

    def heard(self, outcome: Heard) -> None:
        """Count a delivery that was refused before it could be read."""
        ...
