"""The sealed tokens of each partner, replaced by compare-and-set on their generation."""

from datetime import datetime

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Conn, Source
from daemon.core.consent import RefreshClaim, SealedTokens, StoredTokens
from daemon.core.model import PartnerId

_SQL = queries.load("connections")


class TokenStore:
    """The blobs are opaque here: sealed for this partner and field by whoever stores them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def load_tokens(self, partner_id: PartnerId) -> StoredTokens | None:
        """Load a partner's tokens with their generation; None when there are none."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["load_tokens"], partner_id)
        if row is None:
            return None
        return StoredTokens(generation=row["generation"], tokens=sealed_of(row, row["expires_at"]))

    async def replace_tokens(self, partner_id: PartnerId, generation: int, tokens: SealedTokens) -> bool:
        """Store a new pair; False, and nothing stored, when the stored generation is no longer `generation`."""
        async with self._source.connection() as connection:
            stored = await connection.fetchval(
                _SQL["replace_tokens"],
                partner_id,
                generation,
                tokens.access_token,
                tokens.refresh_token,
                tokens.expires_at,
                tokens.scope,
            )
        return stored is not None

    async def begin_refresh(self, partner_id: PartnerId, generation: int, claim_s: float) -> RefreshClaim | None:
        """Claim the refresh of this generation for so many seconds, by the database's clock alone.

        None when the generation has moved, or another process holds the claim.
        """
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["begin_refresh"], partner_id, generation, claim_s)
        if row is None:
            return None
        return RefreshClaim(began_at=row["began_at"], unanswered_since=row["unanswered_since"])

    async def end_refresh(self, partner_id: PartnerId, generation: int, unanswered_since: datetime | None) -> None:
        """End a claim whose refresh brought no pair, and keep since when FreshBooks' answer is missing."""
        async with self._source.connection() as connection:
            await connection.execute(_SQL["end_refresh"], partner_id, generation, unanswered_since)

    async def forget_tokens(self, partner_id: PartnerId) -> None:
        """Delete a partner's tokens."""
        async with self._source.connection() as connection:
            await connection.execute(_SQL["forget_tokens"], partner_id)


async def store_tokens(connection: Conn, partner_id: PartnerId, tokens: SealedTokens) -> None:
    """Store the pair of a new consent, whatever was there; the generation goes up."""
    await connection.execute(
        _SQL["store_tokens"],
        partner_id,
        tokens.access_token,
        tokens.refresh_token,
        tokens.expires_at,
        tokens.scope,
    )


def sealed_of(row: asyncpg.Record, expires_at: datetime) -> SealedTokens:
    """Read the sealed pair of a row."""
    return SealedTokens(
        access_token=row["access_token"],
        refresh_token=row["refresh_token"],
        expires_at=expires_at,
        scope=row["scope"],
    )
