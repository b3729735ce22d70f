"""Who reads for its partner now: so many at once, whoever asked first, and who waits for FreshBooks makes room."""

import enum
import heapq
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import anyio
import anyio.lowlevel
from typing_extensions import override

from daemon.actors.ports import Clock

SERVED_S: Final = 2.0
"""A run that has been served for so long asks anew: a first look ends within it, a backfill leaves room to others."""


class _Rank(enum.IntEnum):
    """Who goes first: who supervises nothing yet, then who has FreshBooks' answer, then who begins."""

    STARTS = enum.auto()
    ANSWERED = enum.auto()
    BEGINS = enum.auto()


@dataclass(slots=True, order=True)
class _Asker:
    rank: _Rank
    since: float
    number: int
    let_in: anyio.Event = field(compare=False, default_factory=anyio.Event)


class Admission:
    """One for all partners of a process: what reads and compares waits here, a payment never does.

    What is scarce is our own: the processor and the connections to Postgres, for so many `works` at once, and the
    connections to FreshBooks, for so many `calls`. A slow partner takes no place while it waits for an answer or for
    its budget; with its answer it goes before all who have not begun.
    """

    def __init__(self, clock: Clock, *, works: int = 14, calls: int = 75) -> None:
        self._clock = clock
        self._works_max = works
        self._calls_max = calls
        self._works = self._calls = 0
        self._line: list[_Asker] = []
        self._numbers = count()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    @property
    def longest_s(self) -> float:
        """How many seconds ago the first of those who wait asked; 0 while nobody waits."""
        now = self.now_s()
        return now - min((asker.since for asker in self._line), default=now)

    @asynccontextmanager
    async def start(self) -> AsyncIterator[None]:
        """Wait to read what a supervisor starts from: before any other work, and with no more than Postgres serves."""
        if not self.enter(_Rank.STARTS):
            await self.wait(self.ask(_Rank.STARTS, self.now_s()))
        try:
            yield
        finally:
            self.leave()

    def visit(self) -> "Visit":
        """Begin a supervisor's run."""
        return Visit(self)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Hold a connection to FreshBooks."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._fill()

    # ---- for visits and turns ----------------------------------------------------------------------------------------

    def now_s(self) -> float:
        """Tell the time by which those who wait are in order."""
        return self._clock.monotonic()

    def enter(self, rank: _Rank) -> bool:
        """Take a place at once, where there is room and nobody waits for it."""
        if self._line or not self._has_room(rank):
            return False
        self._works += 1
        return True

    def ask(self, rank: _Rank, since: float) -> _Asker:
        """Get in line as one who asked at that time; whoever has room goes in at once."""
        asker = _Asker(rank=rank, since=since, number=next(self._numbers))
        heapq.heappush(self._line, asker)
        self._fill()
        return asker

    async def wait(self, asker: _Asker) -> None:
        """Wait for a place; who is cut off meanwhile leaves none taken."""
        with ExitStack() as cut_off:
            cut_off.callback(self._give_up, asker)
            await asker.let_in.wait()
            cut_off.pop_all()

    def let_in(self, asker: _Asker) -> None:
        """Let one in whether or not there is room."""
        if not asker.let_in.is_set():
            self._forget(asker)
            self._works += 1
            asker.let_in.set()

    def leave(self) -> None:
        """Be at work no more."""
        self._works -= 1
        self._fill()

    def _fill(self) -> None:
        while self._line and self._has_room(self._line[0].rank):
            self._works += 1
            heapq.heappop(self._line).let_in.set()

    def _has_room(self, rank: _Rank) -> bool:
        return self._works < self._works_max and (rank is not _Rank.BEGINS or self._calls < self._calls_max)

    def _give_up(self, asker: _Asker) -> None:
        if asker.let_in.is_set():
            self.leave()
        else:
            self._forget(asker)

    def _forget(self, asker: _Asker) -> None:
        self._line.remove(asker)
        heapq.heapify(self._line)


class Visit:
    """One run of a supervisor, whose effects keep the place in line that the first of them got."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self._since = self._renewed_at = -math.inf
        self._askers: list[_Asker] = []
        self.is_served = False
        """Whether any of its effects has been let in."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """Wait until an effect may begin, and be at work until it ends."""
        now = self.admission.now_s()
        if now >= self._renewed_at:
            self._since, self._renewed_at = now, math.inf
        await anyio.lowlevel.checkpoint_if_cancelled()
        await self._enter(_Rank.BEGINS)
        self.is_served = True
        self._renewed_at = min(self._renewed_at, self.admission.now_s() + SERVED_S)
        turn = Turn(self)
        try:
            yield turn
        finally:
            turn.end()

    def hurry(self) -> None:
        """Wait no more for a while: something is asked for that stands behind it."""
        self._since, self._renewed_at = -math.inf, self.admission.now_s() + SERVED_S
        for asker in self._askers:
            self.admission.let_in(asker)

    async def come_back(self) -> None:
        """Wait for a place with FreshBooks' answer in hand."""
        await self._enter(_Rank.ANSWERED)

    async def _enter(self, rank: _Rank) -> None:
        if self.admission.enter(rank):
            return
        asker = self.admission.ask(rank, self._since)
        if self._since == -math.inf:
            self.admission.let_in(asker)
        self._askers.append(asker)
        try:
            await self.admission.wait(asker)
        finally:
            self._askers.remove(asker)


@dataclass(slots=True)
class Turn:
    """An effect at work; while all that it does is to wait for others it is aside, and takes no place."""

    visit: Visit
    _is_in: bool = True
    _asides: int = 0

    def aside(self) -> AbstractAsyncContextManager[None]:
        """Wait for FreshBooks or for the partner's budget, and then for a place."""
        return _Aside(self)

    def step_aside(self) -> None:
        """Begin to wait for others."""
        self._asides += 1
        self.end()

    async def step_back(self) -> None:
        """Wait for others no more; the last of several that did waits for a place."""
        self._asides -= 1
        if not self._asides:
            await self._come_back()

    def ahead(self) -> "Turn":
        """Make one for what goes on beside the effect and after it: it never takes a place."""
        return Turn(self.visit, _is_in=False, _asides=1)

    def end(self) -> None:
        """Leave the place, if it is taken."""
        if self._is_in:
            self._is_in = False
            self.visit.admission.leave()

    async def _come_back(self) -> None:
        await self.visit.come_back()
        if self._is_in or self._asides:  # another of the effect's calls has come back, or begun, meanwhile
            self.visit.admission.leave()
        else:
            self._is_in = True


class _Aside(AbstractAsyncContextManager[None]):
    """A turn that is aside. No generator: every call of a poll makes two."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    @override
    async def __aenter__(self) -> None:
        self._turn.step_aside()

    @override
    async def __aexit__(self, *_: object) -> None:
        await self._turn.step_back()
