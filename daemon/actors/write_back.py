"""The protocol of every write to FreshBooks: look up what may have landed, check, fence, post once, record (W4)."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, Protocol

from daemon.actors.crash_points import CrashPoint
from daemon.actors.limiter import Line
from daemon.actors.ports import Accounting
from daemon.actors.world import World
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.model import PushState
from daemon.core.policy import PushPolicy
from daemon.core.write_back import Failure, PushT, never_sent


class Errand(Protocol[PushT]):
    """What differs between a payment and a journal entry; each method does one step and stores what it decides."""

    def failed(self, push: PushT, failure: Failure, error: Exception | None = None) -> PushT:
        """Tell what a failed POST makes of the push."""
        ...

    def unreadable(self, push: PushT, error: Exception) -> PushT | None:
        """Tell what a read that FreshBooks refused makes of the push; None leaves it as it was, and the lane waits."""
        ...

    async def look_up(self, push: PushT) -> PushT | None:
        """Search FreshBooks for what an earlier claim may have left; None when posting is still open."""
        ...

    async def prepare(self, push: PushT) -> bool:
        """Check that it may be posted now; else store why not."""
        ...

    async def begin(self, deadline_at: datetime) -> PushT:
        """Commit that it is about to be sent."""
        ...

    async def create(self, books: Accounting, push: PushT, may_send: Callable[[], bool]) -> PushT:
        """Post once, and tell what the answer makes of the push."""
        ...

    async def record(self, push: PushT) -> None:
        """Store what became of the push with all that follows from it."""
        ...

    async def give_back(self, push: PushT) -> None:
        """Store the push as it was, and end the claim."""
        ...

    def recorded(self) -> None:
        """Count that it stands in FreshBooks."""
        ...


class WriteBack(Generic[PushT]):
    """Takes one claimed push through the protocol; raises what its reads raise, the claim given back."""

    def __init__(self, world: World, line: Line, errand: Errand[PushT], policy: PushPolicy) -> None:
        self._world = world
        self._line = line
        self._errand: Errand[PushT] = errand
        self._policy = policy
        self._send_before = world.clock.now() + policy.post_timeout

    async def run(self, push: PushT) -> None:
        """Look up what may have landed, check the books, and post."""
        errand = self._errand
        self._world.reached(CrashPoint.CLAIMED)
        if push.state is PushState.SENDING:
            # The sender died or was cut off between the request and its record.
            push = errand.failed(push, Failure.MAYBE_LANDED)
        try:
            ready = await self._is_ready(push)
        except (FreshBooksRefused, FreshBooksAnswerInvalid) as error:
            told = errand.unreadable(push, error)
            if told is None:
                await errand.give_back(push)
                raise
            await self._record(told)
        except (FreshBooksUnavailable, AuthorizationExpired):
            await errand.give_back(push)
            raise
        else:
            if ready:
                await self._send(push)

    async def _is_ready(self, push: PushT) -> bool:
        if push.claimed_at is not None:
            found = await self._errand.look_up(push)
            if found is not None:
                await self._record(found)
                return False
            self._world.reached(CrashPoint.LOOKED_UP)
        ready = await self._errand.prepare(push)
        self._world.reached(CrashPoint.CHECKED if ready else CrashPoint.STORED)
        return ready

    async def _send(self, claimed: PushT) -> None:
        """Fence, post once, and store whatever came of it."""
        errand = self._errand
        push = await errand.begin(self._world.clock.now() + 2 * self._policy.post_timeout)
        self._world.reached(CrashPoint.FENCED)
        try:
            posted = await self._line.create(lambda books: errand.create(books, push, self._may_send))
        except AuthorizationExpired as error:
            await self._record(errand.failed(push, Failure.UNSENT, error))
            raise
        except FreshBooksRefused as error:
            await self._record(errand.failed(push, Failure.REFUSED, error))
        except FreshBooksUnavailable as error:
            if error.unsent:
                await self._record(errand.failed(never_sent(push, claimed), Failure.UNSENT, error))
            else:
                await self._record(errand.failed(push, Failure.MAYBE_LANDED, error))
        except FreshBooksAnswerInvalid as error:
            await self._record(errand.failed(push, Failure.MAYBE_LANDED, error))
        else:
            await self._record(posted)
            errand.recorded()

    async def _record(self, push: PushT) -> None:
        self._world.reached(CrashPoint.KNOWN)
        await self._errand.record(push)
        self._world.reached(CrashPoint.STORED)

    def _may_send(self) -> bool:
        """Tell, at the last moment before the first byte, whether this claim may still send."""
        may = self._world.clock.now() < self._send_before and self._world.holds(self._line.partner_id)
        if may:
            self._world.reached(CrashPoint.AT_THE_SOCKET)
        return may
