"""The one clock in which all idle supervisors wait, in virtual time."""

import random

import anyio
import anyio.lowlevel

from daemon.actors.alarm_clock import GRAIN_S, LOT, SLACK, AlarmClock
from daemon.core.model import PartnerId
from tests.virtual_time import VirtualClock

A, B, C = (PartnerId(name) for name in "abc")


def alarms() -> AlarmClock:
    return AlarmClock(VirtualClock())


async def test_each_alarm_rings_at_its_time_and_once() -> None:
    waiting, rung, chance = alarms(), [], random.Random(7)
    times = {PartnerId(f"pt_{number}"): float(chance.randrange(1, 900)) for number in range(500)}
    for partner_id, seconds in times.items():
        waiting.set(partner_id, seconds)
    with anyio.move_on_after(1000):
        while True:
            rung += [(anyio.current_time(), name) for name in await waiting.ring()]
    assert rung == sorted((seconds, name) for name, seconds in times.items())


async def test_an_alarm_that_is_set_anew_rings_then_only() -> None:
    waiting = alarms()
    waiting.set(A, 10)
    waiting.set(A, 50)
    waiting.set(B, 60)
    waiting.set(B, 20)
    assert (await waiting.ring(), anyio.current_time()) == ([B], 20)
    assert (await waiting.ring(), anyio.current_time()) == ([A], 50)
    with anyio.move_on_after(100) as silence:
        await waiting.ring()
    assert silence.cancelled_caught


async def test_one_that_is_hurried_or_sooner_rings_while_another_is_waited_for() -> None:
    waiting = alarms()
    waiting.set(A, 100)
    waiting.set(B, 200)

    async def meanwhile() -> None:
        await anyio.sleep(10)
        waiting.hurry(B)
        waiting.hurry(C)  # has none
        waiting.set(C, 5)

    async with anyio.create_task_group() as group:
        group.start_soon(meanwhile)
        rung = [(await waiting.ring(), anyio.current_time()) for _ in range(3)]
    assert rung == [([B], 10), ([C], 15), ([A], 100)]


async def test_one_that_is_off_rings_no_more() -> None:
    waiting = alarms()
    waiting.set(A, 10)
    waiting.set(B, 20)
    waiting.off(A)
    waiting.off(C)
    waiting.hurry(A)
    assert (await waiting.ring(), anyio.current_time()) == ([B], 20)


async def test_who_rings_within_the_grain_of_the_loop_s_timers_rings_at_its_end() -> None:
    waiting = alarms()
    for number, partner_id in enumerate((A, B, C)):
        waiting.set(partner_id, GRAIN_S * (1 + number) / 3)
    assert (await waiting.ring(), anyio.current_time()) == ([A, B, C], GRAIN_S)


async def test_many_that_ring_together_leave_everybody_else_a_turn() -> None:
    waiting, turns = alarms(), 0
    for number in range(3 * LOT):
        waiting.set(PartnerId(f"pt_{number:03}"), 0)

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(somebody_else)
        lots = [await waiting.ring() for _ in range(3)]
        group.cancel_scope.cancel()
    assert [len(lot) for lot in lots] == [LOT] * 3
    assert turns >= 3


async def test_alarms_that_are_set_again_and_again_are_forgotten() -> None:
    waiting = alarms()
    for number in range(10_000):
        waiting.set(A, 300 + number)
        waiting.set(B, 300 - number / 100)
    assert len(waiting._heap) <= 2 * 2 + SLACK + 1
    assert (await waiting.ring(), anyio.current_time()) == ([B], 300 - 99.99)
    assert (await waiting.ring(), anyio.current_time()) == ([A], 300 + 9_999)
