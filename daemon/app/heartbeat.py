"""The event loop's pulse: measures how late it is, and feeds systemd's watchdog while the supervisors move too."""

from collections.abc import Callable, Sequence
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
        self._ask_stalled: Callable[[], Sequence[str]] = tuple
        self._beat_at = self._fed_at = clock.monotonic()

    @property
    def age_s(self) -> float:
        """How long ago the last beat was."""
        return self._clock.monotonic() - self._beat_at

    def watch(self, stalled: Callable[[], Sequence[str]]) -> None:
        """Starve the watchdog from now on while `stalled` names anybody."""
        self._ask_stalled = stalled

    def stalled(self) -> Sequence[str]:
        """Who should have moved long ago and has not."""
        return self._ask_stalled()

    async def run(self) -> None:
        """Beat for ever."""
        interval_s = min(INTERVAL_S, self._watchdog.watchdog_interval_s or INTERVAL_S)
        while True:
            await self._clock.sleep(interval_s)
            now = self._clock.monotonic()
            self._observe_lag(max(0.0, now - self._beat_at - interval_s))
            self._beat_at = now
            self._feed(now, interval_s)

    def _feed(self, now: float, interval_s: float) -> None:
        patience_s = self._watchdog.watchdog_interval_s
        # Asking every supervisor costs something in a large fleet, so the watchdog is fed no oftener than it needs.
        if patience_s is not None and now - self._fed_at >= patience_s - interval_s and not self._ask_stalled():
            self._watchdog.watchdog()
            self._fed_at = now
