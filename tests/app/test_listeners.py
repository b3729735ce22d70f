"""The listeners: bound before anything starts, and every refusal names the setting and the next step."""

import socket
import stat
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from daemon.app.errors import StartRefused
from daemon.app.listeners import bound, served
from daemon.settings import InheritedSocket, TcpAddress, UnixAddress


def hello() -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", answer)
    return app


async def fetch(url: str, connector: aiohttp.BaseConnector | None = None) -> str:
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return await answer.text()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_tcp_listener_answers_at_the_address_it_tells() -> None:
    with bound("public.listen", TcpAddress("127.0.0.1", 0), {}) as sockets:
        async with served(hello(), sockets) as places:
            assert await fetch(f"http://{places[0]}/") == "hello"


def test_a_name_with_two_addresses_is_bound_on_one_port_of_both() -> None:
    with bound("public.listen", TcpAddress("localhost", 0), {}) as sockets:
        families = [each.family for each in sockets]
        assert len(families) == len(set(families))
        assert len({each.getsockname()[1] for each in sockets}) == 1


def test_a_busy_port_is_refused_with_the_next_step() -> None:
    with bound("public.listen", TcpAddress("127.0.0.1", 0), {}) as sockets:
        port = sockets[0].getsockname()[1]
        sentence = (
            rf"^public\.listen: 127\.0\.0\.1:{port} is in use by another program: stop that one, or choose another"
        )
        with pytest.raises(StartRefused, match=sentence), bound("public.listen", TcpAddress("127.0.0.1", port), {}):
            pass


def test_a_refused_listener_leaves_no_socket_open() -> None:
    with bound("public.listen", TcpAddress("127.0.0.1", 0), {}) as sockets:
        busy = TcpAddress("127.0.0.1", sockets[0].getsockname()[1])
        before = open_files()
        with pytest.raises(StartRefused), bound("public.listen", busy, {}):
            pass
        assert open_files() == before


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (TcpAddress("192.0.2.1", 8080), "is no address of this machine"),
        (TcpAddress("no..host", 8080), "the host no..host is not known"),
        (UnixAddress(Path("/nowhere/x.sock")), "unix:/nowhere/x.sock cannot be opened"),
        (InheritedSocket(), "start the socket unit with FileDescriptorName=public"),
    ],
    ids=str,
)
def test_an_impossible_address_is_refused_by_name(
    address: TcpAddress | UnixAddress | InheritedSocket, words: str
) -> None:
    with pytest.raises(StartRefused, match=words) as caught, bound("public.listen", address, {}):
        pass
    assert str(caught.value).startswith("public.listen")


async def test_a_unix_listener_is_for_its_group_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with bound("internal.listen", UnixAddress(path), {}) as sockets:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        async with served(hello(), sockets) as places:
            assert places == (f"unix:{path}",)
            assert await fetch("http://daemon/", aiohttp.UnixConnector(str(path))) == "hello"
    assert not path.exists()


def test_a_socket_that_a_killed_daemon_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with bound("internal.listen", UnixAddress(path), {}) as sockets:
        assert sockets[0].getsockname() == str(path)


def test_a_unix_socket_in_use_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with bound("internal.listen", UnixAddress(path), {}):
        second = bound("internal.listen", UnixAddress(path), {})
        with pytest.raises(StartRefused, match="is in use by another program"), second:
            pass
        assert path.exists()


async def test_systemd_s_socket_is_found_by_the_listener_s_name() -> None:
    opened = socket.create_server(("127.0.0.1", 0))
    with bound("public.listen", InheritedSocket(), {"public": (opened,)}) as sockets:
        assert sockets == [opened]
    assert opened.fileno() == -1
