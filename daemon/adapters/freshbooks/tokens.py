"""Keeps every partner's tokens: one refresh at a time, compared and set on a generation, stored before use (C7)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from daemon.adapters.freshbooks.token_ports import Clock, Keys, Refresher, TokenStore
from daemon.core.consent import RefreshClaim, SealedTokens, StoredTokens, TokenPair
from daemon.core.errors import (
    AuthorizationLost,
    FreshBooksRefused,
    FreshBooksUnavailable,
    KeyMissing,
    SecretSpoiled,
    StoreUnavailable,
)
from daemon.core.model import PartnerId

ACCESS_FIELD, REFRESH_FIELD = "access_token", "refresh_token"
HELD_S = 10.0
"""How long a token is used before its row is looked at again: another process or a new consent may replace it."""
CLAIM_S = 90.0
"""How long a refresh belongs to whoever began it: longer than FreshBooks' and our row's time-outs together."""
_HELD_MAX = 512
_REREAD_AFTER_S = 2.0
_SPOILED = "the stored FreshBooks tokens were sealed for another place, or altered: connect again"
_REVOKED = "FreshBooks ended this connection (its refresh token is spent or revoked): connect again"


@dataclass(frozen=True, slots=True)
class _Held:
    """An access token in memory, the sealed one it was opened from, and when its row was last looked at."""

    sealed: bytes
    access_token: str = field(repr=False)
    seen_at: float


@dataclass(frozen=True, slots=True)
class _Unstored:
    """A pair that FreshBooks gave for `generation` and that could not be stored yet: kept, never used."""

    generation: int
    tokens: SealedTokens


class _Flight:
    """A refresh under way, and what came of it for those who wait."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.expires_at: datetime | None = None
        self.error: Exception | None = None


class TokenSealer:
    """Fulfils `Sealer` (actors/consent_ports.py): seals a pair field by field."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def seal(self, partner_id: PartnerId, pair: TokenPair) -> SealedTokens:
        """Encrypt a pair for this partner."""
        return SealedTokens(
            access_token=self._keys.encrypt(pair.access_token, partner_id=partner_id, field=ACCESS_FIELD),
            refresh_token=self._keys.encrypt(pair.refresh_token, partner_id=partner_id, field=REFRESH_FIELD),
            expires_at=pair.expires_at,
            scope=" ".join(sorted(pair.scopes)),
        )

    def open(self, partner_id: PartnerId, sealed: SealedTokens) -> TokenPair:
        """Decrypt what `seal` made for the same partner."""
        return TokenPair(
            access_token=self._keys.decrypt(sealed.access_token, partner_id=partner_id, field=ACCESS_FIELD),
            refresh_token=self._keys.decrypt(sealed.refresh_token, partner_id=partner_id, field=REFRESH_FIELD),
            expires_at=sealed.expires_at,
            scopes=frozenset(sealed.scope.split()),
        )


class TokenKeeper:
    """Fulfils `Tokens` (actors/ports.py) and hands out access tokens.

    FreshBooks' refresh tokens work once: a pair that is lost between FreshBooks' answer and our row costs the partner a
    new consent. So a refresh is claimed in the row before FreshBooks is asked, which keeps other processes away and
    tells a later one that an answer is missing; it is shielded from cancellation, and a pair that cannot be stored is
    kept until it can. `spoiled` hears of tokens that no key opens.
    """

    def __init__(
        self,
        *,
        store: TokenStore,
        oauth: Refresher,
        keys: Keys,
        clock: Clock,
        spoiled: Callable[[PartnerId, str], None] = lambda _partner, _why: None,
    ) -> None:
        self._store = store
        self._oauth = oauth
        self._sealer = TokenSealer(keys)
        self._clock = clock
        self._spoiled = spoiled
        self._held: dict[PartnerId, _Held] = {}
        self._unstored: dict[PartnerId, _Unstored] = {}
        self._flights: dict[PartnerId, _Flight] = {}

    async def access_token(self, partner_id: PartnerId) -> str:
        """Hand out the stored access token.

        Raises AuthorizationLost when there is none or it cannot be opened, KeyMissing, StoreUnavailable.
        """
        held = self._held.get(partner_id)
        now = self._clock.monotonic()
        if held is not None and now - held.seen_at < HELD_S:
            return held.access_token
        stored = await self._load(partner_id)
        if held is not None and held.sealed == stored.tokens.access_token:
            self._hold(partner_id, held.sealed, held.access_token)
            return held.access_token
        self._adopt(partner_id, stored.tokens)
        return self._held[partner_id].access_token

    async def refresh(self, partner_id: PartnerId) -> datetime:
        """Exchange the refresh token for a new pair, store it, and tell when the new access token expires.

        Who asks while a refresh is under way gets what comes of that one. A row that another process replaced meanwhile
        is taken as the refresh. Raises AuthorizationLost, FreshBooksUnavailable, KeyMissing, StoreUnavailable.
        """
        flight = self._flights.get(partner_id)
        if flight is None:
            return await self._lead(partner_id)
        await flight.done.wait()
        if flight.expires_at is not None:
            return flight.expires_at
        raise flight.error or FreshBooksUnavailable("the refresh that was under way failed")

    async def revoke(self, partner_id: PartnerId) -> None:
        """Revoke the token at FreshBooks and forget it (C6); one that no key opens can only be forgotten.

        Raises FreshBooksUnavailable, KeyMissing, StoreUnavailable.
        """
        stored = await self._store.load_tokens(partner_id)
        if stored is not None:
            unstored = self._unstored.get(partner_id)
            newest = stored.tokens if unstored is None or unstored.generation != stored.generation else unstored.tokens
            with suppress(AuthorizationLost):
                await self._oauth.revoke(self._open(partner_id, newest).access_token)
            await self._store.forget_tokens(partner_id)
        self._held.pop(partner_id, None)
        self._unstored.pop(partner_id, None)

    async def _lead(self, partner_id: PartnerId) -> datetime:
        flight = self._flights[partner_id] = _Flight()
        try:
            # Bounded by the call's and the store's own time-outs.
            with anyio.CancelScope(shield=True):
                expires_at = flight.expires_at = await self._refresh(partner_id)
        except (AuthorizationLost, FreshBooksUnavailable, KeyMissing, StoreUnavailable) as error:
            flight.error = error
            raise
        finally:
            del self._flights[partner_id]
            flight.done.set()
        return expires_at

    async def _refresh(self, partner_id: PartnerId) -> datetime:
        stored = await self._load(partner_id)
        unstored = self._unstored.pop(partner_id, None)
        if unstored is not None and unstored.generation == stored.generation:
            return await self._persist(partner_id, unstored)
        held, pair = self._held.get(partner_id), self._open(partner_id, stored.tokens)
        if held is not None and held.access_token != pair.access_token:
            return self._adopt(partner_id, stored.tokens)
        claim = await self._store.begin_refresh(partner_id, stored.generation, CLAIM_S)
        if claim is None:
            return await self._adopt_other(partner_id, stored)
        fresh = await self._exchange(partner_id, stored.generation, pair, claim)
        if fresh is None:
            return await self._adopt_moved(partner_id, stored.generation, claim)
        return await self._persist(partner_id, _Unstored(stored.generation, self._sealer.seal(partner_id, fresh)))

    async def _exchange(
        self, partner_id: PartnerId, generation: int, pair: TokenPair, claim: RefreshClaim
    ) -> TokenPair | None:
        """Ask FreshBooks once; None when it says that the token is spent or revoked.

        What proves that FreshBooks did not spend it ends the claim as it was found; else its answer is missing now.
        """
        try:
            return await self._oauth.refresh(pair.refresh_token)
        except AuthorizationLost:
            return None
        except FreshBooksUnavailable as error:
            proven = error.unsent or isinstance(error.__cause__, FreshBooksRefused)
            since = claim.unanswered_since if proven else claim.unanswered_since or claim.began_at
            await self._store.end_refresh(partner_id, generation, since)
            raise

    async def _persist(self, partner_id: PartnerId, unstored: _Unstored) -> datetime:
        """Store a pair, and only then let it be used; a row that has moved meanwhile wins."""
        self._unstored[partner_id] = unstored
        kept = await self._store.replace_tokens(partner_id, unstored.generation, unstored.tokens)
        del self._unstored[partner_id]
        if not kept:
            return self._adopt(partner_id, (await self._load(partner_id)).tokens)
        return self._adopt(partner_id, unstored.tokens)

    async def _adopt_moved(self, partner_id: PartnerId, generation: int, claim: RefreshClaim) -> datetime:
        """Take the row that another process stored with the refresh token we found spent; it may be storing it now."""
        moved = await self._moved(partner_id, generation)
        if moved is not None:
            return self._adopt(partner_id, moved.tokens)
        await self._store.end_refresh(partner_id, generation, claim.unanswered_since)
        raise AuthorizationLost(_REVOKED if claim.unanswered_since is None else _lost(claim.unanswered_since))

    async def _adopt_other(self, partner_id: PartnerId, stored: StoredTokens) -> datetime:
        """Leave the refresh to the process that has begun it, and take its pair."""
        self._adopt(partner_id, stored.tokens)
        moved = await self._moved(partner_id, stored.generation)
        if moved is None:
            raise FreshBooksUnavailable("another process is refreshing these tokens", unsent=True)
        return self._adopt(partner_id, moved.tokens)

    async def _moved(self, partner_id: PartnerId, generation: int) -> StoredTokens | None:
        for wait_s in (0.0, _REREAD_AFTER_S):
            await self._clock.sleep(wait_s)
            stored = await self._load(partner_id)
            if stored.generation != generation:
                return stored
        return None

    async def _load(self, partner_id: PartnerId) -> StoredTokens:
        stored = await self._store.load_tokens(partner_id)
        if stored is None:
            self._held.pop(partner_id, None)
            raise AuthorizationLost("no FreshBooks tokens are stored: connect again")
        return stored

    def _adopt(self, partner_id: PartnerId, tokens: SealedTokens) -> datetime:
        pair = self._open(partner_id, tokens)
        self._hold(partner_id, tokens.access_token, pair.access_token)
        return pair.expires_at

    def _open(self, partner_id: PartnerId, tokens: SealedTokens) -> TokenPair:
        """Open a pair; one that no key opens is lost for good, and only a new consent brings another."""
        try:
            return self._sealer.open(partner_id, tokens)
        except SecretSpoiled as error:
            self._spoiled(partner_id, str(error))
            raise AuthorizationLost(_SPOILED) from error

    def _hold(self, partner_id: PartnerId, sealed: bytes, access_token: str) -> None:
        now = self._clock.monotonic()
        if len(self._held) >= _HELD_MAX:
            self._held = {who: held for who, held in self._held.items() if now - held.seen_at < HELD_S}
        self._held[partner_id] = _Held(sealed, access_token, now)


def _lost(since: datetime) -> str:
    at = since.astimezone(UTC)
    return (
        f"FreshBooks' answer to a token refresh begun at {at:%Y-%m-%d %H:%M} UTC was lost, and the new tokens with it: "
        "connect again"
    )
