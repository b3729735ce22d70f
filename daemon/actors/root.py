"""The root supervisor: one child per partner, restarted with backoff, parked when beyond help, retuned on reload."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
from anyio.abc import TaskGroup, TaskStatus

from daemon.actors.supervisor import Supervisor
from daemon.actors.world import World
from daemon.core.backoff import backoff_delay
from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.reconcile import plan
from daemon.core.state import State
from daemon.core.usage import Shares

RESTARTS_MAX = 5
"""So many crashes within RESTART_WINDOW are more than bad luck: the child is parked (restart intensity)."""
RESTART_WINDOW = timedelta(minutes=10)
RECONCILE_INTERVAL = timedelta(minutes=1)
LISTEN_RETRY = timedelta(seconds=1)
STALLED_AFTER = timedelta(minutes=3)
"""A supervisor that should have moved so long ago hangs: longer than any statement Postgres is given time for."""
SPREAD_PER_PARTNER = timedelta(milliseconds=10)
SPREAD_MAX = timedelta(minutes=3)


@dataclass(slots=True, kw_only=True)
class _Child:
    supervisor: Supervisor
    crashes: deque[datetime] = field(default_factory=deque)
    parked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildView:
    """One child as the fleet page and the readiness check see it; `parked` is why it is not restarted any more."""

    partner_id: PartnerId
    state: State
    parked: str | None


class RootSupervisor:
    """Keeps one supervisor per connected partner running; a failing child never takes another one down."""

    def __init__(self, world: World, policy: Policy) -> None:
        self._world = world
        self._policy = policy
        self._children: dict[PartnerId, _Child] = {}
        self._draining = False
        self._stop = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Start a child per partner, report ready, then follow wakes and reconcile until drained."""
        async with anyio.create_task_group() as group:
            await self._reconcile(group, first=True)
            task_status.started()
            async with anyio.create_task_group() as watchers:
                watchers.start_soon(self._follow_wakes, group)
                watchers.start_soon(self._reconcile_regularly, group)
                await self._stop.wait()
                watchers.cancel_scope.cancel()

    def views(self) -> tuple[ChildView, ...]:
        """Show every child."""
        return tuple(
            ChildView(partner_id=partner_id, state=child.supervisor.state, parked=child.parked)
            for partner_id, child in sorted(self._children.items())
        )

    def budgets(self) -> Mapping[PartnerId, Shares]:
        """Tell how much of its budgets at FreshBooks every partner uses."""
        return self._world.limiters.shares()

    def stalled(self) -> tuple[PartnerId, ...]:
        """Name the partners whose supervisors hang: a fault of ours that only a fresh process is sure to mend."""
        late = STALLED_AFTER.total_seconds()
        return tuple(sorted(name for name, child in self._children.items() if child.supervisor.late_s > late))

    def apply_policy(self, policy: Policy) -> int:
        """Hand a reloaded policy to every child it changes; tell how many that were. No effect in flight is lost."""
        self._policy = policy
        running = {partner_id: child.supervisor.policy for partner_id, child in self._children.items()}
        retunes = plan(running.keys(), running, policy).retunes
        for partner_id in retunes:
            self._children[partner_id].supervisor.retune(policy)
        return len(retunes)

    def drain(self) -> None:
        """Let effects in flight finish and start no more; `run` returns once all children have ended."""
        self._draining = True
        for child in self._children.values():
            child.supervisor.drain()
        self._stop.set()

    # ---- children ----------------------------------------------------------------------------------------------------

    async def _reconcile(self, group: TaskGroup, *, first: bool = False) -> None:
        desired = frozenset(await self._world.store.partners())
        running = {partner_id: child.supervisor.policy for partner_id, child in self._children.items()}
        starts = plan(desired, running, self._policy).starts
        spread = min(SPREAD_PER_PARTNER * len(starts), SPREAD_MAX) if first else timedelta(0)
        for partner_id in sorted(starts):
            self._start(partner_id, group, spread)

    def _start(self, partner_id: PartnerId, group: TaskGroup, spread: timedelta) -> None:
        if self._draining:
            return
        self._children[partner_id] = _Child(supervisor=Supervisor(partner_id, self._world, self._policy))
        group.start_soon(self._supervise, partner_id, spread)

    async def _supervise(self, partner_id: PartnerId, spread: timedelta) -> None:
        """Run a child for as long as it is wanted: one_for_one, with restart intensity."""
        child = self._children[partner_id]
        while True:
            try:
                await child.supervisor.run(spread)
            except Exception as error:  # noqa: BLE001 the one place where a bug in one partner's work ends: log, count, restart
                if not await self._may_restart(partner_id, child, error):
                    return
            else:
                if self._draining or not child.supervisor.is_rung:
                    break
            child.supervisor = Supervisor(partner_id, self._world, self._policy)
        del self._children[partner_id]
        self._world.limiters.forget(partner_id)
        self._world.telemetry.partner_gone(partner_id)

    async def _may_restart(self, partner_id: PartnerId, child: _Child, error: Exception) -> bool:
        """Count a crash; wait the backoff, or park the child when it crashed too often."""
        now = self._world.clock.now()
        child.crashes.append(now)
        while child.crashes[0] < now - RESTART_WINDOW:
            child.crashes.popleft()
        if len(child.crashes) > RESTARTS_MAX:
            child.parked = f"crashed {len(child.crashes)} times in {RESTART_WINDOW}: {type(error).__name__}: {error}"
            self._world.telemetry.child_parked(partner_id, child.parked)
            return False
        delay = backoff_delay(len(child.crashes), partner_id, self._policy.backoff).total_seconds()
        self._world.telemetry.child_crashed(partner_id, error, delay)
        with anyio.move_on_after(delay):
            await self._stop.wait()
        return not self._draining

    # ---- what wakes children -----------------------------------------------------------------------------------------

    async def _follow_wakes(self, group: TaskGroup) -> None:
        while True:
            try:
                await self._follow(group)
            except StoreUnavailable as error:
                self._world.telemetry.call_failed(PartnerId("*"), "listen", str(error), 1, LISTEN_RETRY.total_seconds())
            await self._world.clock.sleep(LISTEN_RETRY.total_seconds())

    async def _follow(self, group: TaskGroup) -> None:
        async with self._world.store.wakes() as wakes:
            async for partner_id, kind in wakes:
                child = self._children.get(partner_id)
                if child is not None and (child.parked is None or kind != "connection"):
                    child.supervisor.ring(kind)
                elif kind == "connection":
                    # A new partner, or a parked one that a person touched: begin afresh.
                    self._start(partner_id, group, timedelta(0))

    async def _reconcile_regularly(self, group: TaskGroup) -> None:
        while True:
            await self._world.clock.sleep(RECONCILE_INTERVAL.total_seconds())
            try:
                await self._reconcile(group)
            except StoreUnavailable as error:
                self._world.telemetry.call_failed(
                    PartnerId("*"), "reconcile", str(error), 1, RECONCILE_INTERVAL.total_seconds()
                )
