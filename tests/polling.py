"""The tests' one way to wait for something that announces itself nowhere: `eventually`, or `until` without a loop."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

import anyio

T = TypeVar("T")


@overload
async def eventually(probe: Callable[[], Awaitable[T]], *, within_s: float = ..., every_s: float = ...) -> T: ...
@overload
async def eventually(probe: Callable[[], T], *, within_s: float = ..., every_s: float = ...) -> T: ...
async def eventually(
    probe: Callable[[], Awaitable[T]] | Callable[[], T], *, within_s: float = 10.0, every_s: float = 0.02
) -> T:
    """Ask until the answer is true, and give it back; AssertionError when it is not within the time."""
    deadline = time.monotonic() + within_s
    while True:
        answer = probe()
        value = await answer if isinstance(answer, Awaitable) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {within_s} s: {probe}, last {value!r}")
        await anyio.sleep(every_s)


def until(probe: Callable[[], T], within_s: float = 20.0, every_s: float = 0.05) -> T:
    """Ask until the answer is true, and give it back, in a test that has no event loop."""
    deadline = time.monotonic() + within_s
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"not true within {within_s} s: {probe}"
        time.sleep(every_s)
    return answer
