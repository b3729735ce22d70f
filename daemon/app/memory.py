"""How the daemon keeps Python's garbage collector from stopping everybody's work."""

import gc
from typing import Final

_YOUNG: Final = 10_000
"""Objects between two collections: a page of invoices makes thousands that are gone with it anyway."""


def settle() -> None:
    """Take what was made by now, which lasts as long as the daemon, out of all later collections, and collect less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
