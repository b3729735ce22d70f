"""The values of a consent at FreshBooks: granted, offered, chosen and refused; and the choice of accounts (C1-C6)."""

import enum
from dataclasses import dataclass, field
from datetime import datetime

from daemon.core.model import AccountId, LedgerAccount, PartnerId

SAME_LOGIN_NOTICE = (
    "FreshBooks may keep only one live connection per login: if this FreshBooks login is also connected elsewhere, "
    "that other connection may ask to be connected again."
)


# ---- what FreshBooks tells -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """An access token and its single-use refresh token; `scopes` is empty when FreshBooks did not tell them."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A business of the person who consented, as FreshBooks shows it (FB API s2.8).

    `account_id` is None for a business without books. `plan` is the subscription's status; `journal_entries` tells
    whether plan and role allow manual journal entries. Both are None when FreshBooks does not say.
    """

    name: str
    business_id: int
    business_uuid: str
    account_id: AccountId | None
    role: str
    timezone: str = ""
    plan: str | None = None
    journal_entries: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The person who consented, and the businesses they belong to."""

    identity_id: int
    email: str
    memberships: tuple[Membership, ...]


# ---- what is offered -------------------------------------------------------------------------------------------------


class Capability(enum.StrEnum):
    """What a grant may or may not allow (C2's preflight)."""

    READ = "read"
    RECORD_PAYMENTS = "record_payments"
    RECORD_DEPOSITS = "record_deposits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whether the grant allows one thing, and what degrades without it.

    `allowed` is None when only FreshBooks will tell, at the first call.
    """

    capability: Capability
    allowed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """A business that may be connected, with what the grant allows there (C2's preflight)."""

    account_id: AccountId
    business_id: int
    business_uuid: str
    name: str
    role: str
    timezone: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """A business that cannot be connected, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """All businesses of a login: those to choose from, by name, and those not offered."""

    businesses: tuple[Business, ...]
    not_offered: tuple[NotOffered, ...] = ()

    def find(self, account_id: str) -> Business | None:
        """Look an offered business up by its accounting account."""
        return next((b for b in self.businesses if b.account_id == account_id), None)


# ---- what is stored between the steps --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTokens:
    """A pair of tokens as it is stored: each encrypted for this partner and field."""

    access_token: bytes
    refresh_token: bytes
    expires_at: datetime
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTokens:
    """A partner's tokens as loaded; `generation` counts replacements and guards the next one."""

    generation: int
    tokens: SealedTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaim:
    """A refresh that was begun and that no other process may begin meanwhile.

    `unanswered_since` is when an earlier refresh of the same generation began that FreshBooks never answered: it may
    have spent the refresh token.
    """

    began_at: datetime
    unanswered_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """A consent that was begun: whose it is, and the PKCE verifier that completes it; stored under its state's hash."""

    partner_id: PartnerId
    session_hash: bytes
    verifier: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChoice:
    """A granted consent that waits for the partner to choose a business; one per partner, the newest wins."""

    partner_id: PartnerId
    session_hash: bytes
    tokens: SealedTokens
    offer: Offer
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerConnection:
    """The books this partner's rows belong to, connected or not (C6)."""

    account_id: AccountId
    business_name: str
    disconnecting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGrant:
    """A consent to be stored as the partner's connection, in one transaction with its tokens."""

    partner_id: PartnerId
    business: Business
    tokens: SealedTokens
    consented_at: datetime


# ---- what came of it -------------------------------------------------------------------------------------------------


class Refusal(enum.StrEnum):
    """Why a consent did not lead to a connection."""

    DECLINED = "declined"
    FAILED_AT_FRESHBOOKS = "failed_at_freshbooks"
    STATE_UNKNOWN = "state_unknown"
    STATE_EXPIRED = "state_expired"
    OTHER_SESSION = "other_session"
    CODE_REFUSED = "code_refused"
    FRESHBOOKS_UNAVAILABLE = "freshbooks_unavailable"
    SCOPES_MISSING = "scopes_missing"
    NO_BUSINESS = "no_business"
    OTHER_ACCOUNT = "other_account"
    ACCOUNT_TAKEN = "account_taken"
    CHOICE_EXPIRED = "choice_expired"
    NOT_OFFERED = "not_offered"
    DISCONNECTING = "disconnecting"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentConnected:
    """The business is connected and its initial sync begins; `resumed` when we knew these books before (C6, C7)."""

    business: Business
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseBusiness:
    """Several businesses can be connected: the partner picks one by name (C2)."""

    offer: Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRefused:
    """Nothing was connected; `sentence` tells the partner why and what to do next."""

    refusal: Refusal
    sentence: str


ConsentOutcome = ConsentConnected | ChooseBusiness | ConsentRefused


# ---- Set Up Accounts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChoice:
    """What the partner chose in Set Up Accounts, by `LedgerAccount.id` (C4, W6).

    `payments` records payments ("Undeposited Funds"), `deposits` is the bank account where payouts arrive, `fees` takes
    processing fees and may be left out, as may `platform_invoices`, which takes what was paid on invoices made on the
    platform.
    """

    payments: str
    deposits: str
    fees: str | None = None
    record_deposits: bool = False
    platform_invoices: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions:
    """The ledger accounts that each role may be given, and what is chosen now.

    `undeposited_funds` is the account of that name when the books have one; without it the dialog offers to create it.
    """

    for_payments: tuple[LedgerAccount, ...]
    for_deposits: tuple[LedgerAccount, ...]
    for_fees: tuple[LedgerAccount, ...]
    undeposited_funds: LedgerAccount | None
    chosen: AccountChoice | None
    for_platform_invoices: tuple[LedgerAccount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProblem:
    """What is wrong with one field of the choice: `payments`, `deposits`, `fees` or `record_deposits`."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsSaved:
    """The choice is stored, and what waited for it goes on (C5)."""

    choice: AccountChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsRefused:
    """Nothing was stored; every problem is named."""

    problems: tuple[AccountProblem, ...]


AccountsOutcome = AccountsSaved | AccountsRefused
