"""The line for room at work: who asked first goes first, and who waits for FreshBooks or is cut off makes room."""

from dataclasses import dataclass, field

import anyio
import pytest

from daemon.actors.admission import SERVED_S, Admission, Visit
from tests.virtual_time import VirtualClock


@dataclass(slots=True)
class Work:
    """Pieces of work that take turns, and in which order they began."""

    admission: Admission
    began: list[str] = field(default_factory=list)

    async def do(self, name: str, seconds: float, visit: Visit | None = None) -> None:
        async with (visit or self.admission.visit()).turn():
            self.began.append(name)
            await anyio.sleep(seconds)

    async def ask(self, name: str, seconds: float, after: float = 0.0) -> None:
        async with self.admission.visit().turn() as turn:
            self.began.append(name)
            async with turn.aside():
                with self.admission.calling():
                    await anyio.sleep(seconds)
            self.began.append(f"{name} answered")
            await anyio.sleep(after)


def work(works: int = 1, calls: int = 9) -> Work:
    return Work(Admission(VirtualClock(), works=works, calls=calls))


async def test_who_asked_first_goes_first_and_no_more_at_once_than_there_is_room_for() -> None:
    found = work(works=2)
    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(found.do, str(number), 10.0)
        await anyio.sleep(1)
        assert (found.began, found.admission.waiting) == (["0", "1"], 4)
        assert found.admission.longest_s == 1
        await anyio.sleep(10)
        assert found.began == ["0", "1", "2", "3"]
    assert found.began == ["0", "1", "2", "3", "4", "5"]
    assert (found.admission.waiting, found.admission.longest_s) == (0, 0)


async def test_who_waits_for_freshbooks_makes_room_and_goes_before_those_who_have_not_begun() -> None:
    found = work()
    async with anyio.create_task_group() as group:
        group.start_soon(found.ask, "slow", 5.0, 5.0)
        group.start_soon(found.do, "one", 10.0)
        group.start_soon(found.do, "two", 1.0)
        await anyio.sleep(9)
        assert found.began == ["slow", "one"]
        await anyio.sleep(2)
        assert found.began == ["slow", "one", "slow answered"]  # two waits until it is done
    assert found.began == ["slow", "one", "slow answered", "two"]


@pytest.mark.parametrize(("first", "second"), [(5.0, 9.0), (9.0, 5.0), (5.0, 5.0), (0.0, 5.0)])
async def test_calls_side_by_side_make_room_once_and_take_it_back_once(first: float, second: float) -> None:
    found = work()
    async with anyio.create_task_group() as group, found.admission.visit().turn() as turn:

        async def call(seconds: float) -> None:
            async with turn.aside():
                if seconds:
                    await anyio.sleep(seconds)

        async with turn.ahead().aside():  # what is read ahead of the effect gives no room that is in use
            group.start_soon(found.do, "other", 0.5)
            await anyio.sleep(1)
            assert found.began == []
        async with anyio.create_task_group() as calls:
            calls.start_soon(call, first)
            calls.start_soon(call, second)
            await anyio.sleep(1)
            assert found.began == ["other"]
        group.start_soon(found.do, "after", 0.0)
        await anyio.sleep(1)
        assert found.began == ["other"]
    assert found.began == ["other", "after"]
    await found.do("alone", 0.0)


async def test_who_supervises_nothing_yet_goes_before_everybody_else() -> None:
    found = work()

    async def start() -> None:
        async with found.admission.start():
            found.began.append("start")
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        group.start_soon(found.ask, "slow", 2.0)
        group.start_soon(found.do, "one", 5.0)
        group.start_soon(found.do, "two", 1.0)
        await anyio.sleep(3)
        group.start_soon(start)
        await anyio.sleep(0.5)
        with anyio.move_on_after(0.5):
            await start()  # cut off before its turn came
    assert found.began == ["slow", "one", "start", "slow answered", "two"]


async def test_nothing_more_is_begun_while_so_many_calls_are_under_way() -> None:
    found = work(calls=2)
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(found.ask, str(number), 10.0)
        await anyio.sleep(9)
        assert found.began == ["0", "1"]
        await anyio.sleep(2)
        assert "4" in found.began


async def test_a_run_keeps_its_place_in_line_until_it_has_been_served_for_a_while() -> None:
    found = work()

    async def run(name: str, steps: int) -> None:
        visit = found.admission.visit()
        for _ in range(steps):
            await found.do(name, SERVED_S / 4, visit)

    async with anyio.create_task_group() as group:
        for name, steps in (("a", 6), ("b", 3), ("c", 3)):
            group.start_soon(run, name, steps)
            await anyio.sleep(0.1)
    assert "".join(found.began) == "ababab" + "cacaca"


@pytest.mark.parametrize("waits", [True, False])
async def test_who_is_cut_off_in_line_or_at_work_leaves_no_place_taken(waits: bool) -> None:
    found = work()
    async with anyio.create_task_group() as group:
        if waits:
            group.start_soon(found.do, "first", 5.0)
            await anyio.sleep(1)
        with anyio.move_on_after(2):
            await found.do("cut off", 60.0)
        group.start_soon(found.do, "last", 1.0)
        await anyio.sleep(10)
    assert found.began[-1] == "last"
    assert found.admission.waiting == 0


async def test_who_is_cut_off_in_the_moment_it_is_let_in_leaves_its_place_to_others() -> None:
    found = work()
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as both:
                async with found.admission.visit().turn():
                    both.start_soon(found.do, "cut off", 60.0)
                    await anyio.sleep(1)
                scope.cancel()
        group.start_soon(found.do, "last", 1.0)
        await anyio.sleep(2)
    assert found.began == ["cut off", "last"]


async def test_who_is_cut_off_before_it_asks_leaves_no_place_taken() -> None:
    found = work()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await found.do("cut off", 60.0)
    with anyio.fail_after(1):
        await found.do("last", 0.0)
    assert found.began == ["last"]
