"""What a daemon is started with."""

from collections.abc import Callable
from dataclasses import dataclass

from daemon.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Settings, and how to read them anew on a reload.

    `migrate` brings an operator's database up to date first. `demo` lets the pages act as a customer would; no settings
    file can switch it on.
    """

    settings: Settings
    load: Callable[[], Settings]
    migrate: bool = False
    demo: bool = False
