"""Virtual time goes on for years, and says so where it cannot."""

import anyio
import anyio.lowlevel
import pytest

from tests.virtual_time import NeverRestsError, VirtualClock, VirtualLoop

HALF_A_YEAR_S = 2.0**24
"""From here on a nanosecond is less than the step between two times."""
A_YEAR_S = 366 * 86_400.0


class ImpatientLoop(VirtualLoop):
    rounds_max: float = 1000


def _run(story: object) -> object:
    return anyio.run(story, backend="asyncio", backend_options={"loop_factory": ImpatientLoop})  # type: ignore[arg-type]


@pytest.mark.parametrize("began", [0.0, 1.0, HALF_A_YEAR_S, A_YEAR_S])
def test_two_who_wait_for_the_same_moment_are_both_woken_whenever_it_is(began: float) -> None:
    async def story() -> float:
        clock = VirtualClock()
        await clock.sleep(began)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(clock.sleep, 1 / 3)
        return clock.monotonic()

    assert _run(story) == pytest.approx(began + 1 / 3, abs=1e-6)


def test_a_loop_that_never_waits_ends_as_an_error() -> None:
    async def story() -> None:
        while True:
            await anyio.lowlevel.checkpoint()

    with pytest.raises(NeverRestsError):
        _run(story)
