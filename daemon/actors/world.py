"""All that a supervisor needs of the world, in one value."""

from collections.abc import Callable
from dataclasses import dataclass

from daemon.actors.callbacks import Callbacks, Doorbell
from daemon.actors.limiter import Limiters
from daemon.actors.ports import Accounting, Clock, Telemetry, Tokens
from daemon.actors.store_ports import Store
from daemon.core.state import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports, and how to reach one partner's FreshBooks account and its callbacks."""

    clock: Clock
    store: Store
    tokens: Tokens
    telemetry: Telemetry
    limiters: Limiters
    account: Callable[[Connection], Accounting]
    doorbell: Doorbell
    callbacks: Callable[[Connection], Callbacks]
