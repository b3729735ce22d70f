"""Puts the API's routes on the public listener."""

from typing import Final

from aiohttp import web

from daemon.adapters.http.api import books, connection, issues, proof
from daemon.adapters.http.api.gate import Gate
from daemon.adapters.http.api.openapi import describe
from daemon.adapters.http.api.operations import API, PREFIX, Api, Operation
from daemon.adapters.http.api.serving import serve
from daemon.adapters.http.api.streaming import STREAM, stream_handler
from daemon.core.policy import RatePolicy

OPERATIONS: Final[tuple[Operation, ...]] = tuple(
    operation for module in (connection, books, issues, proof) for operation in module.operations.all
)
RATE: Final = RatePolicy(calls_per_window=1200, burst=100)
"""Requests a minute for one partner; the platform's own public API takes 300."""


def add_api(app: web.Application, api: Api, rate: RatePolicy) -> None:
    """Add every operation, the stream, and the description, which anyone may read."""
    app[API] = api
    gate = Gate(rate)
    described = describe(OPERATIONS)

    async def openapi(request: web.Request) -> web.Response:
        del request
        return web.Response(text=described, content_type="application/json")

    app.router.add_route("GET", f"{PREFIX}/openapi.json", openapi)
    app.router.add_route("GET", STREAM, stream_handler(gate))
    for operation in OPERATIONS:
        app.router.add_route(operation.method, PREFIX + operation.path, serve(operation, gate))
