"""FreshBooks' callbacks kept in order, and every delivery heard: verified, turned into a reread, counted (P1)."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from daemon.actors.ports import Clock
from daemon.core.callbacks import (
    EVENTS,
    HANDSHAKE,
    CallbackPlan,
    FbCallback,
    Heard,
    Ring,
    SealedVerifier,
    is_id,
    is_signed,
    object_of,
    plan_callbacks,
)
from daemon.core.errors import FreshBooksRefused, KeyMissing, SecretSpoiled
from daemon.core.exchange import Reread
from daemon.core.model import AccountId, PartnerId, Scope

DEBOUNCE = timedelta(milliseconds=20)
"""One change rings several times; reading it a moment later serves them all."""
VERIFIER_BYTES_MAX = 200


class Callbacks(Protocol):
    """One account's callbacks at FreshBooks. Raises of all: as `Accounting` (ports.py)."""

    async def list(self) -> tuple[FbCallback, ...]:
        """List the account's callbacks."""
        ...

    async def register(self, event: str, uri: str) -> FbCallback:
        """Register a callback; its verifier is then sent to `uri`, maybe before this returns."""
        ...

    async def verify(self, callback_id: int, verifier: str) -> FbCallback:
        """Hand a verifier back; a wrong one is FreshBooksRefused."""
        ...

    async def resend(self, callback_id: int) -> FbCallback:
        """Ask for the verifier once more."""
        ...

    async def delete(self, callback_id: int) -> None:
        """Delete a callback; one that is gone already is fine."""
        ...


class CallbackStore(Protocol):
    """What is stored of callbacks. Each method is one transaction."""

    async def is_account_of(self, scope: Scope) -> bool:
        """Whether this account is the partner's connected one."""
        ...

    async def verifiers(self, scope: Scope) -> tuple[SealedVerifier, ...]:
        """List the account's verifiers."""
        ...

    async def verifier_arrived(self, scope: Scope, callback_id: int, sealed: bytes, verifier: str) -> bool:
        """Keep a candidate and wake the supervisor; False when there are too many."""
        ...

    async def trust(self, scope: Scope, callback_id: int, verifier: str) -> None:
        """Store that FreshBooks took a verifier."""
        ...

    async def reject(self, scope: Scope, callback_id: int, verifier: str) -> None:
        """Forget a candidate that FreshBooks did not take."""
        ...

    async def keep(self, scope: Scope, callback_ids: Sequence[int]) -> None:
        """Forget what was trusted and is registered no more."""
        ...

    async def forget(self, scope: Scope) -> None:
        """Forget all verifiers of an account."""
        ...

    async def registered(self, scope: Scope, callback: FbCallback) -> None:
        """Audit that FreshBooks was asked to ring for an event."""
        ...

    async def deleted(self, scope: Scope, callback: FbCallback) -> None:
        """Audit that FreshBooks rings no more for an event."""
        ...

    async def ring(self, scope: Scope, reread: Reread) -> bool:
        """Ask for one object to be read again, and wake the supervisor; tell whether it was not waiting already."""
        ...


class Keys(Protocol):
    """Seals verifiers for storage."""

    def encrypt(self, secret: str, *, partner_id: str, field: str) -> bytes:
        """Seal a secret for one field of one partner."""
        ...

    def decrypt(self, sealed: bytes, *, partner_id: str, field: str) -> str:
        """Open what `encrypt` sealed."""
        ...


FIELD = "callback_verifier"


@dataclass(frozen=True, slots=True)
class PacedCallbacks:
    """Callbacks whose every call waits for its turn at the partner's limiter."""

    callbacks: Callbacks
    turn: Callable[[], AbstractAsyncContextManager[None]]

    async def list(self) -> tuple[FbCallback, ...]:
        """List the account's callbacks."""
        async with self.turn():
            return await self.callbacks.list()

    async def register(self, event: str, uri: str) -> FbCallback:
        """Register a callback."""
        async with self.turn():
            return await self.callbacks.register(event, uri)

    async def verify(self, callback_id: int, verifier: str) -> FbCallback:
        """Hand a verifier back."""
        async with self.turn():
            return await self.callbacks.verify(callback_id, verifier)

    async def resend(self, callback_id: int) -> FbCallback:
        """Ask for the verifier once more."""
        async with self.turn():
            return await self.callbacks.resend(callback_id)

    async def delete(self, callback_id: int) -> None:
        """Delete a callback."""
        async with self.turn():
            await self.callbacks.delete(callback_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorbell:
    """Registers where FreshBooks rings, and answers when it does; without an address nothing is registered.

    `address` tells where a partner's callbacks lead, or None when the daemon has no public address. `spoiled` hears of
    a verifier that no key opens: it counts as unknown, and its callback is registered anew.
    """

    store: CallbackStore
    keys: Keys
    clock: Clock
    address: Callable[[PartnerId], str | None]
    heard: Callable[[Heard], None]
    spoiled: Callable[[PartnerId, str], None] = lambda _partner, _why: None

    # ---- deliveries --------------------------------------------------------------------------------------------------

    async def deliver(self, partner_id: PartnerId, ring: Ring, signature: str) -> Heard:
        """Hear one delivery: believe it only when FreshBooks signed it, then ask for the object to be read again."""
        outcome = await self._hear(partner_id, ring, signature)
        self.heard(outcome)
        return outcome

    async def _hear(self, partner_id: PartnerId, ring: Ring, signature: str) -> Heard:
        scope = Scope(partner_id=partner_id, account_id=AccountId(ring.get("account_id")))
        if not scope.account_id or not is_id(ring.get("object_id")):
            return Heard.MALFORMED
        if not await self.store.is_account_of(scope):
            return Heard.UNKNOWN
        if ring.get("name") == HANDSHAKE:
            return await self._handshake(scope, ring)
        if not is_signed(ring, signature, await self._trusted(scope)):
            return Heard.FORGED
        rung = object_of(ring)
        if rung is None:
            return Heard.UNKNOWN
        resource, number = rung
        due_at = self.clock.now() + DEBOUNCE
        # A delivery has neither a number nor a time, so one that is replayed can only be folded into what it asks for.
        fresh = await self.store.ring(scope, Reread(resource=resource, id=number, reason="webhook", due_at=due_at))
        return Heard.RANG if fresh else Heard.REPEATED

    async def _trusted(self, scope: Scope) -> list[str]:
        rows = [row for row in await self.store.verifiers(scope) if row.trusted]
        try:
            return [verifier for _, verifier in self._opened(scope, rows)]
        except KeyMissing:
            return []  # polling brings the change, and the supervisor tells which key is missing

    async def _handshake(self, scope: Scope, ring: Ring) -> Heard:
        """Keep a verifier as a candidate: only FreshBooks can tell whether it is the right one."""
        verifier = ring.get("verifier")
        if not verifier or len(verifier.encode()) > VERIFIER_BYTES_MAX:
            return Heard.MALFORMED
        sealed = self.keys.encrypt(verifier, partner_id=scope.partner_id, field=FIELD)
        kept = await self.store.verifier_arrived(scope, int(ring.get("object_id")), sealed, verifier)
        return Heard.HANDSHAKE if kept else Heard.UNKNOWN

    def _opened(self, scope: Scope, rows: Iterable[SealedVerifier]) -> list[tuple[SealedVerifier, str]]:
        opened: list[tuple[SealedVerifier, str]] = []
        for row in rows:
            try:
                opened.append((row, self.keys.decrypt(row.sealed, partner_id=scope.partner_id, field=FIELD)))
            except SecretSpoiled as error:
                self.spoiled(scope.partner_id, str(error))
        return opened

    # ---- registration ------------------------------------------------------------------------------------------------

    async def ensure(self, scope: Scope, callbacks: Callbacks) -> bool:
        """Take the next steps towards every event ringing here; tell whether all of them do now."""
        plan = await self._plan(scope, callbacks, EVENTS)
        if plan is None or plan.is_done:
            return True
        for callback in plan.verify:
            await self._verify(scope, callbacks, callback)
        for callback in plan.delete:
            await self._delete(scope, callbacks, callback)
        for callback in plan.resend:
            await callbacks.resend(callback.id)
        uri = self.address(scope.partner_id)
        for event in plan.register:
            await self.store.registered(scope, await callbacks.register(event, uri or ""))
        left = await self._plan(scope, callbacks, EVENTS)
        return left is None or left.is_done

    async def remove(self, scope: Scope, callbacks: Callbacks) -> None:
        """Delete every callback of ours, before the token that allows it is revoked (C6)."""
        plan = await self._plan(scope, callbacks, ())
        for callback in plan.delete if plan else ():
            await self._delete(scope, callbacks, callback)
        await self.store.forget(scope)

    async def _delete(self, scope: Scope, callbacks: Callbacks, callback: FbCallback) -> None:
        await callbacks.delete(callback.id)
        await self.store.deleted(scope, callback)

    async def _plan(self, scope: Scope, callbacks: Callbacks, events: Sequence[str]) -> CallbackPlan | None:
        uri = self.address(scope.partner_id)
        if uri is None:
            return None
        listed = await callbacks.list()
        await self.store.keep(scope, [callback.id for callback in listed])
        candidates: dict[int, list[str]] = {}
        trusted: dict[int, str] = {}
        for row, verifier in self._opened(scope, await self.store.verifiers(scope)):
            if row.trusted:
                trusted[row.callback_id] = verifier
            else:
                candidates.setdefault(row.callback_id, []).append(verifier)
        return plan_callbacks(listed, uri, candidates, trusted, events)

    async def _verify(self, scope: Scope, callbacks: Callbacks, callback: FbCallback) -> None:
        """Try the verifiers that arrived for a callback; the one that FreshBooks takes is trusted from then on."""
        rows = await self.store.verifiers(scope)
        waiting = [row for row in rows if row.callback_id == callback.id and not row.trusted]
        for _, verifier in self._opened(scope, waiting):
            try:
                answered = await callbacks.verify(callback.id, verifier)
            except FreshBooksRefused:
                await self.store.reject(scope, callback.id, verifier)
                continue
            if answered.verified:
                await self.store.trust(scope, callback.id, verifier)
                return
            await self.store.reject(scope, callback.id, verifier)
