"""How the daemon keeps Python's garbage collector from stopping everybody's work."""

import gc
from collections.abc import Callable
from typing import Final

from daemon.actors.ports import Clock

_YOUNG: Final = 10_000
"""Objects between two collections: a page of invoices makes thousands that are gone with it anyway."""


def settle() -> None:
    """Take what was made by now, which lasts as long as the daemon, out of all later collections, and collect less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


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
