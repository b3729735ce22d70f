"""Ten thousand connected partners in one process: start, memory, idle CPU, lateness, the collector, and a reload.

FreshBooks is `quiet_freshbooks.py`, which says "nothing new" to everything; Postgres is the stand's own.
"""

import contextlib
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import asyncpg
import msgspec
from anyio.streams.buffered import BufferedByteReceiveStream

from daemon.adapters.crypto import KeyRing
from daemon.core.backfill import Cursor, Feed
from tests.bench.fleet_run import Fleet, FleetJob
from tests.bench.rows import Goal, Row
from tests.bench.stand import MIGRATED, Stand
from tests.system.program import ENCRYPTION_KEY

FEW: Final = 100
PARTNERS: Final = 10_000
WATCH_S: Final = 30.0
PATIENCE_S: Final = 300.0
LOOK_S: Final = 10.0
"""Supervisors that have nothing to do look at the clock this often when timers alone are measured."""
FIRES: Final = 100
"""Timers per second of 10,000 partners, by which CPU of timers alone is told."""
POOL: Final = 10
_PARTNERS: Final = "INSERT INTO platform.partner (partner_id, name) SELECT id, 'Firm ' || id FROM unnest($1::text[]) id"
_CONNECTIONS: Final = (
    "INSERT INTO sync.connection (partner_id, status, account_id, business_uuid, epoch, payments_account_id, "
    "deposits_account_id, paused, connected_at) "
    "SELECT id, 'connected', 'ac_' || id, 'bu_' || id, 1, 'payments', 'bank', $2, now() FROM unnest($1::text[]) id"
)
_TOKENS: Final = (
    "INSERT INTO sync.token (partner_id, generation, access_token, refresh_token, expires_at) "
    "SELECT id, 1, access, refresh, now() + interval '12 hours' "
    "FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS t (id, access, refresh)"
)
_CURSORS: Final = (
    "INSERT INTO sync.cursor (partner_id, account_id, feed, value) SELECT id, 'ac_' || id, feed, value::jsonb "
    "FROM unnest($1::text[], $2::text[], $3::text[]) AS c (id, feed, value)"
)
_INTERVALS: Final = {
    Feed.PAYMENTS: timedelta(minutes=3),
    Feed.INVOICES: timedelta(hours=1),
    Feed.CENSUS: timedelta(days=7),
}


async def fleet(stand: Stand) -> list[Row]:
    """Carry 10,000 connected partners (1,000 when quick): first 100, then all of them, then all of them paused."""
    partners = PARTNERS if stand.scale.name == "full" else PARTNERS // 10
    few = await carried(stand, FEW, WATCH_S / 10)
    many = await carried(stand, partners, WATCH_S)
    waiting = await carried(stand, partners, WATCH_S, look_s=LOOK_S)
    return rows_of(partners, few, many, waiting)


async def carried(stand: Stand, partners: int, watch_s: float, look_s: float = 0.0) -> Fleet:
    """Run a process with so many partners on a database of its own; with `look_s` they are paused."""
    dsn = stand.server.dsn(await stand.database(MIGRATED))
    database = await asyncpg.connect(dsn)
    try:
        await insert_fleet(database, partners, paused=bool(look_s))
    finally:
        await database.close()
    async with quiet_freshbooks() as url:
        job = FleetJob(dsn=dsn, url=url, partners=partners, watch_s=watch_s, patience_s=PATIENCE_S, look_s=look_s)
        said = await stand.run(stand.python, "-m", "tests.bench.fleet_run", msgspec.json.encode(job).decode())
    return msgspec.convert(said, Fleet)


async def beside_backfill(stand: Stand) -> list[Row]:
    """Carry 10,000 paused partners while one more reads its large books for the first time, as fast as it can."""
    dsn = stand.server.dsn(await stand.partner())
    database = await asyncpg.connect(dsn)
    try:
        await insert_fleet(database, PARTNERS, paused=True)
        job = FleetJob(
            dsn=dsn,
            url=stand.greeting["base_url"],
            partners=PARTNERS + 1,
            watch_s=WATCH_S / 3,
            patience_s=PATIENCE_S,
            calls_per_window=10_000_000,
        )
        said = await stand.run(stand.python, "-m", "tests.bench.fleet_run", msgspec.json.encode(job).decode())
        left = await database.fetchval("SELECT count(*) FROM sync.connection WHERE status = 'pending'")
    finally:
        await database.close()
    seen = msgspec.convert(said, Fleet)
    assert left == 1, "the books were read before the watch was over: make them larger"
    assert seen.effects.get("pull_pages"), "nothing was read while the fleet was watched"
    whom = f"{PARTNERS:,} paused partners while one reads at full speed"
    return [
        _row(f"lateness of a deadline among {whom}, p99", "ms", seen.late_p99_ms, 25),
        _row("the same, the latest", "ms", seen.late_max_ms),
    ]


async def insert_fleet(database: asyncpg.Connection, partners: int, *, paused: bool) -> None:
    """Store partners whose initial sync is done and whose next passes lie as far apart as they do after a while."""
    ring, now = KeyRing.from_base64({"k1": ENCRYPTION_KEY}), datetime.now(UTC)  # noqa: TID251 -- rows as stored before
    ids = [f"firm_{number}" for number in range(partners)]
    sealed = {
        field: [ring.encrypt("a token of a length as usual " * 8, partner_id=name, field=field) for name in ids]
        for field in ("access_token", "refresh_token")
    }
    cursors = [
        (name, feed.value, msgspec.json.encode(cursor).decode())
        for number, name in enumerate(ids)
        for feed in Feed
        for cursor in [_finished(feed, now - _INTERVALS.get(feed, timedelta(days=1)) * number / partners)]
    ]
    async with database.transaction():
        await database.execute(_PARTNERS, ids)
        await database.execute(_CONNECTIONS, ids, paused)
        await database.execute(_TOKENS, ids, sealed["access_token"], sealed["refresh_token"])
        await database.execute(_CURSORS, *(list(column) for column in zip(*cursors, strict=True)))
    await database.execute("ANALYZE")


def _finished(feed: Feed, at: datetime) -> Cursor:
    return Cursor(feed=feed, began_at=at, finished_at=at, runs=1, percent=100)


@contextlib.asynccontextmanager
async def quiet_freshbooks() -> AsyncIterator[str]:
    """Run the FreshBooks to which nothing ever happens; its address."""
    process = await anyio.open_process(
        [sys.executable, str(Path(__file__).with_name("quiet_freshbooks.py"))], stderr=None
    )
    try:
        assert process.stdout is not None
        with anyio.fail_after(10):
            url = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 1 << 10)
        yield url.decode()
    finally:
        with anyio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.aclose()


def rows_of(partners: int, few: Fleet, many: Fleet, waiting: Fleet) -> list[Row]:
    """Tell what the three runs measured."""
    each_kib = (many.rss_mb - few.rss_mb) * 1024 / (partners - FEW)
    waiting_kib = (waiting.rss_mb - few.rss_mb) * 1024 / (partners - FEW)
    passes = many.effects.get("pull_pages", 0.0)
    fires = partners / LOOK_S
    timers = waiting.cpu_s / waiting.watched_s / fires * FIRES * 100
    whom = f"{partners:,} partners"
    return [
        _row(f"start with {whom}: READY", "s", many.ready_s, 5),
        _row(f"start with {whom}: all supervised", "s", many.supervised_s, 15),
        _row(f"start with {whom}: everybody's first work done", "s", many.settled_s),
        _row(f"start with {whom}: calls that failed or waited too long", "calls", many.failures, 0),
        _row(
            f"start with {whom}: connections to Postgres, a pool of {POOL} and two",
            "at most",
            many.connections_max,
            POOL + 2,
        ),
        _row(f"memory of a connected, idle partner, among {partners:,}", "KiB", each_kib, 12),
        _row("the same, one that has not worked yet", "KiB", waiting_kib),
        _row(f"CPU of {whom} at shipped intervals, per page read", "ms", many.cpu_s * 1000 / max(passes, 1)),
        _row(f"CPU of {whom} at shipped intervals, of a core", "%", many.cpu_s / many.watched_s * 100),
        _row(f"CPU of timers alone at {FIRES} a second, of a core", "%", timers, 3),
        _row(f"lateness of a deadline among {whom}, p99", "ms", many.late_p99_ms, 25),
        _row(f"the longest pause of the collector among {whom}", "ms", max(many.gc_max_ms, many.gc_full_ms), 20),
        _row(f"reload that changes {many.reload_children:,} policies", "s", many.reload_s),
        _row("the same, until all have taken it over", "s", many.reload_taken_s, 2),
    ]


def _row(work: str, unit: str, ours: float, at_most: float | None = None) -> Row:
    goals = () if at_most is None else (Goal(sign="<=", bound=at_most, value=ours),)
    return Row(work=work, unit=unit, ours=ours, goals=goals)


MEASURES: Any = (fleet, beside_backfill)
