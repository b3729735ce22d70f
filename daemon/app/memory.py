"""How the daemon keeps Python's garbage collector from stopping everybody's work."""

import gc
from collections.abc import Callable, Mapping
from typing import Final

from daemon.actors.ports import Clock
from daemon.adapters.clock import SystemClock

_THRESHOLDS: Final = (10_000, 5, 2)
"""A page of invoices makes thousands of objects that are gone with it anyway; a full collection comes after 100,000."""
_FULL: Final = 2
_LONG_S: Final = 0.005
"""What a full collection that lasted longer has kept is there to stay."""


class _Stopwatch:
    """Told by the collector of its work; takes what a long full collection kept out of all later ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = 0.0

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._began = self._clock.monotonic()
        elif info["generation"] == _FULL and self._clock.monotonic() - self._began > _LONG_S:
            gc.freeze()


_STOPWATCH: Final = _Stopwatch(SystemClock())


def settle() -> None:
    """Take what was made by now, which lasts as long as the daemon, out of all later collections, and collect less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    if _STOPWATCH not in gc.callbacks:
        gc.callbacks.append(_STOPWATCH)


_LOOK_S: Final = 0.25
_GROWTH: Final = 500
"""So many more supervisors are worth another collection: few enough that it stops everybody only for a moment."""


async def keep_settled(supervisors: Callable[[], int], clock: Clock) -> None:
    """Settle anew for ever as a fleet grows: most of a large one comes after the start, in lots."""
    most = supervisors()
    while True:
        await clock.sleep(_LOOK_S)
        count = supervisors()
        if count >= most + _GROWTH:
            settle()
            most = count
