"""The callback store in memory, and keys that seal nothing, for actors in virtual time."""

from collections.abc import Sequence
from typing import Protocol

from daemon.core.callbacks import FbCallback, SealedVerifier
from daemon.core.exchange import Reread
from daemon.core.model import PartnerId, Scope
from daemon.core.state import Connection


class Rows(Protocol):
    """The store that this one is a part of."""

    connections: dict[PartnerId, Connection]

    def notify(self, partner_id: PartnerId, kind: str) -> None: ...

    async def is_asked(self, scope: Scope, reread: Reread) -> bool: ...

    async def ask_reread(self, scope: Scope, rereads: Sequence[Reread]) -> None: ...


class PlainKeys:
    """Fulfils Keys without hiding anything."""

    def encrypt(self, secret: str, *, partner_id: str, field: str) -> bytes:
        return f"{partner_id}/{field}/{secret}".encode()

    def decrypt(self, sealed: bytes, *, partner_id: str, field: str) -> str:
        return sealed.decode().removeprefix(f"{partner_id}/{field}/")


class MemoryCallbacks:
    """Fulfils CallbackStore."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.audited: list[str] = []
        self.kept: dict[Scope, dict[tuple[int, str], SealedVerifier]] = {}

    async def is_account_of(self, scope: Scope) -> bool:
        connection = self._rows.connections.get(scope.partner_id)
        return connection is not None and connection.scope == scope

    async def verifiers(self, scope: Scope) -> tuple[SealedVerifier, ...]:
        return tuple(self.kept.get(scope, {}).values())

    async def verifier_arrived(self, scope: Scope, callback_id: int, sealed: bytes, verifier: str) -> bool:
        row = SealedVerifier(callback_id=callback_id, sealed=sealed, trusted=False)
        self.kept.setdefault(scope, {}).setdefault((callback_id, verifier), row)
        self._rows.notify(scope.partner_id, "callbacks")
        return True

    async def trust(self, scope: Scope, callback_id: int, verifier: str) -> None:
        rows = self.kept[scope]
        row = rows[callback_id, verifier]
        self.kept[scope] = {key: value for key, value in rows.items() if key[0] != callback_id}
        self.kept[scope][callback_id, verifier] = SealedVerifier(
            callback_id=callback_id, sealed=row.sealed, trusted=True
        )

    async def reject(self, scope: Scope, callback_id: int, verifier: str) -> None:
        del self.kept[scope][callback_id, verifier]

    async def keep(self, scope: Scope, callback_ids: Sequence[int]) -> None:
        rows = self.kept.get(scope, {})
        self.kept[scope] = {key: row for key, row in rows.items() if not row.trusted or row.callback_id in callback_ids}

    async def forget(self, scope: Scope) -> None:
        self.kept.pop(scope, None)

    async def registered(self, scope: Scope, callback: FbCallback) -> None:
        self.audited.append(f"registered {callback.event}")

    async def deleted(self, scope: Scope, callback: FbCallback) -> None:
        self.audited.append(f"deleted {callback.event}")

    async def ring(self, scope: Scope, reread: Reread) -> bool:
        waiting = await self._rows.is_asked(scope, reread)
        await self._rows.ask_reread(scope, [reread])
        self._rows.notify(scope.partner_id, "reread")
        return not waiting
