"""The internal listener, for operators, the service manager and Prometheus: health, metrics, the fleet; no secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from daemon.adapters.http import fleet_page
from daemon.adapters.http.fleet_page import BOARD, Board


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at: its name, whether it is well, and a sentence for a person."""

    name: str
    ok: bool
    detail: str = ""


class Health(Protocol):
    """How the process is."""

    def alive(self) -> Sequence[Check]:
        """Tell from memory alone whether the actors still move; asks no database."""
        ...

    async def ready(self) -> Sequence[Check]:
        """Look at everything that work needs, each with its own short limit."""
        ...


HEALTH: web.AppKey[Health] = web.AppKey("health", Health)
REGISTRY = web.AppKey("registry", CollectorRegistry)

routes = web.RouteTableDef()


def build_internal_app(health: Health, registry: CollectorRegistry, board: Board) -> web.Application:
    """Make the internal listener's application: `/livez`, `/readyz[?verbose]`, `/metrics`, `/fleet`."""
    app = web.Application(client_max_size=1024)
    app[HEALTH] = health
    app[REGISTRY] = registry
    app[BOARD] = board
    app.add_routes([*routes, *fleet_page.routes])
    return app


@routes.get("/livez")
async def livez(request: web.Request) -> web.Response:
    """200 while the loop and the supervisors move; 503 means: restart me."""
    return _answer(request.app[HEALTH].alive(), verbose="verbose" in request.query)


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """200 while work can be done; 503 names what is missing."""
    return _answer(await request.app[HEALTH].ready(), verbose="verbose" in request.query)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """The registry in the format that the scraper asks for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(request.app[REGISTRY]), headers={"Content-Type": content_type})


def _answer(checks: Sequence[Check], *, verbose: bool) -> web.Response:
    failed = [check for check in checks if not check.ok]
    shown = checks if verbose else failed
    lines = [
        f"{'ok  ' if check.ok else 'FAIL'} {check.name}{': ' + check.detail if check.detail else ''}" for check in shown
    ]
    lines.append("not ready" if failed else "ok")
    return web.Response(
        status=503 if failed else 200, text="\n".join(lines) + "\n", headers={"Cache-Control": "no-store"}
    )
