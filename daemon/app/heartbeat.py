"""The event loop's pulse: measures how late the loop is, and feeds systemd's watchdog from the loop itself."""

from collections.abc import Callable
from typing import Final, Protocol

from daemon.actors.ports import Clock

INTERVAL_S: Final = 0.5
STALE_AFTER_S: Final = 10.0
"""A loop that has not come round for so long is not alive."""


class Watchdog(Protocol):
    """What wants to hear that the loop still turns."""

    @property
    def watchdog_interval_s(self) -> float | None: ...

    def watchdog(self) -> None:
        """Hear it."""
        ...


class Heartbeat:
    """Beats as long as the loop turns."""

    def __init__(self, clock: Clock, watchdog: Watchdog, observe_lag: Callable[[float], None]) -> None:
        self._clock = clock
        self._watchdog = watchdog
        self._observe_lag = observe_lag
        self._beat_at = clock.monotonic()

    @property
    def age_s(self) -> float:
        """How long ago the last beat was."""
        return self._clock.monotonic() - self._beat_at

    async def run(self) -> None:
        """Beat for ever."""
        interval_s = min(INTERVAL_S, self._watchdog.watchdog_interval_s or INTERVAL_S)
        while True:
            await self._clock.sleep(interval_s)
            now = self._clock.monotonic()
            self._observe_lag(max(0.0, now - self._beat_at - interval_s))
            self._beat_at = now
            if self._watchdog.watchdog_interval_s is not None:
                self._watchdog.watchdog()
