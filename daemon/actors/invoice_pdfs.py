"""Invoices' PDFs: fetched when somebody asks, kept for a while within limits, fetched once however many ask (O4)."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import anyio

from daemon.actors.ports import Clock
from daemon.core.model import InvoiceId, PartnerId

KEPT_FOR: Final = timedelta(hours=12)
BYTES_MAX: Final = 64 * 1024 * 1024
FETCHES_MAX: Final = 4
"""So many PDFs are fetched at once, all partners together."""
Key = tuple[PartnerId, InvoiceId]
Fetch = Callable[[PartnerId, InvoiceId], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Kept:
    body: bytes
    changed_at: datetime
    fetched_at: datetime


@dataclass(slots=True)
class InvoicePdfs:
    """A shelf in memory; what was used least goes first. `fetch` draws on the partner's own budget of calls."""

    clock: Clock
    fetch: Fetch
    bytes_max: int = BYTES_MAX
    _kept: "OrderedDict[Key, _Kept]" = field(default_factory=OrderedDict)
    _bytes: int = 0
    _gate: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(FETCHES_MAX))
    _locks: dict[Key, anyio.Lock] = field(default_factory=dict)

    async def pdf(self, partner_id: PartnerId, invoice_id: InvoiceId, changed_at: datetime) -> bytes:
        """Hand out an invoice's PDF, fetched after the invoice changed last. Raises what `fetch` raises."""
        key = (partner_id, invoice_id)
        lock = self._locks.setdefault(key, anyio.Lock())
        try:
            async with lock:
                found = self._find(key, changed_at)
                if found is not None:
                    return found
                async with self._gate:
                    body = await self.fetch(partner_id, invoice_id)
                self._keep(key, _Kept(body, changed_at, self.clock.now()))
                return body
        finally:
            if not lock.statistics().tasks_waiting and not lock.locked():
                self._locks.pop(key, None)

    def _find(self, key: Key, changed_at: datetime) -> bytes | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.changed_at != changed_at or self.clock.now() - kept.fetched_at > KEPT_FOR:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.body

    def _keep(self, key: Key, kept: _Kept) -> None:
        if len(kept.body) > self.bytes_max:
            return
        self._kept[key] = kept
        self._bytes += len(kept.body)
        while self._bytes > self.bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        self._bytes -= len(self._kept.pop(key).body)
