"""The real process from its start to its end: ready, stopped, told apart from outside."""

import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from tests.polling import eventually
from tests.postgres import on_every_postgres
from tests.system.partner import insert_partner
from tests.system.program import CLIENT_SECRET, ENCRYPTION_KEY, LINK_KEY, Program, notifications, running, settings_text


@contextmanager
def silent_freshbooks() -> Iterator[str]:
    """A FreshBooks that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def postgres_processes(data_dir: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(data_dir).encode() in command:
            found.append(process.name)
    return found


# ---- start and stop --------------------------------------------------------------------------------------------------


async def test_a_daemon_with_its_own_postgres_is_ready_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(state_dir=tmp_path / "state")) as program:
        assert program.lines("migrated")
        assert (await program.get("/livez"))[0] == 200
        assert await program.get("/readyz") == (200, "ok\n")
        assert await program.metric("syncd_ready") == 1
        assert (await program.get("/", "public"))[0] < 500
        assert postgres_processes(tmp_path / "state")
        program.send(signal.SIGTERM)
        assert await program.end() == 0
        assert program.lines("stopped")
    assert postgres_processes(tmp_path / "state") == []


async def test_a_second_start_finds_the_data_of_the_first(state_dir: Path, tmp_path: Path) -> None:
    text = settings_text(state_dir=state_dir)
    async with running(tmp_path, text) as program:
        assert program.lines("migrated") == []
        program.send(signal.SIGINT)
        assert await program.end() == 0


async def test_a_killed_daemon_leaves_no_postgres_and_the_next_one_starts(state_dir: Path, tmp_path: Path) -> None:
    text = settings_text(state_dir=state_dir)
    async with running(tmp_path, text) as program:
        program.send(signal.SIGKILL)
        await program.end()
    async with running(tmp_path, text) as program:
        assert (await program.get("/readyz"))[0] == 200


async def test_a_daemon_whose_own_postgres_dies_says_so_and_ends(state_dir: Path, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(state_dir=state_dir)) as program:
        server = int((state_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGKILL)
        assert await program.end() == 1
    # Who notices first is chance: whoever waits for the server, or whoever is just connecting to it.
    assert re.match("freshbooks-syncd: .*Postgres", program.log.read_text().splitlines()[-1])
    assert "Traceback" not in program.log.read_text()


@on_every_postgres
async def test_a_daemon_runs_on_the_operator_s_postgres(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        assert await program.get("/readyz") == (200, "ok\n")
        program.send(signal.SIGTERM)
        assert await program.end() == 0


async def test_an_empty_database_is_migrated_when_asked(empty_database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(empty_database), "--migrate") as program:
        assert program.lines("migrated")


async def test_a_stop_during_the_start_ends_it_cleanly(tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(state_dir=tmp_path / "state"), ready=False) as program:
        await program.line("listening")
        program.send(signal.SIGTERM)
        assert await program.end() == 0
    assert postgres_processes(tmp_path / "state") == []
    assert "Traceback" not in program.log.read_text()


# ---- FreshBooks that does not answer ---------------------------------------------------------------------------------


async def test_an_unreachable_freshbooks_is_a_warning_not_a_flood_and_makes_nobody_unready(
    database: str, tmp_path: Path
) -> None:
    await insert_partner(database)
    async with running(tmp_path, settings_text(database)) as program:
        told = await program.line("call_failed")
        assert told["level"] == "warning"
        assert "FreshBooks cannot be reached" in told["error"]
        assert (await program.get("/readyz"))[0] == 200
        failures = 'syncd_call_failures_total{lane="pull"}'
        enough: Callable[[], Awaitable[bool] | bool] = partial(is_at_least, program, failures, 3)
        await eventually(enough)
        warnings = [line for line in program.lines("call_failed") if line["lane"] == "pull"]
        assert len(warnings) < await program.metric(failures)
        assert "Traceback" not in program.log.read_text()


async def is_at_least(program: Program, name: str, least: float) -> bool:
    return await program.metric(name) >= least


async def test_a_stop_waits_for_calls_in_flight_only_as_long_as_the_grace_period(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    with silent_freshbooks() as freshbooks:
        text = settings_text(database, freshbooks=freshbooks, more='[shutdown]\ngrace = "500ms"')
        async with running(tmp_path, text) as program:
            await in_flight(program, freshbooks)
            program.send(signal.SIGTERM)
            with anyio.fail_after(5):
                assert await program.end() == 0
        assert program.lines("drain_cut_short")


async def test_a_second_signal_does_not_wait(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    with silent_freshbooks() as freshbooks:
        text = settings_text(database, freshbooks=freshbooks, more='[shutdown]\ngrace = "15s"')
        async with running(tmp_path, text) as program:
            await in_flight(program, freshbooks)
            program.send(signal.SIGTERM)
            await program.line("draining")
            assert (await program.get("/readyz"))[0] == 503
            program.send(signal.SIGTERM)
            with anyio.fail_after(5):
                assert await program.end() == 0
        assert program.lines("drain_cut_short") == []


async def in_flight(program: Program, freshbooks: str) -> None:
    """Wait until the partner's first call is on its way; nothing tells so but its connection."""
    port = int(freshbooks.rpartition(":")[2])
    await eventually(lambda: is_connected(program.process.pid, port))


def is_connected(pid: int, port: int) -> bool:
    """Whether the kernel lists an established connection to a port of this machine."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == "01" and row[2].endswith(f":{port:04X}") for row in rows)


# ---- what is told to whom --------------------------------------------------------------------------------------------


async def test_systemd_hears_of_readiness_reloads_the_pulse_and_the_stop(database: str, tmp_path: Path) -> None:
    async with notifications(tmp_path) as (address, heard):
        env = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000"}
        async with running(tmp_path, settings_text(database), env=env) as program:
            await eventually(lambda: "WATCHDOG=1" in heard and "READY=1" in heard)
            program.send(signal.SIGHUP)
            await program.line("settings_reloaded")
            await eventually(lambda: heard.count("READY=1") == 2)
            assert "RELOADING=1" in heard
            assert [line for line in heard if line.startswith("MONOTONIC_USEC=")]
            program.configure("[rate]\nburst = 0")
            program.send(signal.SIGHUP)
            await eventually(lambda: heard.count("READY=1") == 3)
            refused = [line for line in heard if line.startswith("STATUS=Running with the former settings")]
            assert "rate.burst" in refused[-1]
            program.send(signal.SIGTERM)
            assert await program.end() == 0
        await eventually(lambda: "STOPPING=1" in heard)
        order = [line for line in heard if line in {"READY=1", "RELOADING=1", "STOPPING=1"}]
        assert order == ["READY=1", *["RELOADING=1", "READY=1"] * 2, "STOPPING=1"]


async def test_no_secret_reaches_the_log_or_the_metrics(database: str, tmp_path: Path) -> None:
    await insert_partner(database)
    text = settings_text(database, more='[log]\nlevel = "debug"')
    async with running(tmp_path, text) as program:
        await program.line("call_failed")
        program.send(signal.SIGHUP)
        await program.line("settings_reloaded")
        _, metrics = await program.get("/metrics")
        program.send(signal.SIGTERM)
        await program.end()
    said = program.log.read_text() + metrics
    canaries = (CLIENT_SECRET, LINK_KEY, ENCRYPTION_KEY, "canary-access-token", "canary-refresh-token", "postgresql://")
    assert [canary for canary in canaries if canary in said] == []


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
async def test_the_public_listener_shows_nothing_of_the_inside(path: str, database: str, tmp_path: Path) -> None:
    async with running(tmp_path, settings_text(database)) as program:
        assert (await program.get(path, "public"))[0] in {401, 404}
