"""What wakes the one who waits: a ring, or the end of the time he waits for."""

import asyncio


class Bell:
    """A bell for one listener. Of a wait there is one future and one timer, and nothing once it has ended.

    Ten thousand wait at once: an event in a cancel scope would weigh four times as much each (tests/bench).
    """

    __slots__ = ("_listener",)

    def __init__(self) -> None:
        self._listener: asyncio.Future[bool] | None = None

    def ring(self) -> None:
        """Wake whoever waits now; nothing is kept for one who comes later."""
        self._wake(rung=True)

    async def wait(self, seconds: float | None) -> bool:
        """Wait for a ring, for so long at most, None is for ever; tell whether it rang."""
        loop = asyncio.get_running_loop()
        self._listener = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._over)
        try:
            return await self._listener
        finally:
            self._listener = None
            if timer is not None:
                timer.cancel()

    def _over(self) -> None:
        self._wake(rung=False)

    def _wake(self, *, rung: bool) -> None:
        if self._listener is not None and not self._listener.done():
            self._listener.set_result(rung)
