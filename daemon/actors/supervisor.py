"""One partner's supervisor: wait for an event or the deadline, take a step, start effects, feed answers back."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from daemon.actors.performer import LANE_OF, Performer
from daemon.actors.pulse import Pulse
from daemon.actors.read_ahead import ReadAhead
from daemon.actors.world import World
from daemon.core import events
from daemon.core.backoff import backoff_delay
from daemon.core.effects import (
    CountPages,
    LaneEffect,
    PullPages,
    StoreEffect,
)
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
    KeyMissing,
    StoreUnavailable,
)
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.schedule import lane_of, wake_at
from daemon.core.state import Connection, Lane, NotConnected, State, shown
from daemon.core.transition import restore, transition

T = TypeVar("T")

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
        self._performer = Performer(partner_id, world, self._limiter, self._goes_on)
        self._spread: timedelta | None = spread
        self._retune_spread = timedelta(0)
        self._rung: set[str] = set()
        self._answers: list[events.Event] = []
        self._bell: anyio.Event | None = None
        self._pulse = Pulse(world.clock)
        self._state: State = NotConnected(partner_id=partner_id)

    @property
    def state(self) -> State:
        """The current state, for the fleet page and for tests."""
        return self._state

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
        """Announce work: `push`, `reread`, `connection` or `policy`. Repeats before it is noticed are one."""
        self._rung.add(kind)
        self._wake()

    def retune(self, policy: Policy, spread: timedelta = timedelta(0)) -> None:
        """Take over a reloaded policy; effects in flight go on under the old one.

        What has to be looked for anew is looked for within `spread`, so that not everybody asks together.
        """
        self._policy = policy
        self._retune_spread = spread
        self._limiter.retune(policy.rate)
        self.ring("policy")

    def drain(self) -> None:
        """Start no further effect and end once those in flight have answered."""
        if self._draining:
            return
        self._draining = True
        self._answers.append(events.DrainAsked())
        self._wake()

    async def work(self) -> float | None:
        """Do what there is to do; tell in how many seconds to call again, None once disconnected or drained.

        It is to be called sooner when work is announced. What no event describes is raised, and ends this supervisor
        alone.
        """
        wait_s = None
        try:
            event: events.Event | None = await self._restored() or await self._heard() or events.Woke()
            while event is not None:
                if effects := await self._step(event):
                    await self._work_off(effects)
                if self._is_over():
                    return None
                event = await self._heard()
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

    def _goes_on(self) -> bool:
        return not self._draining

    def _is_over(self) -> bool:
        return isinstance(self._state, NotConnected) or (self._draining and not self._is_busy() and not self._answers)

    def _is_busy(self) -> bool:
        return not isinstance(self._state, NotConnected) and any(lane_of(self._state, lane).busy for lane in Lane)

    async def _restored(self) -> events.Event | None:
        """Begin, unless it has begun, from what is stored."""
        if self._spread is None:
            return None
        connection = await self._durably(lambda: self._world.store.connection(self.partner_id))
        self._change(restore(connection, self._world.clock.now(), self._policy, self._spread))
        self._spread = None
        return events.Woke()

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
                connection = await self._durably(lambda: self._world.store.connection(self.partner_id))
                return events.ConnectionChanged(connection=connection)

    def _wait_s(self) -> float | None:
        if isinstance(self._state, NotConnected) or self._draining:
            return None
        deadline = wake_at(self._state)
        longest = WAIT_MAX.total_seconds()
        if deadline is None:
            return longest
        now = self._world.clock.now()
        return 0.0 if deadline <= now else min((deadline - now).total_seconds(), longest)

    async def _work_off(self, effects: Sequence[LaneEffect]) -> None:
        """Perform effects, and whatever comes of them and meanwhile, until nothing is in flight."""
        async with anyio.create_task_group() as lanes:
            ahead = ReadAhead(lanes, self._world.clock)
            await self._begin(effects, ahead, lanes)
            while self._is_busy():
                await self._begin(await self._step(await self._next_event()), ahead, lanes)
            ahead.forget()

    async def _begin(self, effects: Sequence[LaneEffect], ahead: ReadAhead, lanes: TaskGroup) -> None:
        for effect in effects:
            if not isinstance(self._state, NotConnected):
                lanes.start_soon(self._perform, effect, self._state.connection, ahead)
        await anyio.lowlevel.checkpoint()  # what was started goes before the next event: a payment, before its reread

    async def _step(self, event: events.Event) -> Sequence[LaneEffect]:
        """Take one step and store what it has to; what is left of its effects is for the lanes."""
        state, effects = transition(self._state, event, self._world.clock.now(), self._policy)
        for effect in effects:
            if isinstance(effect, StoreEffect):
                await self._store(effect)
        self._change(state)
        return [effect for effect in effects if not isinstance(effect, StoreEffect)]

    def _change(self, state: State) -> None:
        """Move to the next state: the one line where a supervisor's state changes."""
        before, self._state = self._state, state
        if shown(before) != shown(state):
            status, parked = shown(state)
            self._world.telemetry.state_changed(self.partner_id, status, parked=parked)

    # ---- effects -----------------------------------------------------------------------------------------------------

    async def _perform(self, effect: LaneEffect, connection: Connection, ahead: ReadAhead) -> None:
        """Perform one lane effect and turn whatever comes of it into an event."""
        lane = LANE_OF[type(effect)]
        began = self._world.clock.monotonic()
        with self._world.telemetry.about(partner=self.partner_id):
            event = await self._answer(effect, lane, connection, ahead)
        seconds = self._world.clock.monotonic() - began
        self._world.telemetry.effect_finished(self.partner_id, type(effect).__name__, type(event).__name__, seconds)
        self._answers.append(event)
        self._wake()

    async def _answer(self, effect: LaneEffect, lane: Lane, connection: Connection, ahead: ReadAhead) -> events.Event:
        attempts = 0 if isinstance(self._state, NotConnected) else lane_of(self._state, lane).failures
        try:
            event = await self._performer.perform(effect, connection, self._policy, ahead)
        except AuthorizationExpired:
            return events.TokenRejected(lane=lane)
        except AuthorizationLost as error:
            # Only a refresh can tell that nothing helps any more.
            return events.TokenLost(reason=str(error)) if lane is Lane.AUTH else events.TokenRejected(lane=lane)
        except (
            FreshBooksUnavailable,
            FreshBooksRefused,
            FreshBooksAnswerInvalid,
            KeyMissing,
            StoreUnavailable,
        ) as error:
            if not attempts and isinstance(effect, CountPages | PullPages):
                await self._performer.note_failure(effect, error, self._policy)
            retry_after = error.retry_after if isinstance(error, FreshBooksUnavailable) else None
            delay = backoff_delay(attempts + 1, f"{self.partner_id}:{lane}", self._policy.backoff, retry_after)
            self._world.telemetry.call_failed(
                self.partner_id, lane, f"{type(error).__name__}: {error}", attempts + 1, delay.total_seconds()
            )
            return events.CallFailed(lane=lane, retry_after=retry_after)
        if attempts:
            self._world.telemetry.call_recovered(self.partner_id, lane, attempts)
        return event

    async def _store(self, effect: StoreEffect) -> None:
        await self._durably(lambda: self._performer.store(effect, self._policy))

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
