"""The bell that a supervisor waits for, in virtual time."""

import anyio
import anyio.lowlevel

from daemon.actors.bell import Bell
from tests.virtual_time import VirtualClock


async def test_a_wait_ends_with_a_ring_or_with_its_time() -> None:
    bell, clock = Bell(), VirtualClock()
    assert not await bell.wait(5)
    assert clock.monotonic() == 5
    async with anyio.create_task_group() as group:
        group.start_soon(_ring_after, bell, 2)
        assert await bell.wait(5)
        assert clock.monotonic() == 7
        group.start_soon(_ring_after, bell, 3600)
        assert await bell.wait(None)
    assert clock.monotonic() == 3607


async def test_the_timer_of_a_wait_that_was_rung_ends_no_later_one() -> None:
    bell, clock = Bell(), VirtualClock()
    async with anyio.create_task_group() as group:
        group.start_soon(_ring_after, bell, 1)
        assert await bell.wait(5)
    assert not await bell.wait(60)
    assert clock.monotonic() == 61


async def test_a_wait_that_is_cut_off_leaves_nothing_behind() -> None:
    bell, clock = Bell(), VirtualClock()
    with anyio.move_on_after(2) as scope:
        await bell.wait(5)
    assert scope.cancelled_caught
    bell.ring()
    assert not await bell.wait(10)
    assert clock.monotonic() == 12


async def test_a_ring_and_a_cut_in_the_same_moment_are_a_cut() -> None:
    bell = Bell()
    async with anyio.create_task_group() as group:
        group.start_soon(_ring_after, bell, 1)
        with anyio.CancelScope() as scope:
            group.start_soon(_cancel_after, scope, 1)
            await bell.wait(5)
            await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught


async def _ring_after(bell: Bell, seconds: float) -> None:
    await anyio.sleep(seconds)
    bell.ring()


async def _cancel_after(scope: anyio.CancelScope, seconds: float) -> None:
    await anyio.sleep(seconds)
    scope.cancel()
