"""The named points of the write-back path, at which a test can end the process (W4)."""

import enum
from collections.abc import Callable


class CrashPoint(enum.StrEnum):
    """What is durable, and what FreshBooks may know, differs from each point to the next."""

    CLAIMED = "claimed"
    """The claim is committed; nothing was asked of FreshBooks."""
    LOOKED_UP = "looked_up"
    """A look-up found nothing that was sent before."""
    CHECKED = "checked"
    """The books were read, and it may be posted."""
    FENCED = "fenced"
    """`sending` is committed; nothing was sent."""
    AT_THE_SOCKET = "at_the_socket"
    """The last check has passed; the first byte is about to be written."""
    KNOWN = "known"
    """What became of it is known, and not stored."""
    STORED = "stored"
    """What became of it is committed."""


Reached = Callable[[CrashPoint], None]
"""Told of every point that is reached; in production nobody listens."""


def pass_by(_: CrashPoint) -> None:
    """Do nothing."""
