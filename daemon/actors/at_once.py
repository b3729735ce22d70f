"""Two calls at the same time, for whom the way of a payment has no time to wait in turn."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from daemon.actors.read_ahead import CALL_FAILURES

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


async def at_once(first: Callable[[], Awaitable[A]], second: Callable[[], Awaitable[B]]) -> tuple[A, B]:
    """Make two calls at the same time; once both have ended, raise what the first raised, else what the second did.

    The first is begun before this gives anybody else a turn.
    """
    answers: tuple[list[A], list[B]] = ([], [])
    failures: tuple[list[Exception], list[Exception]] = ([], [])

    async def make(call: Callable[[], Awaitable[T]], answer: list[T], failure: list[Exception]) -> None:
        try:
            answer.append(await call())
        except CALL_FAILURES as error:
            failure.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(make, second, answers[1], failures[1])
        await make(first, answers[0], failures[0])
    for error in (*failures[0], *failures[1]):
        raise error
    return answers[0][0], answers[1][0]
