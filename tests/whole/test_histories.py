"""Random histories on the real adapters: HTTP, Postgres, real time; several partners of one sandbox side by side."""

import os
from random import Random

import anyio
import pytest

from tests.actors.history_drawer import Drawer
from tests.actors.history_steps import Steps
from tests.actors.history_verdict import faults_of
from tests.actors.history_weather import Weather
from tests.whole.stage import WITHIN_S, Partner, Site

HISTORIES = int(os.environ.get("SYNCD_WHOLE_HISTORIES", "100"))
FIRST = int(os.environ.get("SYNCD_WHOLE_HISTORIES_FROM", "1"))
PER_TEST = 25
"""Side by side, since much of their time is waiting."""
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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, PER_TEST))
async def test_at_rest_the_real_tables_equal_the_books_and_the_amount_due_is_what_the_cash_says(
    site: Site, first: int
) -> None:
    told: list[str] = []

    async def play(seed: int) -> None:
        history = WholeHistory(site.add(), seed)
        try:
            faults = await history.run()
        except Exception as error:
            error.add_note(f"history {seed} (SYNCD_WHOLE_HISTORIES_FROM={seed} SYNCD_WHOLE_HISTORIES=1)")
            raise
        if faults:
            replay = f"SYNCD_WHOLE_HISTORIES_FROM={seed} SYNCD_WHOLE_HISTORIES=1"
            told.append("\n".join([f"history {seed} ({replay}):", *faults, "", *history.steps.told]))

    async with anyio.create_task_group() as group:
        for seed in range(first, min(first + PER_TEST, FIRST + HISTORIES)):
            group.start_soon(play, seed)
    assert not told, "\n\n".join(told)
