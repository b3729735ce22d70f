"""All that a supervisor needs of the world, in one value."""

from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.actors.admission import Admission
from daemon.actors.callbacks import Callbacks, Doorbell
from daemon.actors.crash_points import Reached, pass_by
from daemon.actors.limiter import Limiters
from daemon.actors.ports import Accounting, Clock, Telemetry, Tokens
from daemon.actors.store_ports import Store
from daemon.actors.verify_ports import VerifyStore
from daemon.core.model import PartnerId
from daemon.core.state import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports, and how to reach one partner's FreshBooks account and its callbacks.

    `reached` is told of the write-back path's crash points: only tests listen. `holds` tells whether this process may
    still write to FreshBooks for a partner.
    """

    clock: Clock
    store: Store
    verify: VerifyStore
    tokens: Tokens
    telemetry: Telemetry
    limiters: Limiters
    admission: Admission
    account: Callable[[Connection], Accounting]
    doorbell: Doorbell
    callbacks: Callable[[Connection], Callbacks]
    reached: Reached = pass_by
    holds: Callable[[PartnerId], bool] = field(default=lambda _: True)
