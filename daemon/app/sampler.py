"""Reads regularly how all partners stand, for the gauges and for systemd's status line."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from structlog.stdlib import BoundLogger

from daemon.actors.ports import Clock
from daemon.adapters.metrics import Metrics
from daemon.adapters.postgres.fleet_store import FleetStore
from daemon.core.errors import StoreUnavailable
from daemon.core.fleet import FleetRow

INTERVAL_S: Final = 15.0


class FleetSampler:
    """Samples for as long as it runs and tells each sample; without Postgres the last one stands, and its age tells."""

    def __init__(
        self,
        fleet: FleetStore,
        metrics: Metrics,
        tell: Callable[[Sequence[FleetRow]], None],
        clock: Clock,
        log: BoundLogger,
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._tell = tell
        self._clock = clock
        self._log = log

    async def run(self) -> None:
        """Sample for ever."""
        while True:
            await self.sample()
            await self._clock.sleep(INTERVAL_S)

    async def sample(self) -> None:
        """Sample once."""
        try:
            rows = await self._fleet.fleet()
        except StoreUnavailable as error:
            self._log.debug("sample_missed", reason=str(error))
            return
        self._metrics.set_fleet(rows, self._clock.now())
        self._tell(rows)


def describe(rows: Sequence[FleetRow]) -> str:
    """Say in one line how the fleet stands."""
    counts = Counter(row.status.value for row in rows)
    parked = sum(row.parked is not None for row in rows)
    unpushed = sum(row.unpushed for row in rows)
    parts = [f"{counts['connected']} partners connected", f"{counts['pending']} pending"]
    parts += [f"{parked} to reconnect"] if parked else []
    parts += [f"{unpushed} payments on their way"] if unpushed else []
    return "Running: " + ", ".join(parts)
