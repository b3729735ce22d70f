"""One random history of both sides over the real supervisor, and what must be so when everything has come to rest."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import anyio

from daemon.core.policy import Policy, PullPolicy
from tests.actors.history_drawer import Drawer
from tests.actors.history_steps import Steps
from tests.actors.history_verdict import faults_of
from tests.actors.history_weather import CountedLoop, Weather
from tests.actors.stage import ActorStage, Switched

POLICY = Policy(pull=PullPolicy(page_size=4, payments_interval=timedelta(minutes=40)))
"""Small pages, so that a few invoices fill several."""
AUTUMN = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
"""Half an hour before FreshBooks' clock repeats an hour: 01:00 to 02:00 US/Eastern."""
PAUSES = (0.0, 0.0, 0.3, 2.0, 15.0, 90.0, 600.0, 3700.0)
LIVES_MAX = 4


class History:
    """A history is all in its seed: what happens, when, in which weather, and where the process is cut off."""

    def __init__(self, seed: int, switches: Switched = ()) -> None:
        self.chance = Random(seed)
        chance = self.chance
        self.weather = Weather(chance)
        size = chance.choice((0, 0, 3, 9))
        self.stage = ActorStage(
            size, policy=POLICY, before=self.weather.before, after=self.weather.after, switches=switches
        )
        if chance.random() < 0.25:
            self.stage.clock.step(AUTUMN - self.stage.clock.now())
        self.drawer = Drawer(self.stage)
        self.steps = Steps(self.stage, chance, self.drawer)
        self.stage.store.fail = self.weather.store
        self.weather.between = self.steps.any
        self.weather.watch = self.drawer.answered

    async def run(self) -> None:
        """Let it happen, let it come to rest, and compare."""
        chance = self.chance
        self.stage.connect()
        for _ in range(chance.randrange(1, 4)):
            self.steps.create_invoice()
        left = chance.randrange(4, 26)
        for life in range(LIVES_MAX):
            left = await self._live(left, is_last=life == LIVES_MAX - 1)
            if left <= 0:
                break
            await anyio.sleep(chance.choice((0, 5, 300, 3 * 86_400)))
        await self._rest()

    async def _live(self, left: int, *, is_last: bool) -> int:
        """Run one process until the history is over or the process is cut off; tell how many steps are left."""
        chance, weather = self.chance, self.weather
        async with anyio.create_task_group() as group:
            weather.cut = group.cancel_scope.cancel
            await group.start(ActorStage.restarted(self.stage).run)
            weather.storm = chance.choice((0.0, 0.0, 0.05, 0.25))
            weather.gusts = chance.choice((0.0, 0.0, 0.02))
            weather.meddling = chance.choice((0.0, 0.02, 0.1))
            weather.cut_in = 0 if is_last else chance.choice((0, chance.randrange(1, 40), chance.randrange(1, 400)))
            while left > 0:
                left -= 1
                self.steps.any()
                self.drawer.look()
                await anyio.sleep(chance.choice(PAUSES) * chance.uniform(0.5, 1.5))
            group.cancel_scope.cancel()
        return left

    async def _rest(self) -> None:
        self.weather.clear()
        async with anyio.create_task_group() as group:
            await group.start(ActorStage.restarted(self.stage).run)
            await anyio.sleep(1200)
            for _ in range(2):
                self.steps.sync_now()
                await anyio.sleep(900)
            self.drawer.look()
            group.cancel_scope.cancel()

    def faults(self) -> list[str]:
        """List everything that is not as the books and the cash say."""
        return list(faults_of(self.stage, self.drawer))

    @property
    def _books(self) -> Any:
        return self.stage.account().books


def play(seed: int, switches: Switched = ()) -> list[str]:
    """Run one history; give its faults, and how it went when there are any. What is raised names the seed."""

    async def run() -> list[str]:
        history = History(seed, switches)
        await history.run()
        faults = history.faults()
        return [*faults, "", *history.steps.told] if faults else []

    try:
        return anyio.run(run, backend="asyncio", backend_options={"loop_factory": CountedLoop})
    except BaseException as error:
        error.add_note(f"history {seed}")
        raise
