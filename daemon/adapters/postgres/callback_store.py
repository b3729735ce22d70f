"""The verifiers of FreshBooks' callbacks, and the bell that a delivery rings."""

import hashlib
from collections.abc import Sequence

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.adapters.postgres.push_changes import OURSELVES, audit, notify
from daemon.adapters.postgres.reread_queue import is_queued, queue
from daemon.core.callbacks import FbCallback, SealedVerifier
from daemon.core.exchange import Reread
from daemon.core.model import PartnerId, Scope

_SQL = queries.load("callbacks")
CANDIDATES_MAX = 12
"""So many verifiers may wait for their proof per account; anyone can send one."""


class CallbackStore:
    """Each method is one transaction; verifiers are sealed by whoever stores them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def is_account_of(self, scope: Scope) -> bool:
        """Whether this account is the partner's connected one."""
        async with self._source.connection() as connection:
            return await connection.fetchval(_SQL["account_of"], *_key(scope)) is not None

    async def verifiers(self, scope: Scope) -> tuple[SealedVerifier, ...]:
        """List the account's verifiers."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["known"], *_key(scope))
        return tuple(
            SealedVerifier(callback_id=row["callback_id"], sealed=row["verifier"], trusted=row["trusted"])
            for row in rows
        )

    async def verifier_arrived(self, scope: Scope, callback_id: int, sealed: bytes, verifier: str) -> bool:
        """Keep a candidate and wake the supervisor; False when there are too many, or the account is not connected."""
        async with self._source.transaction() as connection:
            stored = await connection.fetchval(
                _SQL["arrived"], *_key(scope), callback_id, sealed, _digest(verifier), CANDIDATES_MAX
            )
            if stored is not None:
                await notify(connection, scope.partner_id, "callbacks")
        return stored is not None

    async def trust(self, scope: Scope, callback_id: int, verifier: str) -> None:
        """Store that FreshBooks took a verifier."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["trust"], *_key(scope), callback_id, _digest(verifier))

    async def reject(self, scope: Scope, callback_id: int, verifier: str) -> None:
        """Forget a candidate that FreshBooks did not take."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["reject"], *_key(scope), callback_id, _digest(verifier))

    async def keep(self, scope: Scope, callback_ids: Sequence[int]) -> None:
        """Forget what was trusted and is registered no more."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["keep"], *_key(scope), list(callback_ids))

    async def forget(self, scope: Scope) -> None:
        """Forget all verifiers of an account (C6)."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["forget"], *_key(scope))

    async def registered(self, scope: Scope, callback: FbCallback) -> None:
        """Audit that FreshBooks was asked to ring for an event (T2)."""
        await self._audit(scope, "registered a webhook in FreshBooks", callback)

    async def deleted(self, scope: Scope, callback: FbCallback) -> None:
        """Audit that FreshBooks rings no more for an event (T2)."""
        await self._audit(scope, "deleted a webhook in FreshBooks", callback)

    async def _audit(self, scope: Scope, what: str, callback: FbCallback) -> None:
        async with self._source.writing(scope.partner_id) as connection:
            await audit(
                connection,
                scope.partner_id,
                who=OURSELVES,
                what=what,
                subject=f"callback/{callback.id}",
                after={"event": callback.event, "uri": callback.uri},
            )

    async def ring(self, scope: Scope, reread: Reread) -> bool:
        """Ask for one object to be read again, and wake the supervisor; tell whether it was not waiting already."""
        async with self._source.transaction() as connection:
            waiting = await is_queued(connection, scope, reread)
            await queue(connection, scope, [reread])
            await notify(connection, scope.partner_id, "reread")
        return not waiting


def _key(scope: Scope) -> tuple[PartnerId, str]:
    return scope.partner_id, scope.account_id


def _digest(verifier: str) -> bytes:
    return hashlib.sha256(verifier.encode()).digest()
