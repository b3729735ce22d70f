"""The real daemon in bad weather: Postgres killed, frozen, promoted or out of disk."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import asyncpg
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.launcher import choose_launcher
from daemon.adapters.postgres.migrate import migrate
from tests.polling import eventually
from tests.requirements import SYSTEM_POSTGRES_BINARIES, needs_root, needs_system_postgres
from tests.system.books import Books, Partner, opened_books
from tests.system.program import Program, running

pytestmark = pytest.mark.timeout(180)
INVOICES = 900
HURRIED = '[postgres]\ncommand_timeout = "2s"\nacquire_timeout = "2s"'
UNLIMITED = """
[rate]
calls_per_window = 1000000
creates_per_window = 1000000
burst = 1000
[sync]
backoff_first = "50ms"
backoff_maximum = "500ms"
[push]
lookup_margin = "200ms"
lookup_again_after = "300ms"
"""
SLOW_PAGES = {"match": {"query": "per_page=100"}, "action": {"kind": "latency", "seconds": 0.15}}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="wx-") as name:
        yield Path(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be seen of both sides afterwards, and of the daemon: by itself the best there is."""

    differences: list[str] = field(default_factory=list)
    recorded: int = 1
    crashes: int = 0
    is_alive: bool = True


@dataclass(slots=True, kw_only=True)
class Work:
    """A daemon in the middle of a partner's initial sync."""

    books: Books
    partner: Partner
    program: Program

    async def stored(self) -> int:
        sql = "SELECT count(*) FROM sync.invoice WHERE partner_id = $1"
        return int(await self.books.database.fetchval(sql, self.partner.partner_id))

    async def is_waiting(self) -> bool:
        """Whether the daemon says that it cannot work now, and lives."""
        ready, _ = await self.program.get("/readyz")
        alive, _ = await self.program.get("/livez")
        return (ready, alive) == (503, 200)

    async def comes_through(self, dsn: str) -> Outcome:
        """Wait until the sync ends by itself and both sides are equal, pay once more, and tell what came of it."""
        books, partner = self.books, self.partner
        again = await eventually(lambda: _connected(dsn), within_s=30)
        assert again is not None
        books.database = again
        await eventually(lambda: books.is_connected(partner), within_s=90)
        await eventually(self._is_equal, within_s=30)
        await books.control("DELETE", "faults")
        (invoice,) = await books.unpaid(partner)
        await books.pay(partner, invoice, "pay_1")
        await eventually(lambda: books.recorded(partner, "pay_1"), within_s=60)
        await eventually(self._is_equal, within_s=30)  # the record is in FreshBooks before its invoice is read again
        outcome = Outcome(
            differences=await books.differences(partner),
            recorded=len(await books.recorded(partner, "pay_1")),
            crashes=len(self.program.lines("supervisor_crashed")),
            is_alive=self.program.process.returncode is None,
        )
        await books.database.close()
        return outcome

    async def _is_equal(self) -> bool:
        return await self.books.differences(self.partner) == []


async def _connected(dsn: str) -> asyncpg.Connection | None:
    with contextlib.suppress(OSError, asyncpg.PostgresError):
        return await asyncpg.connect(dsn, timeout=2)
    return None


@contextlib.asynccontextmanager
async def working(dsn: str, directory: Path) -> AsyncIterator[Work]:
    """Start a daemon on Postgres and let it store the first pages of a partner's books."""
    async with opened_books(dsn, "--rate-calls", "0", "--rate-creates", "0") as books:
        await books.control("PUT", "faults", [SLOW_PAGES])
        partner = await books.add(INVOICES)
        settings = books.settings(UNLIMITED).replace("[postgres]", HURRIED)
        async with running(directory, settings) as program:
            work = Work(books=books, partner=partner, program=program)
            await eventually(work.stored, within_s=60)
            yield work


async def test_postgres_killed_in_the_middle_stops_effects_and_they_resume_without_a_person(
    place: Path, tmp_path: Path
) -> None:
    async with EmbeddedPostgres.start(place / "pg") as first:
        await migrate(first.dsn)
        async with working(first.dsn, tmp_path) as work:
            first.process.kill()
            await first.process.wait()
            await eventually(work.is_waiting, within_s=30)
            async with EmbeddedPostgres.start(place / "pg") as second:
                assert await work.comes_through(second.dsn) == Outcome()


async def test_a_postgres_that_answers_nothing_for_a_while_loses_nothing(place: Path, tmp_path: Path) -> None:
    async with EmbeddedPostgres.start(place / "pg") as server:
        await migrate(server.dsn)
        async with working(server.dsn, tmp_path) as work:
            for pid in _family(server.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            try:
                await eventually(work.is_waiting, within_s=30)
                await SystemClock().sleep(4)
            finally:
                for pid in _family(server.process.pid):
                    os.kill(pid, signal.SIGCONT)
            assert await work.comes_through(server.dsn) == Outcome()


def _family(pid: int) -> list[int]:
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@needs_system_postgres
async def test_when_a_standby_is_promoted_the_daemon_goes_on_there(place: Path, tmp_path: Path) -> None:
    launcher = choose_launcher(SYSTEM_POSTGRES_BINARIES, place)
    async with EmbeddedPostgres.start(place / "a", binaries=SYSTEM_POSTGRES_BINARIES) as primary:
        await migrate(primary.dsn)
        copy = ("-h", str(place / "a"), "-U", "postgres", "-D", str(place / "b"), "-R", "-X", "stream", "-c", "fast")
        await anyio.run_process(launcher.command("pg_basebackup", *copy), cwd="/")
        for left in (place / "b").glob(".s.PGSQL.*"):
            left.unlink()
        async with EmbeddedPostgres.start(place / "b", binaries=SYSTEM_POSTGRES_BINARIES) as standby:
            either = f"{primary.dsn.partition('?')[0]}?host={place}/a,{place}/b&port=5432,5432"
            async with working(f"{either}&target_session_attrs=read-write", tmp_path) as work:
                await _caught_up(primary.dsn)
                primary.process.kill()
                await primary.process.wait()
                await eventually(work.is_waiting, within_s=30)
                promoting = await asyncpg.connect(standby.dsn)
                assert await promoting.fetchval("SELECT pg_promote()")
                await promoting.close()
                assert await work.comes_through(standby.dsn) == Outcome()


async def _caught_up(dsn: str) -> None:
    """Wait until the standby has what the primary has: what only the primary knows is lost with it."""
    database = await asyncpg.connect(dsn)
    sql = "SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication"
    await eventually(lambda: database.fetchval(sql), within_s=30)
    await database.close()


@needs_root
async def test_a_full_disk_stops_effects_and_they_resume_once_there_is_room(place: Path, tmp_path: Path) -> None:
    async with EmbeddedPostgres.start(place / "pg") as server:
        with _small_disk(place / "disk") as disk:
            (disk / "data").mkdir()
            choose_launcher(SYSTEM_POSTGRES_BINARIES, place).take(disk / "data")
            database = await asyncpg.connect(server.dsn)
            await database.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'data'}'")
            await database.execute("CREATE DATABASE small TABLESPACE small")
            dsn = server.dsn_of("small")
            await migrate(dsn)
            async with working(dsn, tmp_path) as work:
                filler = disk / "filler"
                _fill(filler)
                await eventually(partial(_said, work.program), within_s=60)
                filler.unlink()
                assert await work.comes_through(dsn) == Outcome()
            await database.execute("DROP DATABASE small WITH (FORCE)")
            await database.execute("DROP TABLESPACE small")
            await database.close()


def _said(program: Program) -> bool:
    return "No space left on device" in program.log.read_text()


@contextlib.contextmanager
def _small_disk(at: Path) -> Iterator[Path]:
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=755", "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def _fill(filler: Path) -> None:
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))
