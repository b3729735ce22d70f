"""The dashboard's sessions, known by the hash of their id alone."""

from dataclasses import dataclass, field
from datetime import datetime

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.core.model import PartnerId

_SQL = queries.load("connections")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A signed-in browser: whose dashboard it shows."""

    session_hash: bytes = field(repr=False)
    partner_id: PartnerId
    csrf: str = field(repr=False)
    expires_at: datetime


class SessionStore:
    """Each method is one transaction."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def open_session(
        self, session_hash: bytes, partner_id: PartnerId, csrf: str, created_at: datetime, expires_at: datetime
    ) -> bool:
        """Store a session and drop those that ended; False when the platform knows no such partner."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["drop_old_sessions"], created_at)
            opened = await connection.fetchval(
                _SQL["open_session"], session_hash, partner_id, csrf, created_at, expires_at
            )
        return opened is not None

    async def find_session(self, session_hash: bytes, now: datetime) -> StoredSession | None:
        """Look a live session up by the hash of its id."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["find_session"], session_hash, now)
        if row is None:
            return None
        return StoredSession(
            session_hash=row["session_hash"],
            partner_id=PartnerId(row["partner_id"]),
            csrf=row["csrf"],
            expires_at=row["expires_at"],
        )

    async def use_link(self, link_hash: bytes, expires_at: datetime, now: datetime) -> bool:
        """Remember until it ends that a link was followed, and drop those that ended; False when it was before."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["drop_old_links"], now)
            return await connection.fetchval(_SQL["use_link"], link_hash, expires_at) is not None

    async def close_session(self, session_hash: bytes) -> None:
        """Forget a session."""
        async with self._source.connection() as connection:
            await connection.execute(_SQL["close_session"], session_hash)
