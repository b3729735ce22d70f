"""The sandbox's own clock: the only place in this package that reads real time."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What the clock shows and how it moves; `rate` is sandbox seconds per real second (0 = standing still)."""

    now: datetime
    rate: float


class Clock:
    """A clock that can be set, advanced, stopped and sped up.

    Starts at `start` (default: the real time) and runs at `rate`.
    """

    def __init__(self, *, start: datetime | None = None, rate: float = 1.0) -> None:
        """Start the clock; `start` must be aware."""
        self._rate = rate
        self._anchor_real_s = time.monotonic()
        self._anchor = (start or real_now()).astimezone(UTC)

    @property
    def rate(self) -> float:
        """Sandbox seconds per real second."""
        return self._rate

    def now(self) -> datetime:
        """The present moment of the sandbox, aware UTC."""
        elapsed_s = (time.monotonic() - self._anchor_real_s) * self._rate
        return self._anchor + timedelta(seconds=elapsed_s)

    def read(self) -> ClockReading:
        """The moment and the rate together."""
        return ClockReading(now=self.now(), rate=self._rate)

    def set(self, moment: datetime) -> None:
        """Jump to `moment` (aware); the rate stays."""
        self._anchor_real_s = time.monotonic()
        self._anchor = moment.astimezone(UTC)

    def advance(self, step: timedelta) -> None:
        """Jump by `step`, which may be negative."""
        self.set(self.now() + step)

    def resume(self, *, at: datetime, real_at: datetime, rate: float, not_before: datetime | None) -> None:
        """Go on from an earlier run's clock, which showed `at` at the real moment `real_at`.

        It never shows a moment before `not_before`, when something was written last.
        """
        moment = at + (real_now() - real_at) * rate
        self.set(moment if not_before is None else max(moment, not_before))
        self._rate = rate

    def set_rate(self, rate: float) -> None:
        """Change the speed from this moment on; 0 stops the clock."""
        self.set(self.now())
        self._rate = rate


def real_now() -> datetime:
    """The real moment, aware UTC, for finding out how long a sandbox was stopped."""
    return datetime.now(UTC)


def stopwatch_s() -> float:
    """Real seconds of a monotonic stopwatch, for measuring latency."""
    return time.perf_counter()


async def wait_s(seconds: float) -> None:
    """Wait in real time: latency and delivery delays are felt by a client whatever the sandbox's own clock does."""
    await asyncio.sleep(seconds)
