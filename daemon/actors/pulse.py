"""A supervisor's pulse: when it will have moved again, unless it hangs."""

import math

from daemon.actors.ports import Clock


class Pulse:
    """Holds a promise to beat again; a broken one tells that its owner hangs. It costs no timer and no task."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = math.inf

    def beat(self, again_within_s: float | None = 0.0) -> None:
        """Move, and promise the next beat: at once while working, later while waiting; None promises nothing."""
        self._due = math.inf if again_within_s is None else self._clock.monotonic() + again_within_s

    def hurry(self) -> None:
        """Expect the owner now: it has been woken."""
        self._due = min(self._due, self._clock.monotonic())

    @property
    def late_s(self) -> float:
        """For how long the promise has been broken; 0 while it has not."""
        return max(0.0, self._clock.monotonic() - self._due)
