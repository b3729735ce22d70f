"""A fleet on one database through bad weather, all in its seed; what must be so is looked at throughout."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from unittest.mock import patch

import anyio
from anyio.abc import TaskGroup
from typing_extensions import override

from daemon.actors import supervisor
from daemon.actors.ports import Clock
from daemon.adapters.freshbooks.tokens import TokenSealer
from daemon.core.consent import StoredTokens
from daemon.core.errors import StoreUnavailable
from daemon.core.markers import markers_in
from tests.actors.history_drawer import Drawer
from tests.actors.history_run import History
from tests.actors.history_steps import Steps
from tests.actors.history_weather import STORE_FAILS, CountedLoop, Weather
from tests.actors.stage import PARTNER, ActorStage
from tests.adapters.freshbooks_chain import KEYS
from tests.simulation.plans import SHORT, Plan
from tests.simulation.process import RUNNING, Process, Shared
from tests.simulation.watching import Progress, Watch, untold

LOOK_S = 6 * 3600.0
MONTH_DAYS = 30


class Simulation(History):
    """A history in which several processes share the partner, freeze, die, lose Postgres, and mistake the time."""

    def __init__(self, seed: int, plan: Plan = SHORT, progress: Progress = untold) -> None:
        self.progress = progress
        self.chance = Random(f"simulation {seed}")
        self.plan = plan
        self.weather = Weather(self.chance)
        size = self.chance.choice((0, 0, 3, 9))
        self.stage = ActorStage(size, policy=plan.policy, before=self.weather.before, after=self.weather.after)
        self.watch = Watch()
        self.stage.notes = self.watch  # type: ignore[assignment]
        self.stage.world = replace(self.stage.world, telemetry=self.watch)
        self.drawer = Drawer(self.stage, reader=_clock_of_the_running)
        self.steps = Steps(self.stage, self.chance, self.drawer)
        self.stage.store.fail = self._statement
        self.weather.between = self.steps.any
        self.weather.watch = self.drawer.answered
        self.weather.cut = self._cut_off
        self.shared = Shared.of(self.stage, plan.token_life)
        self.alive: list[Process] = []
        self.fates: Counter[str] = Counter()
        self.seen: list[str] = []
        self.taken = 0
        self._months = 1
        self._outage = False
        self._calm = False

    # ---- the course --------------------------------------------------------------------------------------------------

    @override
    async def run(self) -> None:
        """Let it happen, let it come to rest; what was wrong on the way stands in `seen`."""
        self.stage.connect()
        self.shared.token_rows.rows[PARTNER] = StoredTokens(
            generation=1, tokens=TokenSealer(KEYS).seal(PARTNER, self.shared.oauth.pair())
        )
        for _ in range(self.chance.randrange(1, 4)):
            self.steps.create_invoice()
        async with anyio.create_task_group() as group:
            for _ in range(self.chance.choice((1, 2, 2, 3))):
                self._start(group)
            await self._live_on(group)
            await self._come_to_rest(group)
            self.look()
            self.stage.root = self.alive[0].root
            group.cancel_scope.cancel()

    async def _live_on(self, group: TaskGroup) -> None:
        left = self.chance.randrange(*self.plan.happenings)
        ends_at = self.plan.days * 86_400
        while left > 0 or anyio.current_time() < ends_at:
            left -= 1
            self._change_weather()
            if self.chance.random() < self.plan.trouble:
                await self._trouble(group)
            self.steps.any()
            self.look()
            if not self.alive:
                self._start(group)
            await self._pass(self.chance.choice(self.plan.pauses) * self.chance.uniform(0.5, 1.5))

    async def _pass(self, seconds: float) -> None:
        """Let time pass."""
        while seconds > 0:
            await anyio.sleep(min(seconds, LOOK_S))
            seconds -= LOOK_S
            self._take_count()
            self._tell_month()

    def _tell_month(self) -> None:
        """Say in a long history how far it has come, a line a month."""
        days = anyio.current_time() / 86_400
        if self.plan.days and days >= self._months * MONTH_DAYS:
            self._months += 1
            self.progress(
                f"{self.stage.clock.now():%Y-%m-%d}: day {days:.0f} of {self.plan.days:.0f}, {self.taken:,} steps"
            )

    async def _come_to_rest(self, group: TaskGroup) -> None:
        self.weather.clear()
        self._calm = True
        self._outage = False
        for process in self.alive:
            process.gate.thaw()
            process.leases.away = False
            process.clock.step(self.stage.clock.now() - process.clock.now())
        # Those that are there may be stopping, or about to die.
        self._start(group)
        await anyio.sleep(7200)
        for _ in range(2):
            self.steps.sync_now()
            await anyio.sleep(900)

    def _change_weather(self) -> None:
        chance, weather = self.chance, self.weather
        self._take_count()
        weather.storm = chance.choice(self.plan.storms)
        weather.gusts = chance.choice((0.0, 0.0, 0.02))
        weather.meddling = chance.choice((0.0, 0.02, 0.1)) if not self.plan.days else 0.0
        if weather.cut_in == 0 and chance.random() < self.plan.trouble / 2:
            weather.cut_in = chance.choice((chance.randrange(1, 40), chance.randrange(1, 400)))

    def _take_count(self) -> None:
        """Count what was done, and let the weather's own limits begin anew: they are meant for a short while."""
        self.taken += self.weather.calls + self.weather.statements
        self.weather.calls = self.weather.statements = 0
        self.stage.caller.asked.clear()

    # ---- trouble -----------------------------------------------------------------------------------------------------

    def _start(self, group: TaskGroup) -> None:
        process = Process(self.shared, self.plan.leases)
        process.gate.crossed = lambda what: self._crossed(group, process, what)
        self.alive.append(process)
        group.start_soon(self._run, process)

    async def _run(self, process: Process) -> None:
        try:
            await process.run()
        except StoreUnavailable:
            self.steps.told.append(f"{process.name} found no Postgres")
        finally:
            if process in self.alive:
                self.alive.remove(process)

    def _cut_off(self) -> None:
        """Kill the process whose call or statement this is."""
        process = RUNNING.get(None)
        if process is not None:
            self._tell("kill", process)
            process.kill()

    def _crossed(self, group: TaskGroup, process: Process, what: str) -> None:
        likely = self.plan.post_freezes if what == "POST" else self.plan.freezes
        if not self._calm and process.gate.opened is None and self.chance.random() < likely:
            self._tell(f"freeze at {what}", process)
            process.gate.freeze()
            group.start_soon(self._thaw_later, process, self.chance.choice(self.plan.frozen_s))

    async def _thaw_later(self, process: Process, seconds: float) -> None:
        await anyio.sleep(seconds)
        self._tell("thaw", process)
        process.gate.thaw()

    async def _trouble(self, group: TaskGroup) -> None:
        process = self.chance.choice(self.alive) if self.alive else None
        fate = self.chance.choice(("kill", "stop", "start", "start", "outage", "jump"))
        if fate == "start" and len(self.alive) < 3:
            self._start(group)
        elif fate == "outage" and not self._outage:
            group.start_soon(self._go_away, self.chance.choice((1.0, 30.0, 300.0, 900.0)))
        elif process is not None and fate == "kill":
            process.kill()
        elif process is not None and fate == "stop":
            process.gate.thaw()
            process.root.drain()
        elif process is not None and fate == "jump":
            process.clock.step(timedelta(minutes=self.chance.choice((-60, -5, 5, 60))))
        else:
            return
        self._tell(fate, process)

    async def _go_away(self, seconds: float) -> None:
        """Let Postgres be unreachable for everybody."""
        self._outage = True
        await anyio.sleep(seconds)
        self._outage = False
        for process in self.alive:
            process.leases.away = False

    def _statement(self, step: str) -> None:
        if self._outage:
            for process in self.alive:
                process.leases.away = True
            if step in STORE_FAILS:
                raise StoreUnavailable("Postgres is away")
        self.weather.store(step)

    def _tell(self, what: str, process: Process | None) -> None:
        self.fates[what.split(" ", maxsplit=1)[0]] += 1
        self.steps.told.append(f"{self.stage.clock.now():%m-%d %H:%M:%S} {what} {process.name if process else ''}")

    # ---- what must be so ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at everything that must hold at every moment."""
        self.drawer.look()
        for fault in self._wrong_now():
            if fault not in self.seen:
                self.seen.append(fault)

    def _wrong_now(self) -> Iterator[str]:
        marks = Counter(mark for row in self._books.payments for mark in markers_in(row.note))
        yield from (f"{mark} stands {count} times" for mark, count in marks.items() if count > 1)
        holders = [process.name for process in self.alive if process.membership.holds(PARTNER)]
        if len(holders) > 1:
            yield f"two work for one partner: {holders}"
        parked = self.stage.store.connections[PARTNER].parked
        if parked:
            yield f"the connection was lost: {parked}"
        yield from (f"our own fault: {fact}" for fact in self.watch.facts)

    def verdict(self) -> list[str]:
        """List all that was wrong, on the way and in the end."""
        return list(dict.fromkeys([*self.seen, *self.faults()]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one seed came to; `trace` tells two runs of it apart if they differ anywhere."""

    seed: int
    days: float
    steps: int
    trace: str
    fates: dict[str, int]
    faults: list[str]
    told: list[str]


def simulate(seed: int, plan: Plan = SHORT, progress: Progress = untold) -> Outcome:
    """Run one seed. What is raised names it."""

    async def run() -> Outcome:
        simulation = Simulation(seed, plan, progress)
        await simulation.run()
        weather, told = simulation.weather, simulation.steps.told
        steps = simulation.taken + weather.calls + weather.statements
        trace = hashlib.sha256("\n".join([*told, str(steps), str(anyio.current_time())]).encode()).hexdigest()
        return Outcome(
            seed=seed,
            days=anyio.current_time() / 86_400,
            steps=steps,
            trace=trace[:16],
            fates=dict(simulation.fates),
            faults=simulation.verdict(),
            told=told,
        )

    try:
        with patch.object(supervisor, "WAIT_MAX", plan.glance):
            return anyio.run(run, backend="asyncio", backend_options={"loop_factory": CountedLoop})
    except BaseException as error:
        error.add_note(f"simulation {seed}")
        raise


def _clock_of_the_running() -> Clock | None:
    process = RUNNING.get(None)
    return process.clock if process is not None else None
