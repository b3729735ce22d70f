"""A process of its own: the daemon's real parts carry a fleet of idle partners, started, weighed, watched and retuned.

Reads a job as JSON from its argument and prints what it measured as JSON on its last line.
"""

import gc
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import msgspec
import structlog
from prometheus_client import CollectorRegistry

from daemon.actors import supervisor
from daemon.adapters.clock import SystemClock
from daemon.adapters.metrics import Metrics
from daemon.app.board import FleetBoard
from daemon.app.database import Database
from daemon.app.launch import Launch
from daemon.app.memory import keep_settled, settle
from daemon.app.sampler import FleetSampler
from daemon.app.wiring import Parts, wired
from daemon.core.state import NotConnected
from daemon.settings import Settings
from tests.bench.daemon_run import Lateness
from tests.system.program import ENCRYPTION_KEY

LOOK_S = 0.25
_OPEN = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND application_name LIKE 'freshbooks-syncd%'"
)


class FleetJob(msgspec.Struct, kw_only=True):
    """How many partners to carry; `look_s` of 0 leaves the supervisors' own bound between two looks at the clock.

    `calls_per_window` of 0 leaves FreshBooks' own budget.
    """

    dsn: str
    url: str
    partners: int
    watch_s: float
    patience_s: float
    look_s: float = 0.0
    calls_per_window: int = 0


class Fleet(msgspec.Struct, kw_only=True):
    """What came of it. `effects` and CPU are of the time that was watched, once the first work of all was done."""

    ready_s: float
    supervised_s: float
    settled_s: float
    start_cpu_s: float
    start_late_p99_ms: float
    connections_max: int
    failures: int
    base_mb: float
    rss_mb: float
    watched_s: float
    cpu_s: float
    effects: dict[str, float]
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    gc_max_ms: float
    gc_full_ms: float
    reload_s: float
    reload_taken_s: float
    reload_children: int


@dataclass(slots=True)
class Pauses:
    """How long the collector stops everything, in milliseconds."""

    clock: SystemClock
    seen: list[float] = field(default_factory=list)
    _began: float = 0.0

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = self.clock.monotonic()
        else:
            self.seen.append((self.clock.monotonic() - self._began) * 1000)


@dataclass(slots=True)
class Watch:
    """The fleet while it works."""

    job: FleetJob
    parts: Parts
    metrics: Metrics
    clock: SystemClock
    database: asyncpg.Connection
    lateness: Lateness
    connections_max: int = 0

    async def run(self) -> None:
        while True:
            await self.lateness.tick()

    async def look_at_postgres(self) -> None:
        while True:
            self.connections_max = max(self.connections_max, await self.database.fetchval(_OPEN))
            await self.clock.sleep(LOOK_S * 4)

    async def until(self, holds: Callable[[], bool]) -> float:
        """Wait, and tell how many seconds it took; for ever is `patience_s`."""
        began = self.clock.monotonic()
        with anyio.move_on_after(self.job.patience_s):
            while not holds():
                await self.clock.sleep(LOOK_S)
        return self.clock.monotonic() - began

    def are_supervised(self) -> bool:
        views = self.parts.root.views()
        return len(views) == self.job.partners and not any(isinstance(view.state, NotConnected) for view in views)

    def are_settled(self) -> bool:
        """Whether everybody's first work is done: the accounts are listed, and are to be again tomorrow."""
        now = self.clock.now()
        states = [view.state for view in self.parts.root.views() if not isinstance(view.state, NotConnected)]
        return all(own.connection.paused or not (at := own.schedule.accounts_at) or at > now for own in states)

    def are_retuned(self) -> bool:
        return not any(child.supervisor.is_rung for child in self.parts.root._children.values())

    def effects(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for sample in samples(self.metrics.effects):
            if sample.name.endswith("_total"):
                found[sample.labels["effect"]] += int(sample.value)
        return found

    def failures(self) -> int:
        failed = (sample for sample in samples(self.metrics.call_failures) if sample.name.endswith("_total"))
        return sum(int(sample.value) for sample in failed)


def samples(metric: Any) -> list[Any]:
    return [sample for family in metric.collect() for sample in family.samples]


def rss_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def settings_of(job: FleetJob) -> Settings:
    return Settings.model_validate(
        {
            "postgres": {"dsn": job.dsn},
            "freshbooks": {"api_url": job.url, "auth_url": job.url, "client_id": "bench", "client_secret": "bench"},
            "encryption": {"keys": [{"id": "k1", "key": ENCRYPTION_KEY}]},
            "rate": {"calls_per_window": job.calls_per_window, "burst": 100_000} if job.calls_per_window else {},
        }
    )


async def measure(job: FleetJob) -> Fleet:
    settings, clock = settings_of(job), SystemClock()
    if job.look_s:
        supervisor.WAIT_MAX = timedelta(seconds=job.look_s)
    metrics = Metrics(CollectorRegistry(), partner_series=False)
    board, log = FleetBoard(clock), structlog.get_logger("bench")
    database = await asyncpg.connect(job.dsn)
    launch, policy = Launch(settings=settings, load=lambda: settings), settings.policy()
    try:
        async with wired(launch, Database(dsn=job.dsn), lambda: policy, clock, metrics, log) as parts:
            board.watch(parts.root)
            watch = Watch(job, parts, metrics, clock, database, Lateness(clock))
            async with anyio.create_task_group() as group:
                sampler = FleetSampler(parts.fleet, metrics, board.sampled, clock, log)
                group.start_soon(sampler.run)
                group.start_soon(parts.news.run)
                group.start_soon(watch.run)
                group.start_soon(watch.look_at_postgres)
                found = await _lived(watch, group, settings)
                group.cancel_scope.cancel()
    finally:
        await database.close()
    return found


async def _lived(watch: Watch, group: Any, settings: Settings) -> Fleet:
    clock, root = watch.clock, watch.parts.root
    pauses, base, cpu = Pauses(clock), rss_mb(), time.process_time()
    began = clock.monotonic()
    await group.start(root.run)
    settle()  # as the daemon does when it is ready
    group.start_soon(keep_settled, root.begun_and_served, clock)
    ready_s = clock.monotonic() - began
    supervised_s = ready_s + await watch.until(watch.are_supervised)
    settled_s = supervised_s + await watch.until(watch.are_settled)
    start_cpu, start_late = time.process_time() - cpu, watch.lateness.at(0.99)
    await clock.sleep(2.0)
    weight = rss_mb()
    gc.callbacks.append(pauses)
    watch.lateness.seen.clear()
    before, cpu, since = watch.effects(), time.process_time(), clock.monotonic()
    await clock.sleep(watch.job.watch_s)
    watched_s, cpu = clock.monotonic() - since, time.process_time() - cpu
    done = watch.effects() - before
    late = tuple(watch.lateness.at(share) for share in (0.5, 0.99, 1.0))
    longest = max(pauses.seen, default=0.0)
    gc.collect()
    policy = settings.policy()
    changed = replace(policy, pull=replace(policy.pull, invoices_interval=timedelta(hours=2)))
    since = clock.monotonic()
    children = root.apply_policy(changed)
    reload_s = clock.monotonic() - since
    reload_taken_s = reload_s + await watch.until(watch.are_retuned)
    return Fleet(
        ready_s=ready_s,
        supervised_s=supervised_s,
        settled_s=settled_s,
        start_cpu_s=start_cpu,
        start_late_p99_ms=start_late,
        connections_max=watch.connections_max,
        failures=watch.failures(),
        base_mb=base,
        rss_mb=weight,
        watched_s=watched_s,
        cpu_s=cpu,
        effects={name: float(count) for name, count in done.items()},
        late_p50_ms=late[0],
        late_p99_ms=late[1],
        late_max_ms=late[2],
        gc_max_ms=longest,
        gc_full_ms=pauses.seen[-1],
        reload_s=reload_s,
        reload_taken_s=reload_taken_s,
        reload_children=children,
    )


def main() -> None:
    errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=errors, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    job = msgspec.json.decode(sys.argv[1], type=FleetJob)
    found = anyio.run(measure, job, backend_options={"use_uvloop": True})
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main()
