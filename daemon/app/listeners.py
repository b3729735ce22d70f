"""The sockets the daemon listens on: bound early, so that a busy port is told at once, and served when ready."""

import errno
import socket
import stat
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from daemon.app.errors import StartRefused
from daemon.settings import InheritedSocket, Listen, TcpAddress, UnixAddress

BACKLOG: Final = 512
UNIX_MODE: Final = 0o660
CLOSE_TIMEOUT_S: Final = 5.0
"""How long requests in progress may take once a listener closes."""


@contextmanager
def bound(key: str, address: Listen, inherited: Mapping[str, Sequence[socket.socket]]) -> Iterator[list[socket.socket]]:
    """Bind the sockets of one listener; `key` is the setting's name, whose section names systemd's socket.

    Raises StartRefused with the next step.
    """
    with ExitStack() as opened:
        sockets = [opened.enter_context(found) for found in _sockets(key, address, inherited)]
        if isinstance(address, UnixAddress):
            opened.callback(address.path.unlink, missing_ok=True)
        yield sockets


def _sockets(key: str, address: Listen, inherited: Mapping[str, Sequence[socket.socket]]) -> Sequence[socket.socket]:
    match address:
        case TcpAddress():
            return _tcp(key, address)
        case UnixAddress(path=path):
            return [_unix(key, path)]
        case InheritedSocket():
            name = key.partition(".")[0]
            if name not in inherited:
                raise StartRefused(
                    f"{key} is systemd, and systemd handed over no socket named {name}: "
                    f"start the socket unit with FileDescriptorName={name}, or give {key} an address"
                )
            return inherited[name]


def _tcp(key: str, address: TcpAddress) -> list[socket.socket]:
    """Bind every address that the host's name has, as "localhost" may have two."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise StartRefused(f"{key}: the host {address.host} is not known: give an address of this machine") from error
    sockets: list[socket.socket] = []
    for family, _, _, _, place in dict.fromkeys(found):
        # A free port is chosen once, and taken for all of the host's addresses.
        port = sockets[0].getsockname()[1] if sockets else place[1]
        try:
            sockets.append(_listening(family, (place[0], port, *place[2:])))
        except OSError as error:
            for made in sockets:
                made.close()
            raise StartRefused(f"{key}: {_refusal(address, error)}") from error
    return sockets


def _listening(family: int, place: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
        made.listen(BACKLOG)
        made.settimeout(0)
    except OSError:
        made.close()
        raise
    return made


def _unix(key: str, path: Path) -> socket.socket:
    """Bind a unix socket; one that a killed predecessor left behind is replaced, one that is served is not."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        made.bind(str(path))
        path.chmod(UNIX_MODE)
        made.listen(BACKLOG)
        made.settimeout(0)
    except OSError as error:
        made.close()
        raise StartRefused(f"{key}: {_refusal(UnixAddress(path), error)}") from error
    return made


def _remove_stale(path: Path) -> None:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink()


def _refusal(address: Listen, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{address} is in use by another program: stop that one, or choose another address"
        case errno.EACCES | errno.EPERM:
            return f"{address} may not be opened by this user: choose a port from 1024 on, or another path"
        case errno.EADDRNOTAVAIL:
            return f"{address} is no address of this machine: choose another one"
        case _:
            return f"{address} cannot be opened ({(error.strerror or str(error)).lower()}): choose another address"


@asynccontextmanager
async def served(
    app: web.Application, sockets: Sequence[socket.socket], limits: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[str, ...]]:
    """Serve an application on bound sockets, and tell where; leaving lets requests in progress finish first."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S, **(limits or {}))
    await runner.setup()
    try:
        for each in sockets:
            await web.SockSite(runner, each, backlog=BACKLOG).start()
        yield tuple(_where(each) for each in sockets)
    finally:
        await runner.cleanup()


def _where(bound_socket: socket.socket) -> str:
    place = bound_socket.getsockname()
    return str(TcpAddress(place[0], place[1])) if isinstance(place, tuple) else f"unix:{place}"
