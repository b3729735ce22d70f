"""Whom a process works for: the root supervisor's view of it, and the case of a process that works for everybody."""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Protocol

import anyio

from daemon.actors.ports import Clock, Telemetry
from daemon.actors.store_ports import ConnectionStore
from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId

LOOK_INTERVAL = timedelta(minutes=1)


class Ownership(Protocol):
    """The root supervisor's view: whom to work for."""

    async def start(self, working: AbstractSet[PartnerId]) -> None:
        """Begin, with the first partners; `working` names, now and later, whom something works for.

        Raises StoreUnavailable.
        """
        ...

    async def run(self) -> None:
        """Keep it up for ever."""
        ...

    async def leave(self) -> None:
        """Hand everything over; quiet when the others cannot be told."""
        ...

    async def changed(self) -> None:
        """Wait until `wanted` or `held` may be others."""
        ...

    def wanted(self) -> AbstractSet[PartnerId]:
        """Whom to work for."""
        ...

    def held(self) -> AbstractSet[PartnerId]:
        """Whose work under way may still end well: who is wanted, and who is being given back."""
        ...

    def ended(self, partner_id: PartnerId) -> None:
        """Hear that nothing works for this partner any more."""
        ...

    def lost(self, partner_id: PartnerId) -> None:
        """Hear that a write for this partner was refused."""
        ...

    def hurry(self) -> None:
        """Look at once whether there is someone to work for."""
        ...

    def resign(self) -> None:
        """Take nobody any more: the process stops."""
        ...


class SoleOwner:
    """Fulfils `Ownership` for the only process there is: every connected partner is its own, and no lease is needed."""

    def __init__(self, store: ConnectionStore, clock: Clock, telemetry: Telemetry) -> None:
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._partners: set[PartnerId] = set()
        self._bell = anyio.Event()
        self._news = anyio.Event()

    async def start(self, working: AbstractSet[PartnerId]) -> None:
        """Look for the partners. Raises StoreUnavailable."""
        del working
        await self._look()

    async def run(self) -> None:
        """Look again every minute, and when asked to hurry."""
        while True:
            with anyio.move_on_after(LOOK_INTERVAL.total_seconds()):
                await self._bell.wait()
            self._bell = anyio.Event()
            try:
                await self._look()
            except StoreUnavailable as error:
                retry_s = LOOK_INTERVAL.total_seconds()
                self._telemetry.call_failed(PartnerId("*"), "reconcile", str(error), 1, retry_s)
            self._news.set()

    async def leave(self) -> None:
        """Nobody is there to take over."""

    async def changed(self) -> None:
        """Wait until the partners were looked for again."""
        await self._news.wait()
        self._news = anyio.Event()

    def wanted(self) -> AbstractSet[PartnerId]:
        """Everybody who is connected."""
        return self._partners

    held = wanted

    def ended(self, partner_id: PartnerId) -> None:
        """Forget a partner until the next look."""
        self._partners.discard(partner_id)

    lost = ended

    def hurry(self) -> None:
        """Look at once."""
        self._bell.set()

    def resign(self) -> None:
        """Nobody else could take them."""

    async def _look(self) -> None:
        self._partners |= frozenset(await self._store.partners())
