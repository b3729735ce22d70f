"""The clock tells UTC and waits for points in time, even where the wall clock is stepped."""

from datetime import UTC, datetime, timedelta

from typing_extensions import override

from daemon.adapters.clock import WALL_CLOCK_CHECK_S, SystemClock

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)


class SteppedClock(SystemClock):
    """A wall clock that sleeping moves, and that an operator steps once."""

    def __init__(self, step: timedelta = timedelta(0)) -> None:
        self.at = NOON
        self.step = step
        self.slept: list[float] = []

    @override
    def now(self) -> datetime:
        return self.at

    @override
    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds) + self.step
        self.step = timedelta(0)


def test_now_is_an_aware_point_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


async def test_sleeping_takes_that_long_on_the_clock_that_never_steps() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.02)
    assert clock.monotonic() - before >= 0.02


async def test_a_deadline_in_the_past_is_not_waited_for() -> None:
    clock = SteppedClock()
    await clock.sleep_until(NOON - timedelta(hours=1))
    assert clock.slept == []


async def test_a_deadline_is_waited_for_to_the_second() -> None:
    clock = SteppedClock()
    await clock.sleep_until(NOON + timedelta(seconds=150))
    assert clock.slept == [60, 60, 30]
    assert clock.at == NOON + timedelta(seconds=150)


async def test_a_clock_stepped_forward_past_the_deadline_is_noticed_within_a_minute() -> None:
    clock = SteppedClock(step=timedelta(hours=1))
    await clock.sleep_until(NOON + timedelta(minutes=30))
    assert clock.slept == [WALL_CLOCK_CHECK_S]


async def test_a_clock_stepped_back_does_not_end_the_wait_early() -> None:
    clock = SteppedClock(step=-timedelta(hours=1))
    await clock.sleep_until(NOON + timedelta(minutes=2))
    assert clock.at == NOON + timedelta(minutes=2)
    assert sum(clock.slept) == 3720
