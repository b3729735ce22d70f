"""The garbage collector: what lasts is taken out of its way, again as the fleet grows."""

import gc

import anyio

from daemon.adapters.clock import SystemClock
from daemon.app.memory import keep_settled
from tests.polling import eventually


async def test_a_fleet_that_grows_after_the_start_is_taken_out_of_later_collections() -> None:
    fleet, clock, threshold = [0], SystemClock(), gc.get_threshold()

    async def is_frozen() -> bool:
        return gc.get_freeze_count() > frozen

    try:
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
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
