"""The chain of one-time refresh tokens between the sandbox's OAuth and rows in a real Postgres (C7)."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import anyio
import pytest
from typing_extensions import override

from daemon.adapters.clock import SystemClock
from daemon.adapters.crypto import KeyRing
from daemon.adapters.freshbooks.calls import Call, Caller, open_session
from daemon.adapters.freshbooks.oauth import App, FreshBooksOAuth
from daemon.adapters.freshbooks.token_ports import Refresher
from daemon.adapters.freshbooks.tokens import HELD_S, TokenKeeper, TokenSealer
from daemon.adapters.postgres.token_store import TokenStore, store_tokens
from daemon.core.consent import TokenPair
from daemon.core.errors import AuthorizationExpired, AuthorizationLost, FreshBooksUnavailable, KeyMissing
from daemon.core.model import PartnerId
from daemon.sandbox.command import RunningSandbox
from tests.adapters.freshbooks_servers import a_sandbox
from tests.adapters.postgres_rows import PARTNER, Books
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()
OLD_RING = KeyRing.from_base64({"old": OLD})
TOKEN_CALL = {"method": "POST", "path": "/auth/oauth/token"}
P, OTHER = PartnerId(PARTNER), PartnerId("pt_other")


class QuickClock(SystemClock):
    """Waits a tenth of what is asked, and can be told that time has passed."""

    def __init__(self) -> None:
        self.passed = 0.0

    @override
    def monotonic(self) -> float:
        return super().monotonic() + self.passed

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 10)


@dataclass
class Chain:
    """Both ends of a partner's tokens."""

    sandbox: RunningSandbox
    caller: Caller
    books: Books
    spoiled: list[tuple[str, str]] = field(default_factory=list)
    clock: QuickClock = field(default_factory=QuickClock)

    @property
    def rows(self) -> TokenStore:
        return TokenStore(self.books.pool)

    @property
    def oauth(self) -> FreshBooksOAuth:
        greeting = self.sandbox.greeting
        app = App(
            client_id=greeting["client_id"],
            client_secret=greeting["client_secret"],
            redirect_uri=greeting["redirect_uris"][0],
            scopes=(),
        )
        return FreshBooksOAuth(caller=self.caller, app=app, now=SystemClock().now)

    def process(self, ring: KeyRing = OLD_RING, oauth: Refresher | None = None) -> TokenKeeper:
        """What one process holds."""
        return TokenKeeper(
            store=self.rows,
            oauth=oauth or self.oauth,
            keys=ring,
            clock=self.clock,
            spoiled=lambda who, why: self.spoiled.append((who, why)),
        )

    async def lose(self, kind: str, count: int = 1, **action: Any) -> None:
        """Let FreshBooks' next answers about tokens go wrong."""
        rule = {"match": TOKEN_CALL, "count": count, "action": {"kind": kind, **action}}
        async with self.caller.session.put(f"{self.sandbox.base_url}/_sandbox/faults", json=[rule]) as answer:
            assert answer.status == 200

    async def asked(self) -> int:
        """How often FreshBooks was asked for tokens."""
        async with self.caller.session.get(f"{self.sandbox.base_url}/_sandbox/counters") as answer:
            counted = await answer.json()
        return sum(count for call, count in counted["by_call"].items() if "/oauth/token" in call)

    async def works(self, keeper: TokenKeeper) -> bool:
        """Whether FreshBooks takes the token that a process would use now."""
        self.clock.passed += HELD_S
        token = await keeper.access_token(P)
        try:
            await self.caller.call(Call(method="GET", path="/auth/api/v1/users/me"), token=token)
        except AuthorizationExpired:
            return False
        return True


@pytest.fixture
async def chain(books: Books) -> AsyncIterator[Chain]:
    """A partner whose tokens the sandbox has just given."""
    async with a_sandbox(invoices=(1,)) as sandbox, open_session() as session:
        made = Chain(
            sandbox, Caller(session=session, base_url=sandbox.base_url, user_agent="t", timeout=timedelta(2)), books
        )
        given = TokenPair(
            access_token=sandbox.greeting["access_token"],
            refresh_token=sandbox.greeting["refresh_token"],
            expires_at=SystemClock().now() + timedelta(hours=12),
            scopes=frozenset(),
        )
        async with books.pool.transaction() as connection:
            await store_tokens(connection, P, TokenSealer(OLD_RING).seal(P, given))
        yield made


async def test_a_refresh_is_stored_before_it_is_used(chain: Chain) -> None:
    keeper = chain.process()
    before = await keeper.access_token(P)
    await keeper.refresh(P)
    stored = await chain.rows.load_tokens(P)
    assert stored is not None
    assert stored.generation == 2
    assert await keeper.access_token(P) == TokenSealer(OLD_RING).open(P, stored.tokens).access_token != before
    assert await chain.works(keeper)


# ---- a lost answer ---------------------------------------------------------------------------------------------------


async def test_a_lost_refresh_answer_needs_a_new_consent_and_says_that_the_answer_was_lost(chain: Chain) -> None:
    await chain.lose("timeout_after_commit", hold_s=0)
    keeper = chain.process()
    with pytest.raises(FreshBooksUnavailable):
        await keeper.refresh(P)
    with pytest.raises(AuthorizationLost, match=r"answer to a token refresh begun at .* UTC was lost"):
        await keeper.refresh(P)
    assert await chain.asked() == 2


@pytest.mark.parametrize("kind", ["timeout_before_commit", "status"])
async def test_an_answer_that_was_lost_before_freshbooks_spent_the_token_costs_nothing(chain: Chain, kind: str) -> None:
    await chain.lose(kind, **({"status": 503} if kind == "status" else {"hold_s": 0}))
    keeper = chain.process()
    with pytest.raises(FreshBooksUnavailable):
        await keeper.refresh(P)
    await keeper.refresh(P)
    assert await chain.works(keeper)
    # The next one that is spent was not lost: the mark of the first is gone.
    await chain.oauth.refresh(await refresh_token(chain))
    with pytest.raises(AuthorizationLost, match="spent or revoked"):
        await keeper.refresh(P)


@pytest.mark.parametrize("status", [429, 401])
async def test_an_answer_that_proves_that_nothing_was_spent_leaves_no_doubt_behind(chain: Chain, status: int) -> None:
    await chain.lose("status", status=status, body="json")
    keeper = chain.process()
    with pytest.raises(FreshBooksUnavailable):
        await keeper.refresh(P)
    assert await chain.books.value("SELECT unanswered_since FROM sync.token") is None
    await chain.oauth.refresh(await refresh_token(chain))
    with pytest.raises(AuthorizationLost, match="spent or revoked"):
        await keeper.refresh(P)


async def test_a_process_that_died_with_the_answer_leaves_the_reason_to_the_next_one(chain: Chain) -> None:
    stored = await chain.rows.load_tokens(P)
    assert stored is not None
    assert await chain.rows.begin_refresh(P, stored.generation, 90.0) is not None
    await chain.oauth.refresh(await refresh_token(chain))

    keeper = chain.process()
    with pytest.raises(FreshBooksUnavailable, match="another process is refreshing"):
        await keeper.refresh(P)
    assert await chain.asked() == 1
    await chain.books.execute("UPDATE sync.token SET refreshing_until = now()")
    with pytest.raises(AuthorizationLost, match="was lost"):
        await keeper.refresh(P)


async def test_a_spent_token_is_taken_from_the_newer_generation_where_one_is_recorded(chain: Chain) -> None:
    class TakenMeanwhile:
        """Another process, of before the claims, refreshes and stores right before ours asks."""

        async def refresh(self, refresh_token: str) -> TokenPair:
            fresh = TokenSealer(OLD_RING).seal(P, await chain.oauth.refresh(refresh_token))
            assert await chain.rows.replace_tokens(P, 1, fresh)
            return await chain.oauth.refresh(refresh_token)

        async def revoke(self, access_token: str) -> None:
            await chain.oauth.revoke(access_token)

    keeper = chain.process(oauth=TakenMeanwhile())
    await keeper.refresh(P)
    assert await chain.works(keeper)
    assert await chain.books.value("SELECT generation FROM sync.token") == 2


# ---- two at once, spent, revoked -------------------------------------------------------------------------------------


async def test_two_processes_that_refresh_at_once_ask_freshbooks_once(chain: Chain) -> None:
    await chain.lose("latency", seconds=0.1)
    processes = [chain.process() for _ in range(3)]
    ends = []

    async def refresh(keeper: TokenKeeper) -> None:
        ends.append(await keeper.refresh(P))

    async with anyio.create_task_group() as group:
        for keeper in processes:
            group.start_soon(refresh, keeper)
            group.start_soon(refresh, keeper)
    assert len(set(ends)) == 1
    assert len(ends) == 6
    assert await chain.asked() == 1
    assert all([await chain.works(keeper) for keeper in processes])


async def test_a_spent_token_is_lost_and_nothing_is_said_of_an_answer(chain: Chain) -> None:
    await chain.oauth.refresh(await refresh_token(chain))
    with pytest.raises(AuthorizationLost, match=r"spent or revoked\): connect again"):
        await chain.process().refresh(P)


async def test_a_refusal_of_our_application_leaves_the_partner_s_consent_alone(chain: Chain) -> None:
    keeper = chain.process()
    await chain.lose("status", status=401, body="json")
    with pytest.raises(FreshBooksUnavailable):
        await keeper.refresh(P)
    await keeper.refresh(P)
    assert await chain.works(keeper)


# ---- keys and places -------------------------------------------------------------------------------------------------


async def test_a_rotated_key_goes_on_opening_what_it_sealed_and_the_next_refresh_seals_under_the_new_one(
    chain: Chain,
) -> None:
    keeper = chain.process(KeyRing.from_base64({"new": NEW, "old": OLD}))
    assert await chain.works(keeper)
    await keeper.refresh(P)
    assert await chain.works(chain.process(KeyRing.from_base64({"new": NEW})))


async def test_a_key_that_is_missing_is_the_operator_s_to_mend_and_ends_no_consent(chain: Chain) -> None:
    keeper = chain.process(KeyRing.from_base64({"new": NEW}))
    for ask in (keeper.access_token, keeper.refresh, keeper.revoke):
        with pytest.raises(KeyMissing, match="sealed under the key old, which is not configured: add that key"):
            await ask(P)
    assert await chain.asked() == 0
    assert await chain.works(chain.process())


async def test_a_ciphertext_that_was_moved_to_another_partner_s_row_opens_nothing_and_is_reported(chain: Chain) -> None:
    await chain.books.add_partner(OTHER, "OtherBooks")
    await chain.books.execute(
        "INSERT INTO sync.token (partner_id, generation, access_token, refresh_token, expires_at) "
        "SELECT $1, generation, access_token, refresh_token, expires_at FROM sync.token",
        OTHER,
    )
    keeper = chain.process()
    for ask in (keeper.access_token, keeper.refresh):
        with pytest.raises(AuthorizationLost, match=r"sealed for another place, or altered: connect again"):
            await ask(OTHER)
    assert await chain.asked() == 0
    assert {who for who, _ in chain.spoiled} == {OTHER}
    await keeper.revoke(OTHER)
    assert await chain.works(keeper), "what was copied is still good where it belongs"


async def refresh_token(chain: Chain) -> str:
    stored = await chain.rows.load_tokens(P)
    assert stored is not None
    return TokenSealer(OLD_RING).open(P, stored.tokens).refresh_token
