"""Virtual time: an event loop whose clock jumps to the next deadline whenever nothing else can happen."""

import asyncio
import math
import selectors
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import anyio
from typing_extensions import override

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class NeverRestsError(BaseException):
    """Something works without end and without need: no supervisor may take this for a crash of its own."""


class _JumpingSelector(selectors.BaseSelector):
    """Never waits: where the loop would sleep until a deadline, its clock is moved there instead.

    After `rounds_max` rounds of the loop at one moment it gives up.
    """

    def __init__(self, inner: selectors.BaseSelector, rounds_max: float) -> None:
        self._inner = inner
        self._rounds_max = rounds_max
        self._rounds = 0
        self.elapsed = 0.0
        self.moved: Callable[[float], None] = lambda _: None

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:
            self._rounds += 1
            if self._rounds > self._rounds_max:
                self._rounds = 0
                raise NeverRestsError(f"time stands still at {self.elapsed} s")
            return []
        ready = self._inner.select(0)
        if ready:
            return ready
        if timeout is None:
            return self._inner.select(None)
        self.elapsed += timeout
        self._rounds = 0
        self.moved(self.elapsed)
        return ready

    @override
    def register(self, fileobj: object, events: int, data: object = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)  # type: ignore[arg-type]

    @override
    def unregister(self, fileobj: object) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)  # type: ignore[arg-type]

    @override
    def get_map(self) -> Mapping[object, selectors.SelectorKey]:  # type: ignore[override]
        return self._inner.get_map()  # type: ignore[return-value]

    @override
    def close(self) -> None:
        self._inner.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which an hour of waiting takes no time; for code that touches no real socket."""

    rounds_max: float = math.inf

    def __init__(self) -> None:
        self._jumping = _JumpingSelector(selectors.DefaultSelector(), self.rounds_max)
        super().__init__(self._jumping)
        self._jumping.moved = self._be_exact

    def _be_exact(self, elapsed: float) -> None:
        """Run exactly what is due: after 194 days a nanosecond, asyncio's own step, is too little to change a time."""
        self._clock_resolution = math.ulp(elapsed)

    @override
    def time(self) -> float:
        return self._jumping.elapsed


VIRTUAL_BACKEND = ("asyncio", {"loop_factory": VirtualLoop})
"""What the `anyio_backend` fixture returns in modules that run in virtual time."""


class VirtualClock:
    """Fulfils the Clock port by virtual time; `step` moves the wall clock alone, as an operator or NTP would."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._stepped = timedelta(0)
        self._read: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        elapsed = asyncio.get_running_loop().time()
        if self._read is None or self._read[0] != elapsed:
            self._read = (elapsed, self._start + self._stepped + timedelta(seconds=elapsed))
        return self._read[1]

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def step(self, by: timedelta) -> None:
        self._stepped += by
        self._read = None
