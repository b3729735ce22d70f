"""The daemon's one reader of time."""

import time
from datetime import UTC, datetime

import anyio


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Tell the wall clock as aware UTC; it may be stepped."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tell seconds on a clock that never steps (CLOCK_MONOTONIC), for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long; with zero or less, only let others have their turn."""
        await anyio.sleep(max(seconds, 0))
