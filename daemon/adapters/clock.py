"""The daemon's one reader of time."""

import time
from datetime import UTC, datetime
from typing import Final

import anyio

WALL_CLOCK_CHECK_S: Final = 60.0


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Tell the wall clock as aware UTC; it may be stepped."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tell seconds on a clock that never steps (CLOCK_MONOTONIC), for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long; not at all when it is zero or less, except that others get their turn."""
        await anyio.sleep(seconds)

    async def sleep_until(self, deadline: datetime) -> None:
        """Wait for a point in time, and notice within a minute when the wall clock is stepped meanwhile."""
        while (remaining_s := (deadline - self.now()).total_seconds()) > 0:
            await self.sleep(min(remaining_s, WALL_CLOCK_CHECK_S))
