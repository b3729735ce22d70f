"""The clock tells UTC, and lets time pass."""

from datetime import timedelta

import anyio
import pytest

from daemon.adapters.clock import SystemClock


def test_now_is_an_aware_point_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


async def test_sleeping_takes_that_long_on_the_clock_that_never_steps() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.02)
    assert clock.monotonic() - before >= 0.02


@pytest.mark.parametrize("seconds", [0, -5])
async def test_a_sleep_of_no_length_lets_others_have_their_turn(seconds: float) -> None:
    turns = []

    async def other() -> None:
        turns.append("other")

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await SystemClock().sleep(seconds)
        assert turns == ["other"]
