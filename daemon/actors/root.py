"""The root supervisor: one child per partner, restarted with backoff, parked when beyond help, retuned on reload."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import anyio
from anyio.abc import TaskGroup, TaskStatus

from daemon.actors.ownership import Ownership, SoleOwner
from daemon.actors.supervisor import Supervisor
from daemon.actors.waiting_room import WaitingRoom
from daemon.actors.world import World
from daemon.core.backoff import backoff_delay
from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.reconcile import plan
from daemon.core.state import State
from daemon.core.usage import Shares

RESTARTS_MAX = 5
"""So many crashes within RESTART_WINDOW are more than bad luck: the child is parked (restart intensity)."""
RESTART_WINDOW = timedelta(minutes=10)
LISTEN_RETRY = timedelta(seconds=1)
STALLED_AFTER = timedelta(minutes=3)
"""A supervisor that should have moved so long ago hangs: longer than any statement Postgres is given time for."""
SPREAD_PER_PARTNER = timedelta(milliseconds=20)
"""A first look for work costs about half of that: five calls of FreshBooks and twice as many of Postgres."""
SPREAD_MAX = timedelta(minutes=3)
LEAVE_MAX_S = 2.0
"""A stop waits no longer than this for the others to be told; they notice by themselves a little later."""


@dataclass(slots=True, kw_only=True)
class _Child:
    """`scope` is what its work runs in; None while it waits, or is parked."""

    supervisor: Supervisor
    scope: anyio.CancelScope | None = None
    crashes: tuple[datetime, ...] = ()
    parked: str | None = None

    @property
    def stands_in_line(self) -> bool:
        """Whether it is at its first look for work, and waits for others to make room."""
        return self.scope is not None and not self.crashes and not self.supervisor.is_served


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildView:
    """One child as the fleet page and the readiness check see it; `parked` is why it is not restarted any more."""

    partner_id: PartnerId
    state: State
    parked: str | None


class RootSupervisor:
    """Keeps one supervisor per connected partner at work; a failing child never takes another one down.

    A child that has nothing to do waits in the waiting room, and is a task only while it works.
    """

    def __init__(self, world: World, policy: Policy, ownership: Ownership | None = None) -> None:
        self._world = world
        self._policy = policy
        self._ownership = ownership or SoleOwner(world.store, world.clock, world.telemetry)
        self._children: dict[PartnerId, _Child] = {}
        self._waiting = WaitingRoom(world.clock)
        self._draining = False
        self._stop = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Start a child for each partner that is ours, report ready, then follow wakes and ownership until drained."""
        try:
            await self._ownership.start(self._children.keys())
            async with anyio.create_task_group() as keeper:
                keeper.start_soon(self._ownership.run)
                await self._run_children(task_status)
                keeper.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(LEAVE_MAX_S, shield=True):
                await self._ownership.leave()

    async def _run_children(self, task_status: TaskStatus[None]) -> None:
        async with anyio.create_task_group() as group, anyio.create_task_group() as watchers:
            # First, so that nothing can be asked between what a child reads at its start and the first wake it hears.
            await watchers.start(self._follow_wakes)
            self._reconcile()
            task_status.started()
            watchers.start_soon(self._follow_ownership)
            watchers.start_soon(self._waiting.run, partial(self._wake, group))
            await self._stop.wait()
            watchers.cancel_scope.cancel()

    def views(self) -> tuple[ChildView, ...]:
        """Show every child."""
        return tuple(
            ChildView(partner_id=partner_id, state=child.supervisor.state, parked=child.parked)
            for partner_id, child in sorted(self._children.items())
        )

    def count(self) -> int:
        """Tell how many children there are."""
        return len(self._children)

    def begun(self) -> int:
        """Tell how many of them know where their partner stands."""
        return sum(child.supervisor.has_begun for child in self._children.values())

    def begun_and_served(self) -> int:
        """Tell how many have begun, and count those twice who have looked for work: both leave something behind."""
        return self.begun() + sum(child.supervisor.is_served for child in self._children.values())

    def budgets(self) -> Mapping[PartnerId, Shares]:
        """Tell how much of its budgets at FreshBooks every partner uses."""
        return self._world.limiters.shares()

    def stalled(self) -> tuple[PartnerId, ...]:
        """Name the partners whose supervisors hang: a fault of ours that only a fresh process is sure to mend."""
        late = STALLED_AFTER.total_seconds()
        hang = (name for name, child in self._children.items() if child.supervisor.late_s > late)
        return tuple(sorted(name for name in hang if not self._waiting.stands_back(name)))

    def apply_policy(self, policy: Policy) -> int:
        """Hand a reloaded policy to every child it changes; tell how many that were. No effect in flight is lost."""
        self._policy = policy
        running = {partner_id: child.supervisor.policy for partner_id, child in self._children.items()}
        retunes = plan(running.keys(), running, policy).retunes
        spread = _spread(len(retunes))
        for partner_id in retunes:
            supervisor = self._children[partner_id].supervisor
            supervisor.retune(policy, spread)
            self._waiting.hurry(supervisor)
        return len(retunes)

    def drain(self) -> None:
        """Let effects in flight finish and start no more; `run` returns once all children have ended."""
        self._draining = True
        self._ownership.resign()
        for partner_id in tuple(self._children):
            self._wind_down(partner_id)
        self._stop.set()

    # ---- children ----------------------------------------------------------------------------------------------------

    async def _follow_ownership(self) -> None:
        while True:
            await self._ownership.changed()
            self._reconcile()

    def _wake(self, group: TaskGroup, partner_id: PartnerId) -> _Child:
        child = self._children[partner_id]
        wait_s = child.supervisor.take_policy()
        if wait_s is not None:
            self._waiting.wait(child.supervisor, wait_s)
            return child
        child.scope = anyio.CancelScope()
        group.start_soon(self._supervise, child, child.scope, partner_id)
        return child

    def _reconcile(self) -> None:
        """Start who became ours; let who is given back finish, and cut off who was lost."""
        running = {partner_id: child.supervisor.policy for partner_id, child in self._children.items()}
        found = plan(self._ownership.wanted(), running, self._policy)
        held = self._ownership.held()
        for partner_id in found.stops:
            scope = self._children[partner_id].scope
            if scope is None or partner_id in held:
                self._wind_down(partner_id)
            else:
                scope.cancel()
        spread = _spread(len(running) + len(found.starts)) if len(found.starts) > 1 else timedelta(0)
        for partner_id in sorted(found.starts):
            self._start(partner_id, spread)

    def _start(self, partner_id: PartnerId, spread: timedelta) -> None:
        if not self._draining:
            supervisor = Supervisor(partner_id, self._world, self._policy, spread)
            self._children[partner_id] = _Child(supervisor=supervisor)
            self._waiting.wait(supervisor, 0)

    def _wind_down(self, partner_id: PartnerId) -> None:
        """Let what is in flight finish; a child that waits has nothing to finish."""
        child = self._children[partner_id]
        if child.scope is None:
            self._end(partner_id)
        else:
            child.supervisor.drain()

    async def _supervise(self, child: _Child, scope: anyio.CancelScope, partner_id: PartnerId) -> None:
        """Let a child work for as long as it is wanted: one_for_one, with restart intensity."""
        wait_s = None
        with scope:
            wait_s = await self._work(child, partner_id)
        child.scope = None
        if wait_s is not None and not scope.cancel_called:
            self._waiting.wait(child.supervisor, wait_s)
        elif child.parked is None:
            self._end(partner_id)

    async def _work(self, child: _Child, partner_id: PartnerId) -> float | None:
        """Let a child do what there is to do; tell in how many seconds it has more, None when it has ended."""
        try:
            wait_s = await child.supervisor.work()
        except Exception as error:  # noqa: BLE001 the one place where a bug in one partner's work ends: log, count, restart
            if _is_lease_lost(error):
                self._ownership.lost(partner_id)
                return None
            begins_anew = await self._may_restart(partner_id, child, error)
        else:
            if wait_s is not None:
                return wait_s
            wanted = not self._draining and partner_id in self._ownership.wanted()
            begins_anew = wanted and child.supervisor.is_rung
        if not begins_anew:
            return None
        child.supervisor = Supervisor(partner_id, self._world, self._policy)
        return 0.0

    def _end(self, partner_id: PartnerId) -> None:
        del self._children[partner_id]
        self._waiting.leave(partner_id)
        self._world.limiters.forget(partner_id)
        self._ownership.ended(partner_id)
        self._world.telemetry.partner_gone(partner_id)

    async def _may_restart(self, partner_id: PartnerId, child: _Child, error: Exception) -> bool:
        """Count a crash; wait the backoff, or park the child when it crashed too often."""
        now = self._world.clock.now()
        child.crashes = (*(at for at in child.crashes if at >= now - RESTART_WINDOW), now)
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

    async def _follow_wakes(self, *, task_status: TaskStatus[None]) -> None:
        """Listen, and report so once the first try is over."""
        status: TaskStatus[None] | None = task_status
        while True:
            try:
                await self._follow(status)
            except StoreUnavailable as error:
                self._world.telemetry.call_failed(PartnerId("*"), "listen", str(error), 1, LISTEN_RETRY.total_seconds())
            if status is not None:
                status.started()
            status = None
            await self._world.clock.sleep(LISTEN_RETRY.total_seconds())

    async def _follow(self, status: TaskStatus[None] | None) -> None:
        async with self._world.store.wakes() as wakes:
            if status is not None:
                status.started()
            else:
                self._ring_all()
            async for partner_id, kind in wakes:
                child = self._children.get(partner_id)
                if child is None:
                    if kind in {"connection", "leases"}:
                        self._ownership.hurry()  # perhaps a new partner, or one that another process gave back
                elif child.parked is None or kind != "connection":
                    child.supervisor.ring(kind)
                    self._waiting.hurry(child.supervisor)
                else:
                    # A parked one that a person touched: begin afresh.
                    self._start(partner_id, timedelta(0))

    def _ring_all(self) -> None:
        """Have every child look again for what may have been asked while nobody listened."""
        for child in self._children.values():
            if child.parked is None:
                child.supervisor.ring("missed")  # with what is stored, pushes and rereads are looked for
                child.supervisor.ring("verify")
                self._waiting.hurry(child.supervisor)


def _spread(count: int) -> timedelta:
    """Tell over how long so many look for work: the more there are, the further apart."""
    return min(SPREAD_PER_PARTNER * count, SPREAD_MAX)


def _is_lease_lost(error: Exception) -> bool:
    """Whether nothing is wrong but that another process took the partner over."""
    if isinstance(error, ExceptionGroup):
        return error.split(LeaseLost)[1] is None
    return isinstance(error, LeaseLost)
