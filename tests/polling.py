"""The tests' one way to wait for something that announces itself nowhere."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def eventually(probe: Callable[[], Awaitable[T] | T], *, within_s: float = 10.0, every_s: float = 0.02) -> T:
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
