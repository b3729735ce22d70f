"""One partner's supervisor: wait for an event or the deadline, take a step, start effects, feed answers back."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

import anyio
import anyio.lowlevel

from daemon.actors.admission import Visit
from daemon.actors.performer import LANE_OF, Attempt, Performer
from daemon.actors.pulse import Pulse
from daemon.actors.read_ahead import ReadAhead
from daemon.actors.world import World
from daemon.core import events
from daemon.core.backfill import Feed
from daemon.core.backoff import backoff_delay
from daemon.core.effects import LaneEffect, StoreEffect
from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.schedule import lane_of, may_go_on, wake_at
from daemon.core.state import Connection, NotConnected, State, shown
from daemon.core.transition import restore, transition

T = TypeVar("T")

URGENT = frozenset({"push", "reread", "connection"})
"""What is announced for a payment, by FreshBooks or by a person lets in whatever it would have to wait behind."""
WAIT_MAX = timedelta(minutes=5)
"""A supervisor looks at its deadlines at least this often, so that a stepped wall clock is noticed."""


class Supervisor:
    """Owns all that one partner's synchronisation is: state, limiter, lanes. Nothing else touches them.

    While nothing is in flight it is a state and a deadline, and no task: of ten thousand most wait.
    """

    def __init__(self, partner_id: PartnerId, world: World, policy: Policy, spread: timedelta = timedelta(0)) -> None:
        self.partner_id = partner_id
        self._world = world
        self._draining = False
        self._policy = policy
        self._limiter = world.limiters.of(partner_id, policy.rate)
        self._limiter.retune(policy.rate)
        self._performer = Performer(partner_id, world, self._limiter, lambda: not self._draining, self._may_go_on)
        self._spread: timedelta | None = spread
        self._retune_spread = timedelta(0)
        self._rung: set[str] = set()
        self._answers: list[events.Event] = []
        self._bell: anyio.Event | None = None
        self._visit: Visit | None = None
        self._has_looked = False
        self._pulse = Pulse(world.clock)
        self._state: State = NotConnected(partner_id=partner_id)

    @property
    def state(self) -> State:
        """The current state, for the fleet page and for tests."""
        return self._state

    @property
    def has_begun(self) -> bool:
        """Whether it has read what is stored."""
        return self._spread is None

    @property
    def may_stand_back(self) -> bool:
        """Whether nothing but its first look awaits it, which has time: no payment, and no ring that is urgent."""
        knows_of_a_push = not isinstance(self._state, NotConnected) and self._state.connection.push_open
        return not (self._has_looked or knows_of_a_push or self._rung & URGENT)

    @property
    def is_served(self) -> bool:
        """Whether its first look is done, or has been let in at least."""
        return self._has_looked or (self._visit is not None and self._visit.is_served)

    @property
    def policy(self) -> Policy:
        """The policy this supervisor runs under."""
        return self._policy

    @property
    def is_rung(self) -> bool:
        """Whether work was announced that no step has seen yet."""
        return bool(self._rung)

    @property
    def late_s(self) -> float:
        """For how long it should have taken a step and has not: 0 unless it hangs."""
        return self._pulse.late_s

    def ring(self, kind: str) -> None:
        """Announce work, such as `push`, `reread` or `connection`. Repeats before it is noticed are one."""
        self._rung.add(kind)
        if kind in URGENT:
            self._hurry()
        self._wake()

    def retune(self, policy: Policy, spread: timedelta = timedelta(0)) -> None:
        """Take over a reloaded policy; effects in flight go on under the old one.

        What has to be looked for anew is looked for within `spread`, so that not everybody asks together.
        """
        self._policy = policy
        self._retune_spread = spread
        self._limiter.retune(policy.rate)
        self.ring("policy")

    def take_policy(self) -> float | None:
        """Take over a reloaded policy, and tell how long to wait then; None when there is more to do: `work`."""
        if self._rung != {"policy"} or self._answers or not self.has_begun:
            return None
        now = self._world.clock.now()
        state, effects = transition(self._state, events.PolicyChanged(spread=self._retune_spread), now, self._policy)
        if effects:
            return None
        self._rung.clear()
        self._change(state)
        wait_s = self._wait_s()
        self._pulse.beat(wait_s)
        return wait_s

    def drain(self) -> None:
        """Start no further effect and end once those in flight have answered."""
        if self._draining:
            return
        self._draining = True
        self._answers.append(events.DrainAsked())
        self._hurry()
        self._wake()

    async def work(self) -> float | None:
        """Do what there is to do; tell in how many seconds to call again, None once disconnected or drained.

        It is to be called sooner when work is announced. What no event describes is raised, and ends this supervisor
        alone.
        """
        wait_s = None
        try:
            if not self.has_begun and await self._restore():
                wait_s = self._wait_s()
                return wait_s
            event: events.Event | None = await self._heard() or events.Woke()
            while event is not None:
                if effects := await self._step(event):
                    await self._work_off(effects)
                if self._is_over():
                    return None
                event = await self._heard()
            self._has_looked = True
            wait_s = self._wait_s()
            return wait_s
        finally:
            self._bell = None
            self._pulse.beat(wait_s)

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._bell is not None:
            self._bell.set()
        self._pulse.hurry()

    def _hurry(self) -> None:
        """Let what waits for others to make room wait no longer."""
        if self._visit is not None:
            self._visit.hurry()

    def _may_go_on(self, feed: Feed) -> bool:
        return not (self._draining or self._rung) and may_go_on(self._state, feed, self._world.clock.now())

    def _is_over(self) -> bool:
        return isinstance(self._state, NotConnected) or (self._draining and not self._is_busy() and not self._answers)

    def _is_busy(self) -> bool:
        return not isinstance(self._state, NotConnected) and self._state.lanes.are_busy

    async def _restore(self) -> bool:
        """Begin from what is stored; tell whether that was all there is to do before it is called again."""
        connection = await self._connection()
        self._change(restore(connection, self._world.clock.now(), self._policy, self._spread or timedelta(0)))
        self._spread = None
        return not (self._rung or self._answers or self._is_over())

    async def _heard(self) -> events.Event | None:
        """Take an answer, else a doorbell."""
        self._pulse.beat()
        if self._answers:
            return self._answers.pop(0)
        return await self._answer_the_door() if self._rung and not self._draining else None

    async def _next_event(self) -> events.Event:
        """Take what was heard, else wait for it until the state's deadline."""
        while (event := await self._heard()) is None:
            self._bell = anyio.Event()
            wait_s = self._wait_s()
            self._pulse.beat(wait_s)
            with anyio.move_on_after(wait_s):
                await self._bell.wait()
                continue
            self._pulse.beat()
            return events.Woke()
        return event

    async def _answer_the_door(self) -> events.Event:
        kind = "push" if "push" in self._rung else next(iter(self._rung))  # a payment wakes two lanes; it goes first
        self._rung.discard(kind)
        match kind:
            case "push":
                return events.PushArrived()
            case "reread":
                return events.RereadAsked()
            case "callbacks":
                return events.VerifierArrived()
            case "verify":
                return events.VerifyAsked()
            case "policy":
                return events.PolicyChanged(spread=self._retune_spread)
            case _:
                return events.ConnectionChanged(connection=await self._connection())

    async def _connection(self) -> Connection:
        """Read what is stored, together with no more others than Postgres can serve."""

        async def read() -> Connection:
            self._pulse.beat(None)
            async with self._world.admission.start():
                self._pulse.beat()
                return await self._world.store.connection(self.partner_id)

        return await self._durably(read)

    def _wait_s(self) -> float | None:
        if isinstance(self._state, NotConnected) or self._draining:
            return None
        deadline, longest = wake_at(self._state), WAIT_MAX.total_seconds()
        if deadline is None:
            return longest
        now = self._world.clock.now()
        return 0.0 if deadline <= now else min((deadline - now).total_seconds(), longest)

    async def _work_off(self, effects: Sequence[LaneEffect]) -> None:
        """Perform effects, and whatever comes of them and meanwhile, until nothing is in flight."""
        async with anyio.create_task_group() as lanes:
            ahead, visit = ReadAhead(lanes, self._world.clock), self._world.admission.visit()
            self._visit = visit
            while True:
                for effect in effects:
                    if not isinstance(self._state, NotConnected):
                        lanes.start_soon(self._perform, effect, self._state.connection, ahead, visit)
                # What was started goes before the next event: a payment, before its reread.
                await anyio.lowlevel.checkpoint()
                if not self._is_busy():
                    break
                effects = await self._step(await self._next_event())
            ahead.forget()
        self._visit = None

    async def _step(self, event: events.Event) -> Sequence[LaneEffect]:
        """Take one step and store what it has to; what is left of its effects is for the lanes."""
        state, effects = transition(self._state, event, self._world.clock.now(), self._policy)
        for effect in effects:
            if isinstance(effect, StoreEffect):
                await self._durably(partial(self._performer.store, effect, self._policy))
        self._change(state)
        return [effect for effect in effects if not isinstance(effect, StoreEffect)]

    def _change(self, state: State) -> None:
        """Move to the next state: the one line where a supervisor's state changes."""
        before, self._state = self._state, state
        if shown(before) != shown(state):
            status, parked = shown(state)
            self._world.telemetry.state_changed(self.partner_id, status, parked=parked)

    # ---- effects -----------------------------------------------------------------------------------------------------

    async def _perform(self, effect: LaneEffect, connection: Connection, ahead: ReadAhead, visit: Visit) -> None:
        """Perform one lane effect and take in what came of it."""
        lane = LANE_OF[type(effect)]
        failures = 0 if isinstance(self._state, NotConnected) else lane_of(self._state, lane).failures
        attempt = Attempt(effect=effect, lane=lane, failures=failures, connection=connection, policy=self._policy)
        self._answers.append(await self._performer.answer(attempt, ahead, visit))
        self._wake()

    async def _durably(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something with the store, however long Postgres takes: a state is durable before it counts."""
        failures = 0
        while True:
            self._pulse.beat()
            try:
                return await act()
            except StoreUnavailable as error:
                failures += 1
                delay = backoff_delay(failures, f"{self.partner_id}:store", self._policy.backoff).total_seconds()
                self._world.telemetry.call_failed(self.partner_id, "store", str(error), failures, delay)
                self._pulse.beat(delay)
                await self._world.clock.sleep(delay)
