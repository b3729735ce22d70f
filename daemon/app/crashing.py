"""Ends the process at a named point of the write-back path, for tests against a local FreshBooks only (W4)."""

import ipaddress
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from daemon.actors.crash_points import CrashPoint, Reached, pass_by
from daemon.app.errors import StartRefused

VARIABLE: Final = "FRESHBOOKS_SYNCD_CRASH_AT"
"""Names the point; read once, at the start."""
CRASHED: Final = 137


def crash_points(environ: Mapping[str, str], api_url: str) -> Reached:
    """Tell what to do at each point: nothing, unless the variable names one.

    Raises StartRefused for an unknown point, and where the daemon works on a FreshBooks that is not on this machine.
    """
    asked = environ.get(VARIABLE)
    if asked is None:
        return pass_by
    if asked not in set(CrashPoint):
        raise StartRefused(f"{VARIABLE} is {asked!r}: unset it, or name one of {', '.join(CrashPoint)}")
    if not _is_local(urlsplit(api_url).hostname or ""):
        raise StartRefused(f"{VARIABLE} is set, but freshbooks.api_url is not on this machine: unset it")

    def end(point: CrashPoint) -> None:
        if point == asked:
            os._exit(CRASHED)

    return end


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
