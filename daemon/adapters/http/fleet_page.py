"""The operators' page on the internal listener: how every partner stands, those in trouble first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import jinja2
from aiohttp import web

from daemon.core.fleet import FleetRow
from daemon.core.model import PartnerId
from daemon.core.state import ConnectionStatus
from daemon.core.usage import Shares

HERE: Final = Path(__file__).parent
LATE_PUSH: Final = timedelta(minutes=5)
LATE_READ: Final = timedelta(minutes=15)
NEARLY_ALL: Final = 0.9
SHOWN_MAX: Final = 500
"""Partners on the page, those in trouble first; `freshbooks-syncd status` lists all of a larger fleet."""
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STATES: Final = {
    ConnectionStatus.NOT_CONNECTED: "Not connected",
    ConnectionStatus.PENDING: "Pending",
    ConnectionStatus.CONNECTED: "Connected",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSeen:
    """What the page shows: the rows of the latest sample, taken at `at` (None before the first).

    `stopped` tells why a supervisor is not restarted any more, `shares` how much of FreshBooks' budgets each partner
    uses in this process.
    """

    now: datetime
    at: datetime | None = None
    rows: Sequence[FleetRow] = ()
    stopped: Mapping[PartnerId, str] = field(default_factory=dict)
    shares: Mapping[PartnerId, Shares] = field(default_factory=dict)


class Board(Protocol):
    """Where the page finds what it shows; it asks no database."""

    def seen(self) -> FleetSeen:
        """Tell how the fleet stood at the latest sample."""
        ...


BOARD: web.AppKey[Board] = web.AppKey("board", Board)
routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One partner as the page shows it; `troubles` are sentences, none while all is well."""

    row: FleetRow
    state: str
    troubles: tuple[str, ...]
    oldest: str
    last_success: str
    calls: str
    creates: str


@routes.get("/fleet")
async def fleet(request: web.Request) -> web.Response:
    """Every partner by state, with what is in trouble on top."""
    seen = request.app[BOARD].seen()
    lines = sorted((_line(row, seen) for row in seen.rows), key=lambda line: (not line.troubles, line.row.partner_id))
    unpushed = [row.oldest_unpushed_at for row in seen.rows if row.oldest_unpushed_at is not None]
    text = _template().render(
        lines=lines[:SHOWN_MAX],
        left_out=max(len(lines) - SHOWN_MAX, 0),
        counts=Counter(line.state for line in lines),
        in_trouble=sum(bool(line.troubles) for line in lines),
        oldest=_ago(min(unpushed, default=None), seen.now),
        sampled=_ago(seen.at, seen.now),
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


@routes.get("/fleet.css")
async def style(request: web.Request) -> web.Response:
    """The page's one other part."""
    del request
    return web.Response(text=_style(), content_type="text/css", charset="utf-8", headers=HEADERS)


def _line(row: FleetRow, seen: FleetSeen) -> Line:
    used = seen.shares.get(row.partner_id, Shares())
    state = _STATES[row.status]
    if row.partner_id in seen.stopped:
        state = "Stopped"
    elif row.parked is not None:
        state = "Reconnect needed"
    elif row.paused:
        state = "Paused"
    return Line(
        row=row,
        state=state,
        troubles=tuple(_troubles(row, seen, used)),
        oldest=_ago(row.oldest_unpushed_at, seen.now),
        last_success=_ago(row.last_success_at, seen.now),
        calls=f"{used.calls:.0%}",
        creates=f"{used.creates:.0%}",
    )


def _troubles(row: FleetRow, seen: FleetSeen, used: Shares) -> list[str]:
    found = []
    if row.partner_id in seen.stopped:
        found.append(f"Not restarted any more: {seen.stopped[row.partner_id]}")
    if row.parked is not None:
        found.append(f"Reconnect needed: {row.parked}")
    if row.oldest_unpushed_at is not None and seen.now - row.oldest_unpushed_at > LATE_PUSH:
        found.append(f"A payment has been on its way for {_ago(row.oldest_unpushed_at, seen.now).removesuffix(' ago')}")
    works = row.status is ConnectionStatus.CONNECTED and row.parked is None and not row.paused
    if works and (row.last_success_at is None or seen.now - row.last_success_at > LATE_READ):
        found.append(f"FreshBooks was last read {_ago(row.last_success_at, seen.now)}")
    if works and max(used.calls, used.creates) > NEARLY_ALL:
        found.append("Its budget at FreshBooks is nearly used up")
    return found


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    seconds = max(0, int((now - at).total_seconds()))
    for size, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago"


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(HERE / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("fleet.html")


@cache
def _style() -> str:
    return (HERE / "static" / "fleet.css").read_text(encoding="utf-8")
