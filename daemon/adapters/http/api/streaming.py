"""The stream of events as they happen (SSE): what the partner must know or do, and which parts changed."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import anyio
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from daemon.adapters.http.api.credentials import Caller, Scope
from daemon.adapters.http.api.gate import Gate
from daemon.adapters.http.api.operations import API, ID_MAX, PREFIX
from daemon.adapters.http.api.problems import Problem
from daemon.adapters.http.api.serving import admit
from daemon.adapters.http.api.shapes_issues import Event
from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.sse import HubFull, Watch

STREAM = f"{PREFIX}/events/stream"
LIFETIME = timedelta(minutes=10)
"""A stream ends by itself after this; the client opens a new one with its credential of then."""
LOOK_INTERVAL_S = 2.0
SEND_TIMEOUT_S = 10.0
CHANGED = "changed"


def stream_handler(gate: Gate) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Make the handler of the stream."""

    async def stream(request: web.Request) -> web.StreamResponse:
        caller = await admit(request, Scope.ISSUES_READ, gate)
        last = _last_seen(request)
        dashboard = request.app[DASHBOARD]
        try:
            with dashboard.hub.watching(caller.partner_id, dashboard.hub.mark(caller.partner_id)) as watch:
                async with sse_response(request, send_timeout=SEND_TIMEOUT_S) as response:
                    with anyio.move_on_after(LIFETIME.total_seconds()):
                        await _forward(request, response, watch, caller, last)
                return response
        except ConnectionResetError:
            # The client left before the stream began; nobody reads this answer.
            return web.Response()
        except HubFull as full:
            raise Problem(503, str(full), retry_after_s=30) from full

    return stream


def _last_seen(request: web.Request) -> int:
    text = request.headers.get("Last-Event-ID") or request.query.get("after", "0")
    if not (text.isascii() and text.isdigit() and int(text) <= ID_MAX):
        raise Problem(422, "Some fields do not fit: see validation_errors.", {"after": "this is no event's id"})
    return int(text)


async def _forward(
    request: web.Request, response: EventSourceResponse, watch: Watch, caller: Caller, last: int
) -> None:
    desk = request.app[API].desk
    while not watch.closed and response.is_connected() and request.transport is not None:
        try:
            topics = watch.take()  # first: what comes while the events are read must be looked for again at once
            for row in await desk.events(caller.partner_id, last):
                last = row.event_id
                await response.send(Event.of(row).model_dump_json(), id=str(last), event=row.kind)
            if topics:
                await response.send(json.dumps({"topics": topics}), event=CHANGED)
        except (ConnectionResetError, TimeoutError):
            return
        with anyio.move_on_after(LOOK_INTERVAL_S):
            await watch.wait()
