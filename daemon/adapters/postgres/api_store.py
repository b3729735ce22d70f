"""The API's own rows: machines' tokens by their hash, and answers by idempotency key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.adapters.postgres.push_changes import audit
from daemon.core.model import PartnerId

_SQL = queries.load("api")
ANSWERS_KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFound:
    """A live token: whose it is, its name and scopes."""

    partner_id: PartnerId
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token as an operator sees it; the token itself is stored nowhere."""

    partner_id: PartnerId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFound:
    """What was answered to the first request with a key; a `status` of None: it is still being worked on."""

    is_same: bool
    status: int | None
    body: str


class ApiStore:
    """Each method is one transaction. All raise StoreUnavailable."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def find_token(self, token_hash: bytes, now: datetime) -> TokenFound | None:
        """Look up a token that is neither revoked nor expired, and note that it was used."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["find_token"], token_hash, now)
        if row is None:
            return None
        return TokenFound(partner_id=PartnerId(row["partner_id"]), name=row["name"], scopes=frozenset(row["scopes"]))

    async def add_token(
        self,
        partner_id: PartnerId,
        name: str,
        token_hash: bytes,
        *,
        scopes: Sequence[str],
        now: datetime,
        expires_at: datetime | None,
        who: str,
    ) -> None:
        """Store a token, audited. Raises LookupError for an unknown partner, ValueError for a name that is taken."""
        async with self._source.writing(partner_id) as connection:
            added = await connection.fetchval(
                _SQL["add_token"], token_hash, partner_id, name, list(scopes), now, expires_at
            )
            if added is None:
                if not await connection.fetchval(_SQL["partner_exists"], partner_id):
                    raise LookupError(f"the platform knows no partner {partner_id}")
                raise ValueError(f"{partner_id} has a live token {name} already: revoke it, or choose another name")
            after: dict[str, object] = {"scopes": list(scopes)}
            what, subject = "made an API token", f"token/{name}"
            await audit(connection, partner_id, who=who, what=what, subject=subject, after=after)

    async def tokens(self, partner_id: PartnerId | None = None) -> tuple[TokenRow, ...]:
        """List the tokens of a partner, or of all, with those that are revoked."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["tokens"], partner_id)
        return tuple(TokenRow(**{**row, "scopes": tuple(row["scopes"])}) for row in rows)

    async def revoke_token(self, partner_id: PartnerId, name: str, now: datetime, who: str) -> bool:
        """End a token at once, audited; False when there is none of this name."""
        async with self._source.writing(partner_id) as connection:
            if await connection.fetchval(_SQL["revoke_token"], partner_id, name, now) is None:
                return False
            await audit(connection, partner_id, who=who, what="revoked an API token", subject=f"token/{name}")
        return True

    async def begin_answer(self, partner_id: PartnerId, key: str, request: bytes, now: datetime) -> AnswerFound | None:
        """Take the key for this request, by its hash; what was kept under it is told, and None means: go ahead."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["drop_old_answers"], partner_id, now - ANSWERS_KEPT)
            if await connection.fetchval(_SQL["begin_answer"], partner_id, key, request, now) is not None:
                return None
            row = await connection.fetchrow(_SQL["kept_answer"], partner_id, key)
        if row is None:  # dropped between the two statements
            return AnswerFound(is_same=True, status=None, body="")
        return AnswerFound(is_same=row["request"] == request, status=row["status"], body=row["body"])

    async def keep_answer(self, partner_id: PartnerId, key: str, status: int, body: str) -> None:
        """Keep what was answered."""
        async with self._source.connection() as connection:
            await connection.execute(_SQL["keep_answer"], partner_id, key, status, body)

    async def drop_answer(self, partner_id: PartnerId, key: str) -> None:
        """Let the key go again: nothing was done."""
        async with self._source.connection() as connection:
            await connection.execute(_SQL["drop_answer"], partner_id, key)
