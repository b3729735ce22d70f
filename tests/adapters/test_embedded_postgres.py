"""The daemon's own Postgres starts anywhere, survives a crash, and never outlives the daemon."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import asyncpg
import pytest

from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.launcher import EmbeddedPostgresError
from tests.polling import eventually
from tests.postgres import PostgresKind, PostgresServers, ask, on_every_postgres

DAEMON = """
import sys, anyio, pathlib
from daemon.adapters.postgres.embedded import EmbeddedPostgres
async def main():
    async with EmbeddedPostgres.start(pathlib.Path(sys.argv[1]), durable=False) as postgres:
        print(postgres.process.pid, flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


def _start_daemon(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(data_dir)], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    with daemon.stdout as answers:
        return daemon, int(answers.readline())


def _kill(daemon: subprocess.Popen[str]) -> None:
    daemon.kill()
    daemon.wait()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _signalled(pid: int, number: signal.Signals) -> bool:
    """Send a signal; tell whether anyone was there to get it, since servers' children also end by themselves."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@on_every_postgres
async def test_it_starts_on_the_bundled_and_on_the_system_postgres(
    postgres_servers: PostgresServers, postgres_kind: PostgresKind
) -> None:
    dsn = postgres_servers.server(postgres_kind).dsn
    assert await ask(dsn, "SELECT current_database()") == "syncd"
    assert await ask(dsn, "SHOW server_encoding") == "UTF8"
    assert await ask(dsn, "SHOW data_checksums") == "on"
    assert await ask(dsn, "SHOW timezone") == "UTC"


async def test_it_listens_on_no_network_and_only_its_owner_reaches_its_socket(
    postgres_servers: PostgresServers,
) -> None:
    server = postgres_servers.server()
    assert await ask(server.dsn, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.socket_dir / ".s.PGSQL.5432").stat().st_mode) == 0o700


async def test_a_durable_server_keeps_its_promises_to_the_disk(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data") as server:
        for promise in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(server.dsn, f"SHOW {promise}") == "on", promise


async def test_no_postgres_on_the_path_is_needed_and_the_environment_stays_outside(place: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PGPORT": "6000", "PGDATA": "/nowhere", "SECRET_TOKEN": "canary"}
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(place / "data")], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert daemon.stdout is not None
    with daemon.stdout as answers:
        server = int(answers.readline())
    try:
        assert b"canary" not in Path(f"/proc/{server}/environ").read_bytes()
    finally:
        _kill(daemon)
        # It writes into the directory until it has stopped.
        await eventually(lambda: not _is_running(server), within_s=30)


async def test_what_was_committed_is_there_after_a_restart(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        assert await ask(server.dsn, "SELECT number FROM kept") == 7


async def test_a_killed_daemon_leaves_no_server_behind_and_its_successor_takes_over_at_once(place: Path) -> None:
    data_dir = place / "data"
    daemon, server = _start_daemon(data_dir)
    _kill(daemon)
    async with EmbeddedPostgres.start(data_dir, durable=False) as successor:
        assert not _is_running(server)
        assert await ask(successor.dsn, "SELECT 1") == 1


async def test_a_killed_daemon_leaves_no_server_behind_when_nobody_follows(place: Path) -> None:
    daemon, server = _start_daemon(place / "data")
    assert _is_running(server)
    _kill(daemon)
    await eventually(lambda: not _is_running(server))
    assert not (place / "data" / "postmaster.pid").exists(), "it shut down cleanly"


async def test_an_interrupt_from_the_terminal_leaves_the_server_to_the_daemon(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        assert os.getsid(server.process.pid) != os.getsid(0)


async def test_leaving_while_a_session_is_busy_still_stops_the_server(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        connection = await asyncpg.connect(server.dsn)
    assert server.process.returncode == 0
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()


async def test_a_cancelled_daemon_still_stops_its_server(place: Path) -> None:
    with anyio.CancelScope() as scope:
        async with EmbeddedPostgres.start(place / "data", durable=False) as server:
            scope.cancel()
            await anyio.sleep_forever()
    assert server.process.returncode == 0


async def test_a_killed_server_recovers_what_was_committed(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data") as server:
        await ask(server.dsn, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        os.kill(server.process.pid, signal.SIGKILL)
        await server.process.wait()
    async with EmbeddedPostgres.start(place / "data") as server:
        assert await ask(server.dsn, "SELECT count(*) FROM kept") == 1000


async def test_what_a_killed_server_left_running_is_waited_for(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        left = [pid for pid in _children(server.process.pid) if _signalled(pid, signal.SIGSTOP)]
        assert left
        os.kill(server.process.pid, signal.SIGKILL)
        await server.process.wait()
    async with anyio.create_task_group() as group:
        started = anyio.Event()

        async def start_again() -> None:
            async with EmbeddedPostgres.start(place / "data", durable=False) as server:
                assert await ask(server.dsn, "SELECT 1") == 1
                started.set()

        group.start_soon(start_again)
        with anyio.move_on_after(0.3):
            await started.wait()
        early = started.is_set()
        for pid in left:
            assert _signalled(pid, signal.SIGCONT)
        assert not early


async def test_a_person_looking_around_in_the_directory_holds_nothing_up(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False):
        pass
    with subprocess.Popen(["sleep", "60"], cwd=place / "data") as looking:
        async with EmbeddedPostgres.start(place / "data", durable=False) as server:
            assert await ask(server.dsn, "SELECT 1") == 1
        looking.kill()


async def test_a_path_too_long_for_a_socket_is_no_hindrance(place: Path) -> None:
    data_dir = place / ("long" * 30) / "data"
    async with EmbeddedPostgres.start(data_dir, durable=False) as server:
        assert server.socket_dir != data_dir
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert await ask(server.dsn, "SELECT 1") == 1
    assert not server.socket_dir.exists()


async def test_two_daemons_on_one_directory_are_told_apart(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False):
        with pytest.raises(EmbeddedPostgresError, match="in use by process"):
            async with EmbeddedPostgres.start(place / "data", durable=False, patience_s=0.1):
                pytest.fail("the second started as well")


async def test_another_major_version_is_refused_with_the_way_out(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False):
        pass
    (place / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(
        EmbeddedPostgresError, match=r"made by PostgreSQL 14 and the installed one is \d+: .*pg_upgrade"
    ):
        async with EmbeddedPostgres.start(place / "data", durable=False):
            pytest.fail("it started on another version's data")


async def test_a_directory_with_other_files_is_left_alone(place: Path) -> None:
    (place / "data").mkdir()
    (place / "data" / "thesis.txt").write_text("precious")
    with pytest.raises(EmbeddedPostgresError, match="holds files, but no Postgres data"):
        async with EmbeddedPostgres.start(place / "data"):
            pytest.fail("it started")
    assert (place / "data" / "thesis.txt").read_text() == "precious"


async def test_a_half_made_cluster_is_made_anew(place: Path) -> None:
    (place / "data.new").mkdir()
    (place / "data.new" / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres.start(place / "data", durable=False) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
    assert not (place / "data.new").exists()


async def test_a_server_that_ends_while_starting_is_quoted(place: Path) -> None:
    async with EmbeddedPostgres.start(place / "data", durable=False):
        pass
    (place / "data" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r'log says: .*unrecognized configuration parameter "nonsense"'):
        async with EmbeddedPostgres.start(place / "data", durable=False):
            pytest.fail("it started")
