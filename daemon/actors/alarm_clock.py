"""One clock for all who wait: whom to wake, and when. Who waits costs an entry in it, and no task."""

import heapq
import math

import anyio
import anyio.lowlevel

from daemon.actors.ports import Clock
from daemon.core.model import PartnerId

SLACK = 100
"""So many alarms that are off may stay in the heap, and as many as there are that are on."""
LOT = 100
"""So many are woken together; between two lots everybody else has a turn."""

GRAIN_S = 0.001
"""The loop's timers are this coarse: who waited for less would look at the clock again and again until it is time."""


class AlarmClock:
    """Holds at most one alarm a partner; alarms that were set anew or put off stay in the heap until their time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alarms: dict[PartnerId, float] = {}
        self._heap: list[tuple[float, PartnerId]] = []
        self._sooner = anyio.Event()

    def __contains__(self, partner_id: PartnerId) -> bool:
        """Whether the partner has an alarm that has not rung."""
        return partner_id in self._alarms

    def set(self, partner_id: PartnerId, seconds: float) -> None:
        """Ring for the partner in so many seconds, and no more when it would have rung before."""
        at = self._clock.monotonic() + seconds
        self._alarms[partner_id] = at
        if len(self._heap) > 2 * len(self._alarms) + SLACK:
            self._heap = [(at, name) for name, at in self._alarms.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (at, partner_id))
        if self._heap[0] == (at, partner_id):
            self._sooner.set()

    def hurry(self, partner_id: PartnerId) -> None:
        """Let an alarm ring now, unless it is late already; who has none is awake."""
        if self._alarms.get(partner_id, -math.inf) > self._clock.monotonic():
            self.set(partner_id, 0)

    def off(self, partner_id: PartnerId) -> None:
        """Put an alarm off for good."""
        self._alarms.pop(partner_id, None)

    async def ring(self, at_most: int = LOT) -> list[PartnerId]:
        """Wait until an alarm rings; tell whose do, the earliest first, a lot at most. They have none any more."""
        await anyio.lowlevel.checkpoint()
        while not (rung := self._rung(at_most)):
            self._sooner = anyio.Event()
            first_s = max(self._heap[0][0] - self._clock.monotonic(), GRAIN_S) if self._heap else None
            with anyio.move_on_after(first_s):
                await self._sooner.wait()
        return rung

    def _rung(self, at_most: int) -> list[PartnerId]:
        rung: list[PartnerId] = []
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now and len(rung) < at_most:
            at, partner_id = heapq.heappop(self._heap)
            if self._alarms.get(partner_id) == at:
                del self._alarms[partner_id]
                rung.append(partner_id)
        return rung
