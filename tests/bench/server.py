"""The one Postgres that all contestants store into: the daemon's own binaries and settings, reached over TCP."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import Final

import anyio
import asyncpg

from daemon.adapters.postgres import embedded
from daemon.adapters.postgres.data_directory import SUPERUSER, prepare
from daemon.adapters.postgres.launcher import ENVIRONMENT, choose_launcher
from tests.polling import eventually

HOST: Final = "127.0.0.1"
START_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server, safe from power cuts as in production."""

    port: int
    user: str = SUPERUSER

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://{self.user}@{HOST}:{self.port}/{database}"

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def running_server(place: Path) -> AsyncIterator[Server]:
    """Run a fresh server below `place`, which everybody may enter; dlt and the Singer target speak TCP only."""
    data, port = place / "postgres", free_port()
    launcher = choose_launcher(embedded.wheel_binaries(), place)
    await prepare(launcher, data, durable=True, patience_s=START_S)
    changed = {"listen_addresses": HOST, "port": str(port), "unix_socket_directories": "", "max_connections": "50"}
    options = [word for name, value in {**embedded._SETTINGS, **changed}.items() for word in ("-c", f"{name}={value}")]
    with (place / "postgres.log").open("wb") as log:
        command = launcher.command("postgres", "-D", str(data), *options)
        process = await anyio.open_process(
            command, stdin=DEVNULL, stdout=log, stderr=STDOUT, cwd="/", env=ENVIRONMENT, start_new_session=True
        )
    try:
        server = Server(port=port)
        await eventually(lambda: _answers(server), within_s=START_S, every_s=0.1)
        yield server
    finally:
        with anyio.CancelScope(shield=True):
            process.send_signal(signal.SIGINT)
            await process.wait()
            await process.aclose()


async def _answers(server: Server) -> bool:
    try:
        await server.execute("SELECT 1")
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    return True
