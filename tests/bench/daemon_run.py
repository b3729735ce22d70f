"""A process of its own: the daemon's real parts at work on one stored connection, timed, weighed and watched.

Reads a job as JSON from its argument and prints what it measured as JSON on its last line.
"""

import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import asyncpg
import msgspec
import structlog
from prometheus_client import CollectorRegistry

from daemon.actors.root import RootSupervisor
from daemon.adapters.clock import SystemClock
from daemon.adapters.metrics import Metrics
from daemon.app.database import Database
from daemon.app.launch import Launch
from daemon.app.memory import settle
from daemon.app.wiring import wired
from daemon.core.backfill import Feed
from daemon.core.state import Connected, NotConnected, cursor_of
from daemon.settings import Settings

TICK_S = 0.01


class Job(msgspec.Struct, kw_only=True):
    """What to run: until `feed` is read to its end, or with None until the partner is Connected."""

    dsn: str
    url: str
    key: str
    client_id: str
    client_secret: str
    feed: str | None
    pages_in_flight: int = 4
    calls_per_window: int = 10_000_000


class Measured(msgspec.Struct, kw_only=True):
    """What came of it. Lateness is that of a timer every 10 ms in the same process, in milliseconds."""

    seconds: float
    cpu_s: float
    peak_mb: float
    wal_bytes: int
    rows_written: int
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float


@dataclass(slots=True)
class Lateness:
    """How late a timer fires: what another partner's payment would have waited."""

    clock: SystemClock
    seen: list[float] = field(default_factory=list)

    async def tick(self) -> None:
        due = self.clock.monotonic() + TICK_S
        await self.clock.sleep(TICK_S)
        self.seen.append(max(self.clock.monotonic() - due, 0.0) * 1000)

    def at(self, share: float) -> float:
        return round(sorted(self.seen)[min(int(len(self.seen) * share), len(self.seen) - 1)], 2)


def settings_of(job: Job) -> Settings:
    return Settings.model_validate(
        {
            "postgres": {"dsn": job.dsn},
            "freshbooks": {
                "api_url": job.url,
                "auth_url": job.url,
                "client_id": job.client_id,
                "client_secret": job.client_secret,
            },
            "encryption": {"keys": [{"id": "k1", "key": job.key}]},
            "sync": {"pages_in_flight": job.pages_in_flight},
            "rate": {"calls_per_window": job.calls_per_window, "burst": 100_000},
        }
    )


def is_done(root: RootSupervisor, feed: Feed | None) -> bool:
    (view,) = root.views()
    if view.parked:
        raise SystemExit(f"the supervisor was parked: {view.parked}")
    if isinstance(view.state, NotConnected):
        return False
    if feed is None:
        return isinstance(view.state, Connected)
    return not cursor_of(view.state, feed).is_running


async def measure(job: Job) -> Measured:
    settings, clock = settings_of(job), SystemClock()
    launch = Launch(settings=settings, load=lambda: settings)
    metrics = Metrics(CollectorRegistry(), partner_series=True)
    lateness = Lateness(clock)
    feed = None if job.feed is None else Feed(job.feed)
    database = await asyncpg.connect(job.dsn)
    async with wired(
        launch, Database(dsn=job.dsn), settings.policy, clock, metrics, structlog.get_logger("bench")
    ) as parts:
        settle()
        before = await database.fetchrow("SELECT pg_current_wal_insert_lsn(), pg_current_xact_id()::text::bigint")
        assert before is not None
        began, cpu = clock.monotonic(), time.process_time()
        async with anyio.create_task_group() as group:
            await group.start(parts.root.run)
            while not is_done(parts.root, feed):
                await lateness.tick()
            seconds, cpu = clock.monotonic() - began, time.process_time() - cpu
            group.cancel_scope.cancel()
        written = await database.fetchrow(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::bigint, "
            "(SELECT count(*) FROM sync.invoice WHERE xmin::text::bigint > $2)",
            *before,
        )
    await database.close()
    assert written is not None
    return Measured(
        seconds=seconds,
        cpu_s=cpu,
        peak_mb=peak_mb(),
        wal_bytes=written[0],
        rows_written=written[1],
        late_p50_ms=lateness.at(0.5),
        late_p99_ms=lateness.at(0.99),
        late_max_ms=lateness.at(1.0),
    )


def peak_mb() -> float:
    """The most memory this process ever held; what `resource` tells begins with that of whoever started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def main() -> None:
    warnings = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=warnings, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    job = msgspec.json.decode(sys.argv[1], type=Job)
    measured = anyio.run(measure, job, backend_options={"use_uvloop": True})
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")


if __name__ == "__main__":
    main()
