"""The push lane: take due pushes through the protocol, payments before journal entries, a few at once (W4)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta

import anyio
from anyio.abc import TaskGroup

from daemon.actors.limiter import Line
from daemon.actors.push_entry import EntryErrand
from daemon.actors.push_payment import PaymentErrand
from daemon.actors.world import World
from daemon.actors.write_back import WriteBack
from daemon.core.effects import PushNext
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FenceLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
    StoreUnavailable,
)
from daemon.core.events import Pushed
from daemon.core.exchange import Claim
from daemon.core.policy import PushPolicy

UNCLAIMED_WAIT = timedelta(seconds=1)
TURN = timedelta(seconds=2)
"""After so long no further push is begun, so that the supervisor gets its turn: a pause, a reload, a new token."""
_AUTHORIZATION = (AuthorizationExpired, AuthorizationLost)
_FAILURES = (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, StoreUnavailable)


async def push_next(
    world: World, line: Line, effect: PushNext, policy: PushPolicy, goes_on: Callable[[], bool] = lambda: True
) -> Pushed:
    """Work on what is due; tell when the next push is due. Once `goes_on` says no, nothing more is begun.

    A payment goes before any deposit or move, so that these never delay one. Raises what the reads before a POST raise
    when no push got through, or when FreshBooks wants another token: nothing was sent then, and claims are given back.
    """
    turn = _Turn(world, line, effect, policy, goes_on)
    paid = await turn.pay()
    if turn.is_over or await turn.enter():
        return Pushed(next_at=world.clock.now(), rereads=True)
    now = world.clock.now()
    next_at = await world.store.next_push_at(effect.scope, now)
    if next_at is not None and not paid:
        # What is due and could not be claimed is in someone else's hands: asking again at once would only spin.
        next_at = max(next_at, now + UNCLAIMED_WAIT)
    return Pushed(next_at=next_at, rereads=paid)


class _Turn:
    """Payments of several invoices at once, each in the order of its invoice; then one journal entry."""

    def __init__(
        self, world: World, line: Line, effect: PushNext, policy: PushPolicy, goes_on: Callable[[], bool]
    ) -> None:
        self._world = world
        self._line = line
        self._effect = effect
        self._policy = policy
        self._goes_on = goes_on
        self._until = world.clock.now() + TURN
        self._workers = 0
        self._through = 0
        self._failures: list[Exception] = []
        # The store keeps one push per invoice in flight; two claims at once could not see each other.
        self._claiming = anyio.Lock(fast_acquire=True)

    @property
    def is_over(self) -> bool:
        """Whether its time is up, with payments left that may be due."""
        return self._world.clock.now() >= self._until

    async def pay(self) -> bool:
        """Work on the payments that are due; tell whether any was. Most turns find none, and start no worker."""
        first = await self._claim()
        if first is None:
            return False
        async with anyio.create_task_group() as workers:
            self._workers = 1
            await self._work(workers, first)
        refused = [error for error in self._failures if isinstance(error, _AUTHORIZATION)]
        if refused or (self._failures and not self._through):
            raise (*refused, *self._failures)[0]
        # One that could not be read waits by itself, and holds up no other.
        return bool(self._through or self._failures)

    async def _work(self, workers: TaskGroup, first: Claim | None = None) -> None:
        """Take payments until none is due or one fails; whoever finds more work asks for another worker."""
        try:
            claim = first or await self._claim()
            while claim is not None:
                if claim.others and self._workers < self._policy.in_flight:
                    self._workers += 1
                    workers.start_soon(self._work, workers)
                await self._push(claim)
                claim = await self._claim()
        except (*_AUTHORIZATION, *_FAILURES) as error:
            self._failures.append(error)

    async def _claim(self) -> Claim | None:
        """Claim what is due next, unless nothing more is to be begun."""
        async with self._claiming:
            now = self._world.clock.now()
            if not self._goes_on() or self.is_over:
                return None
            return await self._world.store.claim(self._effect.scope, now, self._deadline(now))

    async def _push(self, claim: Claim) -> None:
        errand = PaymentErrand(self._world, self._line, claim, self._policy, self._effect.timezone)
        # Where someone else holds the claim now, whatever was decided here must not be stored: it is decided there.
        with self._about(claim.push.marker), suppress(FenceLost):
            await WriteBack(self._world, self._line, errand, self._policy).run(claim.push)
        self._through += 1

    async def enter(self) -> bool:
        """Work on one journal entry, if any is due; tell whether one was."""
        if not self._goes_on():
            return False
        now = self._world.clock.now()
        claim = await self._world.store.claim_entry(self._effect.scope, now, self._deadline(now))
        if claim is None:
            return False
        entry = EntryErrand(self._world, self._line, claim, self._policy, self._effect.timezone)
        with self._about(claim.push.marker), suppress(FenceLost):
            await WriteBack(self._world, self._line, entry, self._policy).run(claim.push)
        return True

    def _about(self, marker: str) -> AbstractContextManager[None]:
        """Let every line of this errand carry what also stands in the record's note, from the claim to the answer."""
        return self._world.telemetry.about(marker=marker)

    def _deadline(self, now: datetime) -> datetime:
        """Give a claim time for its reads, and one longest possible POST after the last moment at which it may send."""
        return now + 2 * self._policy.post_timeout
