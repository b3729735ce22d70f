"""Whether the daemon is alive and ready, as the internal listener tells it."""

import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import anyio

from daemon.actors.ports import Clock
from daemon.adapters.http.internal import Check
from daemon.app.heartbeat import STALE_AFTER_S, Heartbeat
from daemon.core.errors import StoreUnavailable

POSTGRES_FRESH_S: Final = 5.0
"""For so long one answer about Postgres is good enough, however often it is asked for."""
POSTGRES_PATIENCE_S: Final = 2.0
NAMES_MAX: Final = 5


class Phase(enum.StrEnum):
    """Where in its life the daemon is."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"


class DaemonHealth:
    """Fulfils the internal listener's Health port. FreshBooks being down makes nobody unready."""

    def __init__(self, clock: Clock, heartbeat: Heartbeat) -> None:
        self._clock = clock
        self._heartbeat = heartbeat
        self._ask_postgres: Callable[[], Awaitable[object]] | None = None
        self._postgres: tuple[float, Check] | None = None
        self._asking = anyio.Lock()
        self.phase = Phase.STARTING
        self.settings_refused = ""

    def watch_postgres(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Look at Postgres from now on by asking so; before, it is not there."""
        self._ask_postgres = ask

    def alive(self) -> Sequence[Check]:
        """Tell whether the loop and every supervisor come round; asks no database."""
        age, stalled = self._heartbeat.age_s, self._heartbeat.stalled()
        return (
            Check(name="event_loop", ok=age < STALE_AFTER_S, detail=f"last beat {age:.1f} s ago"),
            Check(name="supervisors", ok=not stalled, detail=_names(stalled)),
        )

    async def ready(self) -> Sequence[Check]:
        """Look at the phase, Postgres and the settings; settings that were refused leave the former ones at work."""
        phase = Check(name="phase", ok=self.phase is Phase.RUNNING, detail=self.phase.value)
        settings = Check(name="settings", ok=True, detail=self.settings_refused or "in force")
        return (phase, await self._postgres_check(), settings)

    async def _postgres_check(self) -> Check:
        async with self._asking:
            if self._postgres is None or self._clock.monotonic() - self._postgres[0] > POSTGRES_FRESH_S:
                self._postgres = (self._clock.monotonic(), await self._look_at_postgres())
            return self._postgres[1]

    async def _look_at_postgres(self) -> Check:
        if self._ask_postgres is None:
            return Check(name="postgres", ok=False, detail="not opened yet")
        try:
            with anyio.fail_after(POSTGRES_PATIENCE_S):
                await self._ask_postgres()
        except (StoreUnavailable, TimeoutError) as error:
            return Check(name="postgres", ok=False, detail=str(error) or "it did not answer in time")
        return Check(name="postgres", ok=True)


def _names(stalled: Sequence[str]) -> str:
    if not stalled:
        return "all move"
    more = f" and {len(stalled) - NAMES_MAX} more" if len(stalled) > NAMES_MAX else ""
    return f"do not move: {', '.join(stalled[:NAMES_MAX])}{more}"
