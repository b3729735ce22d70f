"""The garbage collector: what lasts is taken out of its way, again as the fleet grows."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from daemon.adapters.clock import SystemClock
from daemon.app.memory import keep_settled, settle
from tests.polling import eventually


@contextmanager
def kept() -> Iterator[None]:
    """Put the collector back as it was."""
    threshold = gc.get_threshold()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


async def test_a_fleet_that_grows_after_the_start_is_taken_out_of_later_collections() -> None:
    fleet, clock = [0], SystemClock()

    async def is_frozen() -> bool:
        return gc.get_freeze_count() > frozen

    with kept():
        async with anyio.create_task_group() as group:
            group.start_soon(keep_settled, lambda: len(fleet), clock)
            await clock.sleep(0.1)
            frozen = gc.get_freeze_count()
            fleet += [0] * 499
            await clock.sleep(0.5)
            assert not await is_frozen()
            fleet.append(0)
            await eventually(is_frozen, within_s=5)
            group.cancel_scope.cancel()


def test_what_a_settled_process_loses_hold_of_is_found_even_in_cycles() -> None:
    class Lost:
        itself: "Lost"

    with kept():
        settle()
        lost = Lost()
        lost.itself, seen = lost, weakref.ref(lost)
        for _ in range(3):
            gc.collect(1)
        lasting = [[number] for number in range(100_000)]  # so that a full collection takes long
        gc.collect()
        del lost
        gc.collect()
        assert lasting
        assert seen() is None
