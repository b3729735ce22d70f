"""A chain of refresh tokens with both its ends: FreshBooks, where each works once, and the row that keeps it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel

from daemon.adapters.crypto import KeyRing
from daemon.adapters.freshbooks.tokens import TokenKeeper, TokenSealer
from daemon.core.consent import RefreshClaim, SealedTokens, StoredTokens, TokenPair
from daemon.core.errors import AuthorizationLost, FreshBooksUnavailable, StoreUnavailable
from daemon.core.model import PartnerId

P = PartnerId("p1")
OTHER = PartnerId("p2")
KEYS = KeyRing.from_base64({"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="})
SEALER = TokenSealer(KEYS)
ENDS = datetime(2026, 8, 5, tzinfo=UTC)


def pair(number: int) -> TokenPair:
    return TokenPair(
        access_token=f"access-{number}",
        refresh_token=f"refresh-{number}",
        expires_at=ENDS + timedelta(hours=number),
        scopes=frozenset({"user:invoices:read"}),
    )


@dataclass
class Store:
    """Rows in memory; `fails` counts the writes that are to fail, `commits_anyway` lets those stand."""

    rows: dict[PartnerId, StoredTokens] = field(default_factory=dict)
    claimed: set[PartnerId] = field(default_factory=set)
    unanswered: dict[PartnerId, datetime] = field(default_factory=dict)
    fails: int = 0
    commits_anyway: bool = False
    writes: int = 0
    reads: int = 0

    async def load_tokens(self, partner_id: PartnerId) -> StoredTokens | None:
        await anyio.lowlevel.checkpoint()
        self.reads += 1
        return self.rows.get(partner_id)

    async def replace_tokens(self, partner_id: PartnerId, generation: int, tokens: SealedTokens) -> bool:
        await anyio.lowlevel.checkpoint()
        self.writes += 1
        row = self.rows.get(partner_id)
        moved = row is None or row.generation != generation
        if not moved and (not self.fails or self.commits_anyway):
            self.rows[partner_id] = StoredTokens(generation=generation + 1, tokens=tokens)
            self.claimed.discard(partner_id)
            self.unanswered.pop(partner_id, None)
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("the database went away")
        return not moved

    async def begin_refresh(self, partner_id: PartnerId, generation: int, claim_s: float) -> RefreshClaim | None:
        await anyio.lowlevel.checkpoint()
        row = self.rows.get(partner_id)
        if row is None or row.generation != generation or partner_id in self.claimed:
            return None
        self.claimed.add(partner_id)
        before = self.unanswered.get(partner_id)
        self.unanswered.setdefault(partner_id, ENDS)
        return RefreshClaim(began_at=ENDS, unanswered_since=before)

    async def end_refresh(self, partner_id: PartnerId, generation: int, unanswered_since: datetime | None) -> None:
        self.claimed.discard(partner_id)
        if unanswered_since is None:
            self.unanswered.pop(partner_id, None)
        else:
            self.unanswered[partner_id] = unanswered_since

    async def forget_tokens(self, partner_id: PartnerId) -> None:
        self.rows.pop(partner_id, None)

    def put(self, number: int, generation: int, partner_id: PartnerId = P) -> None:
        self.claimed.discard(partner_id)
        self.unanswered.pop(partner_id, None)
        self.rows[partner_id] = StoredTokens(generation=generation, tokens=SEALER.seal(partner_id, pair(number)))


@dataclass
class FreshBooks:
    """FreshBooks' side of the chain: a refresh token works once."""

    live: str = "refresh-1"
    issued: int = 1
    calls: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    down: bool = False
    hold: anyio.Event | None = None

    async def refresh(self, refresh_token: str) -> TokenPair:
        self.calls.append(refresh_token)
        if self.hold is not None:
            await self.hold.wait()
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise FreshBooksUnavailable("down")
        if refresh_token != self.live:
            raise AuthorizationLost("spent")
        self.issued += 1
        fresh = pair(self.issued)
        self.live = fresh.refresh_token
        return fresh

    async def revoke(self, access_token: str) -> None:
        if self.down:
            raise FreshBooksUnavailable("down")
        self.revoked.append(access_token)


@dataclass
class Clock:
    at: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await anyio.lowlevel.checkpoint()


@dataclass
class World:
    store: Store = field(default_factory=Store)
    freshbooks: FreshBooks = field(default_factory=FreshBooks)
    clock: Clock = field(default_factory=Clock)

    def keeper(self) -> TokenKeeper:
        return TokenKeeper(store=self.store, oauth=self.freshbooks, keys=KEYS, clock=self.clock)
