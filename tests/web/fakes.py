"""The dashboard's ports in memory: what the pages show is what a test put there, and what they did can be looked up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import anyio

from daemon.core.account_rules import account_options, check_accounts
from daemon.core.consent import (
    AccountChoice,
    AccountOptions,
    AccountsOutcome,
    AccountsRefused,
    AccountsSaved,
    Business,
    ConsentConnected,
    ConsentOutcome,
    ConsentRefused,
    NotOffered,
    Offer,
    Refusal,
)
from daemon.core.consent_rules import refuse
from daemon.core.model import (
    AccountId,
    InvoiceId,
    LedgerAccount,
    PartnerId,
    PaymentId,
    PaymentStatus,
    PayoutId,
)
from tests.web.module_rows import BANK, FEES, PETTY_CASH, UNDEPOSITED
from tests.web.rows import NOW, OTHER, PARTNER


class StillClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, by: timedelta) -> None:
        self.time += by

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSession:
    session_hash: bytes
    partner_id: PartnerId
    csrf: str
    expires_at: datetime


class MemorySessions:
    def __init__(self, partners: tuple[PartnerId, ...] = (PARTNER, OTHER)) -> None:
        self.rows: dict[bytes, FakeSession] = {}
        self.partners = partners
        self.links: set[bytes] = set()

    async def open_session(
        self, session_hash: bytes, partner_id: PartnerId, csrf: str, created_at: datetime, expires_at: datetime
    ) -> bool:
        if partner_id not in self.partners:
            return False
        self.rows[session_hash] = FakeSession(
            session_hash=session_hash, partner_id=partner_id, csrf=csrf, expires_at=expires_at
        )
        return True

    async def find_session(self, session_hash: bytes, now: datetime) -> FakeSession | None:
        row = self.rows.get(session_hash)
        return row if row and now < row.expires_at else None

    async def use_link(self, link_hash: bytes, expires_at: datetime, now: datetime) -> bool:
        is_new = link_hash not in self.links
        self.links.add(link_hash)
        return is_new

    async def close_session(self, session_hash: bytes) -> None:
        self.rows.pop(session_hash, None)


class MemoryConsent:
    """Answers `outcome` to whatever comes back from FreshBooks."""

    def __init__(self) -> None:
        self.outcome: ConsentOutcome = refuse(Refusal.STATE_UNKNOWN)
        self.begun: str | ConsentRefused = "https://auth.freshbooks.test/oauth/authorize?state=s"
        self.offer: Offer | None = None
        self.completed: list[tuple[str, str | None, str | None]] = []
        self.disconnected: list[tuple[PartnerId, str]] = []

    async def begin(self, partner_id: PartnerId, session_hash: bytes) -> str | ConsentRefused:
        return self.begun

    async def complete(self, session_hash: bytes, *, state: str, code: str | None, error: str | None) -> ConsentOutcome:
        self.completed.append((state, code, error))
        return self.outcome

    async def offered(self, partner_id: PartnerId, session_hash: bytes) -> Offer | None:
        return self.offer

    async def choose(
        self, partner_id: PartnerId, session_hash: bytes, account_id: str
    ) -> ConsentConnected | ConsentRefused:
        business = self.offer.find(account_id) if self.offer else None
        self.offer = None
        return ConsentConnected(business=business) if business else refuse(Refusal.NOT_OFFERED)

    async def disconnect(self, partner_id: PartnerId, who: str) -> bool:
        self.disconnected.append((partner_id, who))
        return True


class MemoryAccounts:
    def __init__(self, *accounts: LedgerAccount) -> None:
        self.accounts = list(accounts or (UNDEPOSITED, BANK, PETTY_CASH, FEES))
        self.chosen: AccountChoice | None = None
        self.failure: Exception | None = None

    async def options(self, partner_id: PartnerId) -> AccountOptions:
        if self.failure:
            raise self.failure
        return account_options(self.accounts, self.chosen)

    async def create_undeposited_funds(self, partner_id: PartnerId, who: str) -> LedgerAccount:
        self.accounts.append(UNDEPOSITED)
        return UNDEPOSITED

    async def save(self, partner_id: PartnerId, choice: AccountChoice, who: str) -> AccountsOutcome:
        problems = check_accounts(self.accounts, choice)
        if problems:
            return AccountsRefused(problems=problems)
        self.chosen = choice
        return AccountsSaved(choice=choice)


class MemoryPlatform:
    def __init__(self) -> None:
        self.paid: list[tuple[PartnerId, InvoiceId, Decimal, str]] = []
        self.moved: list[tuple[PartnerId, PaymentId, PaymentStatus]] = []
        self.paid_out: list[PartnerId] = []
        self.has_succeeded = True

    async def partners(self) -> list[tuple[PartnerId, str]]:
        return [(PARTNER, "Northwind IT Services"), (OTHER, "Contoso")]

    async def pay(
        self, partner_id: PartnerId, invoice_id: InvoiceId, amount: Decimal, method: str, now: datetime
    ) -> PaymentId | None:
        self.paid.append((partner_id, invoice_id, amount, method))
        return PaymentId(f"pay_{len(self.paid)}")

    async def set_status(
        self, partner_id: PartnerId, payment_id: PaymentId, status: PaymentStatus, now: datetime
    ) -> bool:
        if partner_id != PARTNER:
            return False
        self.moved.append((partner_id, payment_id, status))
        return True

    async def pay_out(self, partner_id: PartnerId, now: datetime) -> PayoutId | None:
        self.paid_out.append(partner_id)
        return PayoutId("po_1") if self.has_succeeded else None


def make_business(name: str = "Northwind Managed IT", account_id: str = "abc123") -> Business:
    return Business(
        account_id=AccountId(account_id),
        business_id=77,
        business_uuid="7f",
        name=name,
        role="owner",
        timezone="America/New_York",
    )


TWO_BUSINESSES = Offer(
    businesses=(make_business(), make_business("Northwind Cabling", "def456")),
    not_offered=(NotOffered(name="Old Practice", why="it has no accounting account in FreshBooks"),),
)
