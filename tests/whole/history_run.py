"""One random history over HTTP and Postgres in real time, and what must be so when everything has come to rest."""

from collections.abc import Callable
from random import Random

import anyio

from tests.actors.history_drawer import Drawer
from tests.actors.history_steps import Steps
from tests.actors.history_verdict import faults_of
from tests.actors.history_weather import Weather
from tests.whole.pace import WITHIN_S
from tests.whole.partner import Partner
from tests.whole.stage import Site

PAUSES = (0.0, 0.01, 0.05, 0.3)
LIVES_MAX = 3


class WholeHistory:
    """A history whose steps are all in its seed; when they meet what the daemon does is left to the real clock."""

    def __init__(self, partner: Partner, seed: int) -> None:
        self.partner = partner
        self.chance = Random(seed)
        self.weather = Weather(self.chance)
        self.drawer = Drawer(partner)
        self.steps = Steps(partner, self.chance, self.drawer)
        self.weather.watch = self.drawer.answered
        partner.before, partner.after = self.weather.before, self.weather.after

    async def run(self) -> list[str]:
        """Let it happen over some lives of the process, let it come to rest, and list what is not as it must be."""
        chance = self.chance
        for _ in range(chance.randrange(1, 4)):
            self.steps.create_invoice()
        await self.partner.consent()
        left = chance.randrange(4, 14)
        for life in range(LIVES_MAX):
            left = await self._live(left, is_last=life == LIVES_MAX - 1)
            if left <= 0:
                break
        return await self._rest()

    async def _live(self, left: int, *, is_last: bool) -> int:
        chance, weather = self.chance, self.weather
        async with anyio.create_task_group() as group:
            weather.cut = group.cancel_scope.cancel
            await self.partner.start(group)
            weather.storm = chance.choice((0.0, 0.0, 0.05, 0.2))
            weather.cut_in = 0 if is_last else chance.choice((0, chance.randrange(1, 30), chance.randrange(1, 200)))
            while left > 0:
                left -= 1
                await self._step()
                await self.partner.clock.sleep(chance.choice(PAUSES))
            group.cancel_scope.cancel()
        return left

    async def _step(self) -> None:
        await self.partner.refresh()
        await self.partner.quiet()
        self.steps.any()
        await self.partner.flush()

    async def _rest(self) -> list[str]:
        self.weather.clear()
        await self.partner.flush()
        async with anyio.create_task_group() as group:
            await self.partner.start(group)
            await self.partner.until(self.partner.is_connected)
            faults = ["it never came to rest"]
            with anyio.move_on_after(WITHIN_S):
                while faults:
                    await self.partner.synced()
                    self.drawer.look()
                    faults = list(faults_of(self.partner, self.drawer))
            group.cancel_scope.cancel()
        return faults


async def play_together(site: Site, seeds: range, how: Callable[[int], str]) -> list[str]:
    """Play histories side by side, since much of their time is waiting; what is not as it must be, and how to replay.

    What is raised names the seed.
    """
    told: list[str] = []

    async def play(seed: int) -> None:
        replay = how(seed)
        history = WholeHistory(site.add(), seed)
        try:
            faults = await history.run()
        except Exception as error:
            error.add_note(f"history {seed} ({replay})")
            raise
        if faults:
            told.append("\n".join([f"history {seed} ({replay}):", *faults, "", *history.steps.told]))

    async with anyio.create_task_group() as group:
        for seed in seeds:
            group.start_soon(play, seed)
    return told
