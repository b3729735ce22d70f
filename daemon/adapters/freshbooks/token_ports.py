"""What keeping tokens needs of the world, as Protocols."""

from datetime import datetime
from typing import Protocol

from daemon.core.consent import RefreshClaim, SealedTokens, StoredTokens, TokenPair
from daemon.core.model import PartnerId


class TokenStore(Protocol):
    """Where the sealed tokens stand. Raises of all: StoreUnavailable."""

    async def load_tokens(self, partner_id: PartnerId) -> StoredTokens | None:
        """Load a partner's tokens."""
        ...

    async def replace_tokens(self, partner_id: PartnerId, generation: int, tokens: SealedTokens) -> bool:
        """Store a new pair as `generation` + 1 if the row still has `generation`; False when it has moved.

        It ends the claim of `begin_refresh`.
        """
        ...

    async def begin_refresh(self, partner_id: PartnerId, generation: int, claim_s: float) -> RefreshClaim | None:
        """Claim the refresh of this generation for so many seconds, before FreshBooks is asked.

        None when the row has moved, or another process holds the claim.
        """
        ...

    async def end_refresh(self, partner_id: PartnerId, generation: int, unanswered_since: datetime | None) -> None:
        """End a claim whose refresh brought no pair, and keep since when FreshBooks' answer is missing."""
        ...

    async def forget_tokens(self, partner_id: PartnerId) -> None:
        """Delete a partner's tokens."""
        ...


class Keys(Protocol):
    """Encrypts a secret for one field of one partner."""

    def encrypt(self, secret: str, *, partner_id: str, field: str) -> bytes:
        """Seal a secret."""
        ...

    def decrypt(self, sealed: bytes, *, partner_id: str, field: str) -> str:
        """Open what `encrypt` sealed for the same field of the same partner."""
        ...


class Refresher(Protocol):
    """The part of FreshBooks' OAuth that tokens live by; FreshBooksOAuth fulfils it."""

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair. Raises AuthorizationLost, FreshBooksUnavailable."""
        ...

    async def revoke(self, access_token: str) -> None:
        """End a token. Raises FreshBooksUnavailable."""
        ...


class Clock(Protocol):
    """Durations only: when a token ends is FreshBooks' word."""

    def monotonic(self) -> float:
        """Tell seconds on a clock that never steps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...
