"""Pages that are fetched before they are asked for, so that FreshBooks and Postgres never wait for one another."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import anyio
from anyio.abc import TaskGroup

from daemon.actors.limiter import Line
from daemon.actors.ports import Clock
from daemon.core.backfill import Cursor, Pass
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
    StoreUnavailable,
)
from daemon.core.exchange import Page
from daemon.core.rate_limit import Priority

AGE_MAX: Final = timedelta(seconds=30)
"""A page that waited longer, because the lane was held up by something else, is fetched again."""
CALL_FAILURES: Final = (
    FreshBooksUnavailable,
    FreshBooksRefused,
    FreshBooksAnswerInvalid,
    AuthorizationExpired,
    AuthorizationLost,
    StoreUnavailable,
)
"""What may come of a call whose answer others wait for: each tells its own failure."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What is being read: pages of one listing, through one line."""

    listing: Pass
    page_size: int
    line: Line
    priority: Priority


class ReadAhead:
    """The pages of one supervisor's pull lane: those under way, and those that have arrived and are not stored yet.

    At most `in_flight` wait for FreshBooks and twice as many are ahead of what is stored, so memory is bounded. Pages
    are handed out in order. Whatever does not continue what was handed out last is forgotten, its requests cancelled.
    """

    def __init__(self, tasks: TaskGroup, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._run: _Run | None = None
        self._next = self._last = 0
        self._in_flight = 1
        self._answers: dict[int, Page | Exception] = {}
        self._under_way: dict[int, anyio.CancelScope] = {}
        self._unanswered: set[int] = set()
        """Those under way whose answer is not here yet; the others are being read."""
        self._arrived = anyio.Event()

    async def take(self, line: Line, priority: Priority, cursor: Cursor, in_flight: int) -> list[Page]:
        """Wait for the cursor's next pages and hand out those that are there, at least one.

        A failure after the first one leaves the pages before it to be stored; the next take tries anew.
        """
        run = self._turn_to(line, priority, cursor)
        self._in_flight = in_flight
        if self._next == self._last and not self._answers and not self._under_way:
            # One that goes alone needs no task of its own: most passes that follow changes are one page.
            await self._fetch(run, self._next, self._begin(self._next))
        self._fill()
        while not self._are_enough():
            self._arrived = anyio.Event()
            await self._arrived.wait()
        pages: list[Page] = []
        while self._next in self._answers:
            answer = self._answers.pop(self._next)
            if isinstance(answer, Exception):
                # Those after it have failed alike, or soon will: a new token, or a new try, must not meet them.
                self.forget()
                if not pages:
                    raise answer
                return pages
            pages.append(answer)
            self._next += 1
        self._fill()
        return pages

    def forget(self) -> None:
        """Drop what has arrived and cancel what is under way."""
        for scope in self._under_way.values():
            scope.cancel()
        self._under_way.clear()
        self._unanswered.clear()
        self._answers.clear()
        self._run = None

    def _turn_to(self, line: Line, priority: Priority, cursor: Cursor) -> _Run:
        """Go on where the last take ended, or begin anew at another place."""
        run, wanted = self._run, cursor.queue[0]
        goes_on = run is not None and (run.listing, run.page_size) == (wanted, cursor.page_size)
        if not goes_on or self._next != cursor.page or self._is_stale():
            self.forget()
            self._next = cursor.page
        known = 1 if cursor.total is None else -(-cursor.total // cursor.page_size)
        # The first page of a listing goes alone, to learn how many there are.
        self._last = max(known, cursor.page)
        self._run = _Run(listing=wanted, page_size=cursor.page_size, line=line, priority=priority)
        return self._run

    def _is_stale(self) -> bool:
        oldest = min((page.reading.began_at for page in self._answers.values() if isinstance(page, Page)), default=None)
        return oldest is not None and self._clock.now() - oldest > AGE_MAX

    def _are_enough(self) -> bool:
        """Tell whether as many pages are there as are fetched at once, or all up to the first failure or the end."""
        for page in range(self._next, min(self._next + self._in_flight, self._last + 1)):
            if page not in self._answers:
                return False
            if isinstance(self._answers[page], Exception):
                return True
        return True

    def _fill(self) -> None:
        """Ask for further pages, as far as there are any and the bounds allow."""
        if self._run is None or any(isinstance(answer, Exception) for answer in self._answers.values()):
            return  # a failure will be met before whatever comes after it
        for page in range(self._next, min(self._next + 2 * self._in_flight, self._last + 1)):
            if len(self._unanswered) >= self._in_flight:
                return
            if page not in self._answers and page not in self._under_way:
                self._tasks.start_soon(self._fetch_beside, self._run, page, self._begin(page))

    def _begin(self, page: int) -> anyio.CancelScope:
        self._unanswered.add(page)
        scope = self._under_way[page] = anyio.CancelScope()
        return scope

    async def _fetch_beside(self, run: _Run, page: int, scope: anyio.CancelScope) -> None:
        """Fetch what may be forgotten meanwhile."""
        with scope:
            await self._fetch(run, page, scope)

    async def _fetch(self, run: _Run, page: int, scope: anyio.CancelScope) -> None:
        def answered() -> bool:
            if self._under_way.get(page) is not scope:
                return False
            self._unanswered.discard(page)
            others = len(self._unanswered)
            self._fill()
            return len(self._unanswered) > others

        answer: Page | Exception
        try:
            answer = await run.line(run.priority, lambda fb: fb.list_page(run.listing, page, run.page_size, answered))
        except CALL_FAILURES as error:
            answer = error
        if self._under_way.get(page) is scope:
            del self._under_way[page]
            self._unanswered.discard(page)
            self._answers[page] = answer
            self._fill()
            self._arrived.set()
