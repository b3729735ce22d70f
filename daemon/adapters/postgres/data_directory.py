"""The data directory of the daemon's own Postgres: made whole or not at all, and used by one server at a time."""

import os
import shutil
from pathlib import Path
from subprocess import STDOUT
from typing import Final

import anyio

from daemon.adapters.postgres.launcher import ENVIRONMENT, EmbeddedPostgresError, Launcher

SUPERUSER: Final = "postgres"


async def prepare(launcher: Launcher, data_dir: Path, *, durable: bool, patience_s: float) -> None:
    """Make the cluster, or check that the one there is free and of the programs' major version.

    `patience_s` is for the server of a daemon that was killed just now, which is still shutting down.
    """
    if not _is_cluster(data_dir):
        await _init(launcher, data_dir, durable=durable)
        return
    launcher.take(data_dir)
    await _await_predecessor(data_dir, patience_s)
    ours, made_by = await _major(launcher), _made_by(data_dir)
    if ours != made_by:
        raise EmbeddedPostgresError(
            f"{data_dir} was made by PostgreSQL {made_by} and the installed one is {ours}: install version {made_by} "
            "again, or move the data with pg_upgrade, or start with another state directory"
        )


def _is_cluster(data_dir: Path) -> bool:
    return (data_dir / "PG_VERSION").exists()


def _made_by(data_dir: Path) -> str:
    return (data_dir / "PG_VERSION").read_text().strip()


async def _major(launcher: Launcher) -> str:
    """The 18 of `postgres (PostgreSQL) 18.6`."""
    answer = await anyio.run_process(launcher.command("postgres", "--version"), cwd="/", env=ENVIRONMENT)
    return answer.stdout.decode().split("(PostgreSQL)")[1].split()[0].split(".")[0]


async def _init(launcher: Launcher, data_dir: Path, *, durable: bool) -> None:
    """Make a cluster under another name and rename it, so that a half-made one is never taken for a whole one."""
    unfinished = _empty_directory(launcher, data_dir)
    arguments = ("--pgdata", str(unfinished), "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8")
    choices = ("--locale", "C.UTF-8", "--data-checksums", *(() if durable else ("--no-sync",)))
    initdb = await anyio.run_process(
        launcher.command("initdb", *arguments, *choices), stderr=STDOUT, check=False, cwd="/", env=ENVIRONMENT
    )
    if initdb.returncode != 0:
        said = initdb.stdout.decode(errors="replace").strip()
        raise EmbeddedPostgresError(f"initdb could not make {unfinished}; it said: {said[-1000:]}")
    unfinished.replace(data_dir)


def _empty_directory(launcher: Launcher, data_dir: Path) -> Path:
    if data_dir.exists() and any(data_dir.iterdir()):
        raise EmbeddedPostgresError(
            f"{data_dir} holds files, but no Postgres data: empty it, or choose another state directory"
        )
    unfinished = data_dir.with_name(data_dir.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    launcher.take(unfinished)
    return unfinished


async def _await_predecessor(data_dir: Path, patience_s: float) -> None:
    """Wait for the server of a killed daemon, and for what a killed server left behind: they are just ending."""
    with anyio.move_on_after(patience_s) as scope:
        while pids := _servers_on(data_dir):
            for pid in pids:
                await _end_of(pid)
    if scope.cancelled_caught and (pids := _servers_on(data_dir)):
        raise EmbeddedPostgresError(
            f"{data_dir} is in use by process {pids[0]}: stop the daemon that runs there, "
            "or choose another state directory"
        )


def _servers_on(data_dir: Path) -> list[int]:
    """The process ids of every part of a server that works there; the server's own file may be stale or gone."""
    place = data_dir.resolve()
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _is_server_on(process, place)]


def _is_server_on(process: Path, place: Path) -> bool:
    try:
        return (process / "cwd").readlink() == place and (process / "comm").read_text().strip() == "postgres"
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False  # ended meanwhile, or another user's


async def _end_of(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await anyio.wait_readable(handle)
    finally:
        os.close(handle)
