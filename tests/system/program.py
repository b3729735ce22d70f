"""The real program as a process: settings for it, its log lines, its listeners, its end."""

import base64
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import anyio
from anyio.abc import Process

from tests.polling import eventually

ENCRYPTION_KEY: Final = base64.b64encode(b"k" * 32).decode()
CLIENT_SECRET: Final = "canary-client-secret"
LINK_KEY: Final = "canary-link-key-" + "l" * 32
START_S: Final = 50.0
STOP_S: Final = 20.0
_PROGRAM: Final = (sys.executable, "-m", "daemon")


def settings_text(
    dsn: str = "",
    *,
    state_dir: Path | None = None,
    key: str = ENCRYPTION_KEY,
    freshbooks: str = "http://127.0.0.1:9",
    public: str = "127.0.0.1:0",
    internal: str = "127.0.0.1:0",
    more: str = "",
) -> str:
    """Complete settings; nobody answers at the default FreshBooks."""
    return f"""
[postgres]
dsn = "{dsn}"
state_dir = "{state_dir or ""}"
[freshbooks]
api_url = "{freshbooks}"
auth_url = "{freshbooks}"
client_id = "id"
client_secret = "{CLIENT_SECRET}"
[encryption]
keys = [{{ id = "k1", key = "{key}" }}]
[public]
listen = "{public}"
base_url = "http://localhost:8080"
link_keys = [{{ id = "p1", key = "{LINK_KEY}" }}]
[internal]
listen = "{internal}"
{more}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    output: str
    errors: str

    @property
    def sentence(self) -> str:
        """The one sentence of an expected failure, without the program's name; the log lines before it are left out."""
        said = [line for line in self.errors.splitlines() if not line.startswith("{")]
        assert len(said) == 1, self.errors
        assert said[0].startswith("freshbooks-syncd: ")
        return said[0].removeprefix("freshbooks-syncd: ")


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process' environment without settings of the daemon's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")} | dict(given or {})


async def run(*arguments: str, env: Mapping[str, str] | None = None, program: tuple[str, ...] = _PROGRAM) -> Ended:
    """Run a command to its end."""
    with anyio.fail_after(START_S):
        done = await anyio.run_process([*program, *arguments], check=False, env=environment(env))
    return Ended(code=done.returncode, output=done.stdout.decode(), errors=done.stderr.decode())


@dataclass(slots=True, kw_only=True)
class Program:
    """A running daemon."""

    process: Process
    config: Path
    log: Path
    seen: dict[str, str] = field(default_factory=dict)

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """The log lines so far, of one event or all."""
        texts = [text for text in self.log.read_text().splitlines(keepends=True) if text.endswith("\n")]
        found = [json.loads(text) for text in texts]
        return [line for line in found if event is None or line["event"] == event]

    async def line(self, event: str, *, after: int = 0) -> dict[str, Any]:
        """Wait for a log line; `after` skips so many of its kind."""

        def look() -> dict[str, Any] | None:
            if self.process.returncode is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.log.read_text()}")
            found = self.lines(event)
            return found[after] if len(found) > after else None

        found = await eventually(look, within_s=START_S)
        assert found is not None
        return found

    async def url(self, listener: str) -> str:
        """Where one of its listeners is."""
        await self.line("listening", after=0 if listener == "internal" else 1)
        address = next(line["address"] for line in self.lines("listening") if line["listener"] == listener)
        return f"http://{address}"

    async def get(self, path: str, listener: str = "internal") -> tuple[int, str]:
        """Ask one of its listeners."""
        async with aiohttp.ClientSession() as session, session.get(await self.url(listener) + path) as answer:
            return answer.status, await answer.text()

    async def metric(self, name: str) -> float:
        """Read a series of /metrics by its whole name."""
        _, text = await self.get("/metrics")
        return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name} "))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def configure(self, text: str) -> None:
        """Put another settings file in place at once, as an editor does."""
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.replace(self.config)

    async def end(self) -> int:
        """Wait for its end."""
        with anyio.fail_after(STOP_S):
            return await self.process.wait()


@contextlib.contextmanager
def config_file(directory: Path, text: str) -> Iterator[Path]:
    path = directory / "daemon.toml"
    path.write_text(text)
    yield path


@contextlib.asynccontextmanager
async def running(
    directory: Path, text: str, *arguments: str, env: Mapping[str, str] | None = None, ready: bool = True
) -> AsyncIterator[Program]:
    """Start a daemon with these settings; it is killed if it still runs in the end."""
    log = directory / "stderr"
    with config_file(directory, text) as config, log.open("wb") as stderr:
        command = [*_PROGRAM, "run", "--config", str(config), *arguments]
        process = await anyio.open_process(command, stdin=-3, stdout=stderr, stderr=stderr, env=environment(env))
        try:
            program = Program(process=process, config=config, log=log)
            if ready:
                await program.line("ready")
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()


@contextlib.asynccontextmanager
async def notifications(directory: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """A socket such as systemd listens on, and what came in."""
    path, heard = directory / "notify", list[str]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)

        async def hear() -> None:
            while True:
                await anyio.wait_readable(listener)
                heard.extend(listener.recv(4096).decode().splitlines())

        async with anyio.create_task_group() as group:
            group.start_soon(hear)
            yield str(path), heard
            group.cancel_scope.cancel()
