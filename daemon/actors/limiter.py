"""One partner's gate to FreshBooks: who waits for the budget, served by priority."""

import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TypeVar

import anyio

from daemon.actors.admission import Turn
from daemon.actors.ports import Accounting, Clock, Telemetry
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import PartnerId
from daemon.core.policy import RatePolicy
from daemon.core.rate_limit import Priority, new_budget, retuned, take, throttled
from daemon.core.usage import Shares, Usage, counted, shares

T = TypeVar("T")


@dataclass(slots=True, order=True)
class _Waiter:
    priority: Priority
    turn: int
    create: bool = field(compare=False)
    granted: anyio.Event = field(compare=False, default_factory=anyio.Event)


class Limiter:
    """FreshBooks' two budgets shared by a partner's lanes; a call that waits for the small one lets the others pass."""

    def __init__(self, clock: Clock, policy: RatePolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._budget = new_budget(policy, clock.monotonic())
        self._usage = Usage()
        self._waiting: list[_Waiter] = []
        self._turns = count()

    async def acquire(self, priority: Priority, *, create: bool = False) -> None:
        """Wait until this call may be made; the more urgent priority goes first, then the earlier one."""
        if not self._waiting and self._draw(self._clock.monotonic(), create=create) <= 0:
            return
        waiter = _Waiter(priority=priority, turn=next(self._turns), create=create)
        heapq.heappush(self._waiting, waiter)
        try:
            while not waiter.granted.is_set():
                wait = self._grant()
                if not waiter.granted.is_set():
                    with anyio.move_on_after(wait):
                        await waiter.granted.wait()
        finally:
            self._forget(waiter)

    def throttled(self, retry_after_s: float | None, *, create: bool) -> float:
        """Take in a 429 and tell the lowered rate in calls per second."""
        self._budget = throttled(self._budget, self._clock.monotonic(), retry_after_s, create=create)
        return self._budget.creates.rate if create else self._budget.calls.rate

    def retune(self, policy: RatePolicy) -> None:
        """Apply a reloaded rate at once; what was drawn stays drawn."""
        if policy == self._policy:
            return
        self._policy = policy
        self._budget = retuned(self._budget, policy, self._clock.monotonic())

    def shares(self) -> Shares:
        """Tell how much of the budgets is in use."""
        return shares(self._usage, self._policy, self._clock.monotonic())

    def _grant(self) -> float:
        """Let everyone through who may go now; tell how long the next one has to wait."""
        now = self._clock.monotonic()
        soonest = _WAIT_MAX_S
        for waiter in sorted(self._waiting):
            wait = self._draw(now, create=waiter.create)
            if wait > 0:
                soonest = min(soonest, wait)
            else:
                waiter.granted.set()
        self._waiting = [waiter for waiter in self._waiting if not waiter.granted.is_set()]
        heapq.heapify(self._waiting)
        return soonest

    def _draw(self, now: float, *, create: bool) -> float:
        """Draw one call if it may be made now; else tell how long it would have to wait."""
        budget, wait = take(self._budget, now, create=create)
        if wait <= 0:
            self._budget = budget
            self._usage = counted(self._usage, self._policy, now, create=create)
        return wait

    def _forget(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            heapq.heapify(self._waiting)


class Limiters:
    """Every partner's gate: whoever calls FreshBooks for a partner draws on the same budget.

    A supervisor that starts anew finds what the one before it had drawn.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gates: dict[PartnerId, Limiter] = {}

    def of(self, partner_id: PartnerId, policy: RatePolicy) -> Limiter:
        """Hand out the partner's gate; the policy counts for one that is made anew."""
        gate = self._gates.get(partner_id)
        if gate is None:
            gate = self._gates[partner_id] = Limiter(self._clock, policy)
        return gate

    def shares(self) -> Mapping[PartnerId, Shares]:
        """Tell how much of its budgets every partner uses."""
        return {partner_id: gate.shares() for partner_id, gate in self._gates.items()}

    def forget(self, partner_id: PartnerId) -> None:
        """Give up the gate of a partner who is gone."""
        self._gates.pop(partner_id, None)


_WAIT_MAX_S = 60.0
"""A waiter looks at the budget again at the latest after this long, whatever the budget said."""


THROTTLED_TRIES_MAX = 5
"""How often a read is made before its being refused counts as a failure of what it belongs to."""
THROTTLED_WAIT_MAX = timedelta(seconds=5)
"""Whoever is told to wait longer than this gives the work back, to be taken up then."""


class Line:
    """One partner's line to FreshBooks: every call passes the limiter, and every 429 is taken to heart.

    While it waits, its effect's `turn` is aside; what belongs to a payment has none, and never waits for one.
    """

    def __init__(
        self,
        partner_id: PartnerId,
        accounting: Accounting,
        limiter: Limiter,
        telemetry: Telemetry,
        turn: Turn | None = None,
    ) -> None:
        self._partner_id = partner_id
        self._accounting = accounting
        self._limiter = limiter
        self._telemetry = telemetry
        self._turn = turn

    async def __call__(self, priority: Priority, ask: Callable[[Accounting], Awaitable[T]]) -> T:
        """Make one reading call when the budget allows it.

        One that is refused for its number alone is made again some times: nothing that it belongs to has failed.
        """
        async with self.aside():
            for _ in range(THROTTLED_TRIES_MAX - 1):
                await self._limiter.acquire(priority)
                try:
                    return await self.ask(ask)
                except FreshBooksUnavailable as error:
                    if not error.throttled or (error.retry_after or timedelta(0)) > THROTTLED_WAIT_MAX:
                        raise
            await self._limiter.acquire(priority)
            return await self.ask(ask)

    @asynccontextmanager
    async def paced(self, priority: Priority) -> AsyncIterator[None]:
        """Wait for the budget of one call that is made elsewhere, and let it be made."""
        async with self.aside():
            await self._limiter.acquire(priority)
            with self._calling():
                yield

    def aside(self) -> AbstractAsyncContextManager[None]:
        """Wait for what others do."""
        return nullcontext() if self._turn is None else self._turn.aside()

    def ahead(self) -> "Line":
        """Make the same line for calls whose answers are awaited later, maybe by another effect."""
        turn = None if self._turn is None else self._turn.ahead()
        return Line(self._partner_id, self._accounting, self._limiter, self._telemetry, turn)

    async def draw(self, priority: Priority) -> None:
        """Wait for the budget of one call that is made elsewhere."""
        await self._limiter.acquire(priority)

    async def ask(self, ask: Callable[[Accounting], Awaitable[T]]) -> T:
        """Make one reading call whose budget was drawn before."""
        return await self._call(ask, create=False)

    async def draw_create(self, priority: Priority) -> None:
        """Wait for the budget of one create, so that nothing waits between the last check and the request (W4)."""
        await self._limiter.acquire(priority, create=True)

    async def create(self, ask: Callable[[Accounting], Awaitable[T]]) -> T:
        """Make one creating call whose budget was drawn before."""
        return await self._call(ask, create=True)

    async def _call(self, ask: Callable[[Accounting], Awaitable[T]], *, create: bool) -> T:
        try:
            with self._calling():
                return await ask(self._accounting)
        except FreshBooksUnavailable as error:
            if error.throttled:
                asked = error.retry_after.total_seconds() if error.retry_after else None
                self._telemetry.throttled(self._partner_id, self._limiter.throttled(asked, create=create))
            raise

    def _calling(self) -> AbstractContextManager[None]:
        return nullcontext() if self._turn is None else self._turn.visit.admission.calling()

    @property
    def partner_id(self) -> PartnerId:
        """Whose line it is."""
        return self._partner_id

    @property
    def decoder(self) -> Accounting:
        """The account itself, for what costs no call: decoding."""
        return self._accounting
