"""The stage of a consent: a store in memory, FreshBooks' login as a script, and the flow between them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from daemon.actors.consent import ConsentFlow
from daemon.core.consent import (
    AccountChoice,
    ConsentGrant,
    ConsentOutcome,
    ConsentRequest,
    FormerConnection,
    Identity,
    Membership,
    PendingChoice,
    SealedTokens,
    TokenPair,
)
from daemon.core.consent_rules import NEEDED_SCOPES
from daemon.core.model import AccountId, LedgerAccount, PartnerId

P, Q = PartnerId("p1"), PartnerId("p2")
SESSION, OTHER_SESSION = b"session", b"other"
START = datetime(2026, 8, 4, 12, tzinfo=UTC)


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Store:
    """The consent store's promises in memory."""

    states: dict[bytes, ConsentRequest] = field(default_factory=dict)
    connected: dict[PartnerId, ConsentGrant] = field(default_factory=dict)
    former: dict[PartnerId, FormerConnection] = field(default_factory=dict)
    choices: dict[PartnerId, PendingChoice] = field(default_factory=dict)
    accounts: dict[PartnerId, AccountChoice] = field(default_factory=dict)
    created: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[PartnerId, str, datetime]] = field(default_factory=list)

    async def begin_consent(self, state_hash: bytes, request: ConsentRequest) -> None:
        self.states[state_hash] = request

    async def use_consent(self, state_hash: bytes, now: datetime) -> ConsentRequest | None:
        return self.states.pop(state_hash, None)

    async def former_connection(self, partner_id: PartnerId) -> FormerConnection | None:
        return self.former.get(partner_id)

    async def save_choice(self, choice: PendingChoice) -> None:
        self.choices[choice.partner_id] = choice

    async def pending_choice(self, partner_id: PartnerId) -> PendingChoice | None:
        return self.choices.get(partner_id)

    async def connect(self, grant: ConsentGrant) -> bool:
        account = grant.business.account_id
        if any(who != grant.partner_id and held.account_id == account for who, held in self.former.items()):
            return False
        self.connected[grant.partner_id] = grant
        self.former[grant.partner_id] = FormerConnection(account_id=account, business_name=grant.business.name)
        self.choices.pop(grant.partner_id, None)
        return True

    async def ask_disconnect(self, partner_id: PartnerId, who: str, now: datetime) -> bool:
        self.asked.append((partner_id, who, now))
        return partner_id in self.connected

    async def account_choice(self, partner_id: PartnerId) -> AccountChoice | None:
        return self.accounts.get(partner_id)

    async def save_account_choice(self, partner_id: PartnerId, choice: AccountChoice, who: str, now: datetime) -> None:
        self.accounts[partner_id] = choice

    async def account_created(self, partner_id: PartnerId, account: LedgerAccount, who: str) -> None:
        self.created.append((account.name, who))


def member(name: str, account_id: str | None, role: str = "owner") -> Membership:
    account = None if account_id is None else AccountId(account_id)
    return Membership(name=name, business_id=1, business_uuid="u", account_id=account, role=role)


@dataclass
class Authority:
    """FreshBooks' login: one person's businesses, or a failure at one of the steps."""

    members: Sequence[Membership] = (member("Hale IT", "A1"),)
    scopes: frozenset[str] = frozenset(NEEDED_SCOPES)
    exchange_fails: Exception | None = None
    identity_fails: Exception | None = None
    revoke_fails: Exception | None = None
    begun: list[tuple[str, str]] = field(default_factory=list)
    exchanged: list[tuple[str, str]] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    def authorize_url(self, state: str, verifier: str) -> str:
        self.begun.append((state, verifier))
        return f"https://auth.example/?state={state}"

    async def exchange(self, code: str, verifier: str) -> TokenPair:
        self.exchanged.append((code, verifier))
        if self.exchange_fails is not None:
            raise self.exchange_fails
        return TokenPair(access_token="at", refresh_token="rt", expires_at=START, scopes=self.scopes)

    async def identity(self, access_token: str) -> Identity:
        if self.identity_fails is not None:
            raise self.identity_fails
        return Identity(identity_id=1, email="robin@hale.example", memberships=tuple(self.members))

    async def revoke(self, access_token: str) -> None:
        self.revoked.append(access_token)
        if self.revoke_fails is not None:
            raise self.revoke_fails


class Sealer:
    def seal(self, partner_id: PartnerId, pair: TokenPair) -> SealedTokens:
        return SealedTokens(
            access_token=f"{partner_id}/{pair.access_token}".encode(),
            refresh_token=f"{partner_id}/{pair.refresh_token}".encode(),
            expires_at=pair.expires_at,
        )

    def open(self, partner_id: PartnerId, sealed: SealedTokens) -> TokenPair:
        raise AssertionError("nothing is opened in a consent")


@dataclass
class World:
    store: Store = field(default_factory=Store)
    authority: Authority = field(default_factory=Authority)
    clock: Clock = field(default_factory=Clock)
    flow: ConsentFlow = field(init=False)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.flow = ConsentFlow(
            store=self.store,
            authority=self.authority,
            sealer=Sealer(),
            clock=self.clock,
            secret=lambda: f"secret-{next(numbers)}",
        )

    async def consent(
        self, partner_id: PartnerId = P, *, code: str | None = "the-code", error: str | None = None
    ) -> ConsentOutcome:
        """Begin, go through FreshBooks and come back."""
        address = await self.flow.begin(partner_id, SESSION)
        assert isinstance(address, str)
        return await self.flow.complete(SESSION, state=address.rpartition("=")[2], code=code, error=error)
