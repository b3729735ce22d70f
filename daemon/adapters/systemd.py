"""What systemd and the daemon tell each other: readiness, reloads, the watchdog and sockets opened beforehand.

The protocol is sd_notify(3) and sd_listen_fds(3). Without systemd every message goes nowhere.
"""

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FIRST_SOCKET: Final = 3
PINGS_PER_WATCHDOG: Final = 3
RELOAD_ANSWER: Final = "reload.json"
"""In the runtime directory: what became of the latest reload."""


class SystemdNotifier:
    """Tells systemd how the daemon is. It never waits: what does not go through is sent with the next message."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if path else None
        self._unsent: dict[str, str] = {}
        self._runtime = runtime_directory(environ)
        self.watchdog_interval_s = _watchdog_interval_s(environ)
        """How often to call `watchdog`: three times within systemd's patience; None when it does not watch."""

    def ready(self, status: str) -> None:
        """Say that the start, or a reload, is complete; also after a refused reload."""
        self._send(READY="1", STATUS=status)

    def reloading(self, monotonic_s: float) -> None:
        """Say that a reload began at `monotonic_s` on CLOCK_MONOTONIC; without the time 253 and later wait for ever."""
        self._send(RELOADING="1", MONOTONIC_USEC=f"{monotonic_s * 1e6:.0f}")

    def answer_reload(self, began: float, refusal: str | None) -> None:
        """Leave word of what became of the reload that began then, for whoever sent the signal and waits."""
        if self._runtime is not None:
            with contextlib.suppress(OSError):  # a full disk keeps nobody from working
                put_in_place(self._runtime / RELOAD_ANSWER, json.dumps({"began": began, "refusal": refusal}))

    def stopping(self, status: str) -> None:
        """Say that the daemon drains and will end."""
        self._send(STOPPING="1", STATUS=status)

    def status(self, status: str) -> None:
        """Show one line in `systemctl status`."""
        self._send(STATUS=status)

    def watchdog(self) -> None:
        """Say that the daemon is alive; call it from the event loop itself, or it proves nothing."""
        self._send(WATCHDOG="1")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, **facts: str) -> None:
        if self._socket is None:
            return
        for name, value in facts.items():
            self._unsent.pop(name, None)  # so that the newest stands last
            self._unsent[name] = value.replace("\n", " ")
        message = "\n".join(f"{name}={value}" for name, value in self._unsent.items())
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            return  # systemd is busy or restarting; the facts stay for the next time
        self._unsent.clear()


def runtime_directory(environ: Mapping[str, str]) -> Path | None:
    """The unit's RuntimeDirectory=, the first of several."""
    given = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else None


def put_in_place(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all, readable by its owner alone."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 / PINGS_PER_WATCHDOG if microseconds.isdigit() and int(microseconds) else None


def inherited_sockets(environ: Mapping[str, str]) -> Mapping[str, tuple[socket.socket, ...]]:
    """The sockets that systemd opened for this process, by their FileDescriptorName=; call it once.

    They are not blocking, and no child inherits them.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(environ.get("LISTEN_FDS", "0"))
    names = environ.get("LISTEN_FDNAMES", "").split(":") if environ.get("LISTEN_FDNAMES") else ["unknown"] * count
    found: dict[str, tuple[socket.socket, ...]] = {}
    for number, name in zip(range(FIRST_SOCKET, FIRST_SOCKET + count), names, strict=True):
        os.set_inheritable(number, False)
        opened = socket.socket(fileno=number)
        opened.settimeout(0)
        found[name] = (*found.get(name, ()), opened)
    return found
