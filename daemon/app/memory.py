"""How the daemon keeps Python's garbage collector from stopping everybody's work."""

import gc
from collections.abc import Callable
from typing import Final

from daemon.actors.ports import Clock

_THRESHOLDS: Final = (10_000, 5, 2)
"""A page of invoices makes thousands of objects that are gone with it anyway; a full collection comes after 100,000."""
_LOOK_S: Final = 0.25
_GROWTH: Final = 500
"""So many more supervisors are worth another collection: few enough that it stops everybody only for a moment."""


def settle() -> None:
    """Take what was made by now, which lasts as long as the daemon, out of all later collections, and collect less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


async def keep_settled(supervisors: Callable[[], int], clock: Clock) -> None:
    """Settle anew for ever as a fleet grows: most of a large one comes after the start, in lots.

    What a supervisor is told later replaces what it was told before, in values that the collector never looks at
    (core/model/quick.py). So nothing else is taken out of its way: what it has to find stays where it looks.
    """
    most = supervisors()
    while True:
        await clock.sleep(_LOOK_S)
        count = supervisors()
        if count >= most + _GROWTH:
            settle()
            most = count
