"""What the fleet page shows: the latest sample from Postgres, and what this process alone knows of its partners."""

from collections.abc import Sequence
from datetime import datetime

from daemon.actors.ports import Clock
from daemon.actors.root import RootSupervisor
from daemon.adapters.http.fleet_page import FleetSeen
from daemon.core.fleet import FleetRow


class FleetBoard:
    """Fulfils the fleet page's Board; it is there before Postgres is, and then has nothing to show."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: datetime | None = None
        self._rows: Sequence[FleetRow] = ()
        self._root: RootSupervisor | None = None

    def watch(self, root: RootSupervisor) -> None:
        """Show from now on what this root supervisor knows."""
        self._root = root

    def sampled(self, rows: Sequence[FleetRow]) -> None:
        """Take in a sample."""
        self._rows, self._at = rows, self._clock.now()

    def seen(self) -> FleetSeen:
        """Tell how the fleet stood at the latest sample."""
        root, now = self._root, self._clock.now()
        if root is None:
            return FleetSeen(now=now)
        stopped = {view.partner_id: view.parked for view in root.views() if view.parked is not None}
        return FleetSeen(now=now, at=self._at, rows=self._rows, stopped=stopped, shares=root.budgets())
