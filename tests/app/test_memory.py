"""The garbage collector: what lasts is taken out of its way, again as the fleet grows."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from daemon.adapters.clock import SystemClock
from daemon.app import memory
from daemon.app.memory import keep_settled, settle
from tests.polling import eventually


@contextmanager
def kept() -> Iterator[None]:
    """Put the collector back as it was."""
    threshold, callbacks = gc.get_threshold(), list(gc.callbacks)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        gc.callbacks[:] = callbacks


@pytest.mark.parametrize(("long_s", "frozen"), [(0.0, True), (60.0, False)])
def test_what_a_long_collection_kept_is_taken_out_of_later_ones(
    long_s: float, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_LONG_S", long_s)
    with kept():
        settle()
        before = gc.get_freeze_count()
        lasting = [[number] for number in range(50_000)]
        gc.collect()
        assert (gc.get_freeze_count() >= before + len(lasting)) is frozen


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
