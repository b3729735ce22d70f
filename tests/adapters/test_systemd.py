"""systemd hears how the daemon is, without the daemon ever waiting for it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.systemd import SystemdNotifier, inherited_sockets

ACTIVATED = """
import os
from daemon.adapters.systemd import inherited_sockets
for name, opened in inherited_sockets(os.environ).items():
    for one in opened:
        print(name, one.getsockname()[1], one.getblocking(), os.get_inheritable(one.fileno()))
"""


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"syncd-test-{os.getpid()}"
        listener.bind("\0" + name if request.param == "abstract" else str(tmp_path_factory.mktemp("run") / "notify"))
        listener.settimeout(5)
        yield listener


@pytest.fixture
def notifier(systemd: socket.socket) -> Iterator[SystemdNotifier]:
    address = systemd.getsockname()
    path = "@" + address[1:].decode() if isinstance(address, bytes) else address
    with closing(SystemdNotifier({"NOTIFY_SOCKET": path})) as notifier:
        yield notifier


def _heard(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


def test_readiness_comes_with_a_status_line(systemd: socket.socket, notifier: SystemdNotifier) -> None:
    notifier.ready("12 partners")
    assert _heard(systemd) == ["READY=1", "STATUS=12 partners"]


def test_a_reload_carries_the_time_at_which_it_began(systemd: socket.socket, notifier: SystemdNotifier) -> None:
    notifier.reloading(12.345678)
    assert _heard(systemd) == ["RELOADING=1", "MONOTONIC_USEC=12345678"]
    notifier.ready("reloaded")
    assert _heard(systemd) == ["READY=1", "STATUS=reloaded"]


def test_the_clock_that_never_steps_is_the_one_systemd_compares_with(
    systemd: socket.socket, notifier: SystemdNotifier
) -> None:
    notifier.reloading(SystemClock().monotonic())
    began = int(_heard(systemd)[1].removeprefix("MONOTONIC_USEC="))
    systemd_now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1000
    assert 0 <= systemd_now - began < 5e6


def test_stopping_status_and_watchdog_are_told(systemd: socket.socket, notifier: SystemdNotifier) -> None:
    notifier.stopping("draining")
    notifier.status("two\nlines")
    notifier.watchdog()
    assert [_heard(systemd) for _ in range(3)] == [
        ["STOPPING=1", "STATUS=draining"],
        ["STATUS=two lines"],
        ["WATCHDOG=1"],
    ]


def test_a_full_socket_holds_nobody_up_and_the_last_word_is_said_later(
    systemd: socket.socket, notifier: SystemdNotifier
) -> None:
    for number in range(1000):
        notifier.status(f"line {number}")
    notifier.reloading(1.0)
    notifier.ready("reloaded")
    first = _heard(systemd)
    assert first == ["STATUS=line 0"]
    while True:  # read what fitted, then hear the rest in one message
        notifier.watchdog()
        heard = _heard(systemd)
        if "READY=1" in heard:
            break
    assert heard == ["RELOADING=1", "MONOTONIC_USEC=1000000", "READY=1", "STATUS=reloaded", "WATCHDOG=1"]


def test_a_systemd_that_went_away_is_no_reason_to_crash(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    with (
        closing(SystemdNotifier({"NOTIFY_SOCKET": gone})) as notifier,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
    ):
        notifier.ready("alone")
        listener.bind(gone)
        notifier.watchdog()
        assert _heard(listener) == ["READY=1", "STATUS=alone", "WATCHDOG=1"]


def test_without_systemd_every_message_goes_nowhere() -> None:
    notifier = SystemdNotifier({})
    notifier.ready("alone")
    notifier.watchdog()
    notifier.close()
    assert notifier.watchdog_interval_s is None


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "9000000"}, 3.0),
        ({"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_three_times_within_its_patience(environ: dict[str, str], interval_s: float | None) -> None:
    assert SystemdNotifier(environ).watchdog_interval_s == interval_s


def _activate(names: str | None, *listeners: socket.socket) -> list[str]:
    """Run a program as systemd would: the sockets from descriptor 3 on, and its own process id in the environment."""
    moves = " ".join(f"{3 + i}<&{listener.fileno()}" for i, listener in enumerate(listeners))
    told = f"LISTEN_PID=$$ LISTEN_FDS={len(listeners)}" + (f" LISTEN_FDNAMES={names}" if names else "")
    script = f'exec {moves}; export {told}; exec "$0" -c "$1"'
    kept = [listener.fileno() for listener in listeners]
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, ACTIVATED], pass_fds=kept, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def _listen() -> socket.socket:
    # Out of the way of descriptors 3 and 4, where the shell puts them.
    return socket.create_server(("127.0.0.1", 0))


def test_sockets_opened_by_systemd_come_by_name_not_blocking_and_not_inherited() -> None:
    with _listen() as public, _listen() as internal:
        ports = [public.getsockname()[1], internal.getsockname()[1]]
        assert _activate("public:internal", public, internal) == [
            f"public {ports[0]} False False",
            f"internal {ports[1]} False False",
        ]


def test_two_sockets_may_share_a_name_and_may_have_none() -> None:
    with _listen() as one, _listen() as other:
        ports = [one.getsockname()[1], other.getsockname()[1]]
        assert _activate(None, one, other) == [f"unknown {port} False False" for port in ports]


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    assert inherited_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == {}
    assert inherited_sockets({}) == {}
