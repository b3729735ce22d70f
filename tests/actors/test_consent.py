"""The partner's way through FreshBooks' login and back, and Set Up Accounts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from daemon.actors.account_setup import AccountSetup
from daemon.actors.consent import ConsentFlow
from daemon.core.consent import (
    AccountChoice,
    AccountsRefused,
    AccountsSaved,
    ChooseBusiness,
    ConsentConnected,
    ConsentGrant,
    ConsentOutcome,
    ConsentRefused,
    ConsentRequest,
    FormerConnection,
    Identity,
    Membership,
    PendingChoice,
    Refusal,
    SealedTokens,
    TokenPair,
)
from daemon.core.consent_rules import NEEDED_SCOPES
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
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


@pytest.fixture
def world() -> World:
    return World()


def refusal_of(outcome: object) -> Refusal:
    assert isinstance(outcome, ConsentRefused), outcome
    return outcome.refusal


# ---- begin and complete ----------------------------------------------------------------------------------------------


async def test_connect_then_allow_connects_the_only_business(world: World) -> None:
    outcome = await world.consent()
    assert isinstance(outcome, ConsentConnected)
    assert (outcome.business.name, outcome.resumed) == ("Hale IT", False)
    assert "login" in outcome.notice
    grant = world.store.connected[P]
    assert grant.business == outcome.business
    assert grant.tokens.access_token == b"p1/at"
    assert grant.consented_at == START
    assert world.authority.revoked == []


async def test_only_the_hash_of_a_state_is_stored_and_the_verifier_is_another_secret(world: World) -> None:
    await world.flow.begin(P, SESSION)
    ((state, verifier),) = world.authority.begun
    assert list(world.store.states) == [hashlib.sha256(state.encode()).digest()]
    assert world.store.states[hashlib.sha256(state.encode()).digest()].verifier == verifier
    assert state != verifier


async def test_the_code_is_exchanged_with_the_verifier_that_was_begun_with(world: World) -> None:
    await world.consent()
    assert world.authority.exchanged == [("the-code", world.authority.begun[0][1])]


async def test_a_state_is_used_once_even_when_the_first_use_failed(world: World) -> None:
    address = await world.flow.begin(P, SESSION)
    state = str(address).rpartition("=")[2]
    first = await world.flow.complete(OTHER_SESSION, state=state, code="c", error=None)
    again = await world.flow.complete(SESSION, state=state, code="c", error=None)
    assert refusal_of(first) is Refusal.OTHER_SESSION
    assert refusal_of(again) is Refusal.STATE_UNKNOWN
    assert world.authority.exchanged == []


async def test_a_consent_that_took_too_long_is_refused(world: World) -> None:
    address = await world.flow.begin(P, SESSION)
    world.clock.at += timedelta(minutes=10, seconds=1)
    outcome = await world.flow.complete(SESSION, state=str(address).rpartition("=")[2], code="c", error=None)
    assert refusal_of(outcome) is Refusal.STATE_EXPIRED
    assert world.authority.exchanged == []


@pytest.mark.parametrize(
    ("code", "error", "refusal"),
    [
        (None, "access_denied", Refusal.DECLINED),
        (None, "invalid_scope", Refusal.FAILED_AT_FRESHBOOKS),
        (None, None, Refusal.FAILED_AT_FRESHBOOKS),
        ("c", "access_denied", Refusal.DECLINED),
    ],
)
async def test_a_declined_or_failed_consent_connects_nothing(
    world: World, code: str | None, error: str | None, refusal: Refusal
) -> None:
    assert refusal_of(await world.consent(code=code, error=error)) is refusal
    assert world.authority.exchanged == []
    assert world.store.connected == {}


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (FreshBooksRefused("invalid_grant", status=400), Refusal.CODE_REFUSED),
        (FreshBooksUnavailable("down"), Refusal.FRESHBOOKS_UNAVAILABLE),
        (FreshBooksAnswerInvalid("nonsense"), Refusal.FRESHBOOKS_UNAVAILABLE),
    ],
)
async def test_a_code_that_cannot_be_exchanged_is_a_sentence(world: World, error: Exception, refusal: Refusal) -> None:
    world.authority.exchange_fails = error
    assert refusal_of(await world.consent()) is refusal


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (AuthorizationExpired("odd"), Refusal.CODE_REFUSED),
        (FreshBooksRefused("no", status=403), Refusal.CODE_REFUSED),
        (FreshBooksUnavailable("down"), Refusal.FRESHBOOKS_UNAVAILABLE),
        (FreshBooksAnswerInvalid("nonsense"), Refusal.FRESHBOOKS_UNAVAILABLE),
    ],
)
async def test_tokens_whose_owner_stays_unknown_are_revoked(world: World, error: Exception, refusal: Refusal) -> None:
    world.authority.identity_fails = error
    assert refusal_of(await world.consent()) is refusal
    assert world.authority.revoked == ["at"]


@pytest.mark.parametrize("error", [FreshBooksUnavailable("down"), FreshBooksRefused("no", status=400)])
async def test_tokens_that_cannot_be_revoked_do_not_change_the_answer(world: World, error: Exception) -> None:
    world.authority.members = (member("Print Co.", "A2", "client"),)
    world.authority.revoke_fails = error
    assert refusal_of(await world.consent()) is Refusal.NO_BUSINESS


async def test_a_grant_that_lacks_a_needed_scope_is_refused_and_revoked(world: World) -> None:
    world.authority.scopes = frozenset(NEEDED_SCOPES) - {"user:payments:write"}
    assert refusal_of(await world.consent()) is Refusal.SCOPES_MISSING
    assert world.authority.revoked == ["at"]


# ---- one account, one partner ----------------------------------------------------------------------------------------


async def test_an_account_of_another_partner_is_refused(world: World) -> None:
    await world.consent(Q)
    outcome = await world.consent(P)
    assert refusal_of(outcome) is Refusal.ACCOUNT_TAKEN
    assert P not in world.store.connected


async def test_reconnecting_to_the_same_books_resumes(world: World) -> None:
    await world.consent()
    outcome = await world.consent()
    assert isinstance(outcome, ConsentConnected)
    assert outcome.resumed


async def test_other_books_than_before_are_refused(world: World) -> None:
    await world.consent()
    world.authority.members = (member("Elsewhere", "A9"),)
    assert refusal_of(await world.consent()) is Refusal.OTHER_ACCOUNT
    assert world.store.connected[P].business.account_id == "A1"


async def test_nothing_is_begun_while_the_former_connection_is_being_ended(world: World) -> None:
    await world.consent()
    address = await world.flow.begin(P, SESSION)
    world.store.former[P] = replace(world.store.former[P], disconnecting=True)
    assert refusal_of(await world.flow.begin(P, SESSION)) is Refusal.DISCONNECTING
    late = await world.flow.complete(SESSION, state=str(address).rpartition("=")[2], code="c", error=None)
    assert refusal_of(late) is Refusal.DISCONNECTING


# ---- several businesses ----------------------------------------------------------------------------------------------

SEVERAL = (member("Beta", "A2"), member("Alpha", "A1"), member("Print Co.", "A3", "client"), member("Bare", None))


async def test_several_businesses_wait_for_the_partners_choice(world: World) -> None:
    world.authority.members = SEVERAL
    outcome = await world.consent()
    assert isinstance(outcome, ChooseBusiness)
    assert [business.name for business in outcome.offer.businesses] == ["Alpha", "Beta"]
    assert [row.name for row in outcome.offer.not_offered] == ["Print Co.", "Bare"]
    assert world.store.connected == {}
    assert world.authority.revoked == []
    assert await world.flow.offered(P, SESSION) == outcome.offer

    picked = await world.flow.choose(P, SESSION, "A2")

    assert isinstance(picked, ConsentConnected)
    assert world.store.connected[P].business.name == "Beta"
    assert world.store.connected[P].tokens.refresh_token == b"p1/rt"
    assert await world.flow.offered(P, SESSION) is None
    assert refusal_of(await world.flow.choose(P, SESSION, "A2")) is Refusal.CHOICE_EXPIRED


async def test_a_choice_is_shown_to_its_own_session_and_for_ten_minutes(world: World) -> None:
    world.authority.members = SEVERAL
    await world.consent()
    assert await world.flow.offered(P, OTHER_SESSION) is None
    assert refusal_of(await world.flow.choose(P, OTHER_SESSION, "A2")) is Refusal.OTHER_SESSION
    assert refusal_of(await world.flow.choose(P, SESSION, "A3")) is Refusal.NOT_OFFERED
    world.clock.at += timedelta(minutes=10)
    assert await world.flow.offered(P, SESSION) is None
    assert refusal_of(await world.flow.choose(P, SESSION, "A2")) is Refusal.CHOICE_EXPIRED


async def test_a_chosen_account_of_another_partner_leaves_the_choice_open(world: World) -> None:
    world.authority.members = (member("Alpha", "A1"),)
    await world.consent(Q)
    world.authority.members = SEVERAL
    await world.consent()
    assert refusal_of(await world.flow.choose(P, SESSION, "A1")) is Refusal.ACCOUNT_TAKEN
    assert isinstance(await world.flow.choose(P, SESSION, "A2"), ConsentConnected)


async def test_a_choice_that_was_overtaken_by_another_connection_is_refused(world: World) -> None:
    world.authority.members = SEVERAL
    await world.consent()
    world.store.former[P] = FormerConnection(account_id=AccountId("A1"), business_name="Alpha")
    assert refusal_of(await world.flow.choose(P, SESSION, "A2")) is Refusal.OTHER_ACCOUNT
    assert isinstance(await world.flow.choose(P, SESSION, "A1"), ConsentConnected)


async def test_disconnecting_asks_the_supervisor_and_says_whether_there_was_anything(world: World) -> None:
    assert not await world.flow.disconnect(P, "robin")
    await world.consent()
    assert await world.flow.disconnect(P, "robin")
    assert world.store.asked[-1] == (P, "robin", START)


# ---- Set Up Accounts -------------------------------------------------------------------------------------------------


def ledger(key: str, name: str, number: str, parent: str | None = "cash", kind: str = "asset") -> LedgerAccount:
    return LedgerAccount(
        id=key, name=name, number=number, type=kind, sub_type="Cash & Bank", legacy_id=1, parent_id=parent
    )


CHART = [
    ledger("cash", "Cash", "1000", None),
    ledger("petty", "Petty Cash", "1000-1"),
    ledger("bank", "First Bank", "1000-2"),
    ledger("fees", "Bank Fees", "6000-1", "exp", "expense"),
]


@dataclass
class Books:
    chart: list[LedgerAccount] = field(default_factory=lambda: list(CHART))
    made: int = 0

    async def ledger_accounts(self, partner_id: PartnerId) -> tuple[LedgerAccount, ...]:
        return tuple(self.chart)

    async def create_ledger_account(
        self, partner_id: PartnerId, name: str, sub_type: str, parent_id: str
    ) -> LedgerAccount:
        self.made += 1
        assert sub_type == "Cash & Bank"
        account = ledger("new", name, "1000-3", parent_id)
        self.chart.append(account)
        return account


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def setup(world: World, books: Books) -> AccountSetup:
    return AccountSetup(store=world.store, books=books, clock=world.clock)


async def test_undeposited_funds_is_created_once_below_cash(setup: AccountSetup, books: Books) -> None:
    assert (await setup.options(P)).undeposited_funds is None
    made = await setup.create_undeposited_funds(P)
    assert (made.name, made.sub_type, made.parent_id) == ("Undeposited Funds", "Cash & Bank", "cash")
    assert await setup.create_undeposited_funds(P) == made
    assert books.made == 1
    assert (await setup.options(P)).undeposited_funds == made


async def test_books_without_a_head_account_for_cash_cannot_take_undeposited_funds(
    setup: AccountSetup, books: Books
) -> None:
    books.chart = [ledger("fees", "Bank Fees", "6000-1", "exp", "expense")]
    with pytest.raises(FreshBooksRefused, match="Undeposited Funds"):
        await setup.create_undeposited_funds(P)


async def test_a_good_choice_is_stored_and_shown(setup: AccountSetup, world: World) -> None:
    choice = AccountChoice(payments="petty", deposits="bank", fees="fees", record_deposits=True)
    assert await setup.save(P, choice, "robin") == AccountsSaved(choice=choice)
    assert world.store.accounts[P] == choice
    assert (await setup.options(P)).chosen == choice


async def test_a_bad_choice_stores_nothing_and_names_its_problems(setup: AccountSetup, world: World) -> None:
    outcome = await setup.save(P, AccountChoice(payments="petty", deposits="petty"), "robin")
    assert isinstance(outcome, AccountsRefused)
    assert [problem.field for problem in outcome.problems] == ["deposits"]
    assert world.store.accounts == {}
