"""The stream that keeps open pages live: names of what changed, never data."""

from collections.abc import Mapping
from datetime import timedelta

import anyio
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.security import session_of
from daemon.adapters.http.sse import HubFull, Watch

STREAM_LIFETIME = timedelta(minutes=15)
"""A stream ends by itself after this; the browser opens a new one, and the session is checked anew."""
LOOK_INTERVAL_S = 2.0
"""How often a quiet stream looks whether its browser is still there."""
PAUSE_S = 0.4
"""The least time between two events of one stream, so that a busy sync does not make a page read without end."""
SEND_TIMEOUT_S = 10.0
"""A browser that takes nothing for this long is dropped."""
_DATA = "1"
"""Browsers drop an event without data."""
_RETRY: Mapping[str, str] = {"Retry-After": "30"}

routes = web.RouteTableDef()


@routes.get("/events")
async def stream(request: web.Request) -> web.StreamResponse:
    """Tell the page which of its parts to read again, as SSE events named after topics."""
    dashboard = request.app[DASHBOARD]
    session = session_of(request)
    until = min(session.expires_at, dashboard.clock.now() + STREAM_LIFETIME)
    try:
        with dashboard.hub.watching(session.partner_id, request.query.get("since", "")) as watch:
            async with sse_response(request, send_timeout=SEND_TIMEOUT_S) as response:
                with anyio.move_on_after((until - dashboard.clock.now()).total_seconds()):
                    await _forward(request, watch, response)
            return response
    except ConnectionResetError:
        # The browser left before the stream began; nobody reads this answer.
        return web.Response()
    except HubFull as full:
        raise web.HTTPServiceUnavailable(text=str(full), headers=_RETRY) from full


async def _forward(request: web.Request, watch: Watch, response: EventSourceResponse) -> None:
    clock = request.app[DASHBOARD].clock
    while not watch.closed and _is_there(request, response):
        with anyio.move_on_after(LOOK_INTERVAL_S):
            await watch.wait()
        try:
            for topic in watch.take():
                await response.send(_DATA, event=topic.value)
        except (ConnectionResetError, TimeoutError):
            return
        await clock.sleep(PAUSE_S)


def _is_there(request: web.Request, response: EventSourceResponse) -> bool:
    return request.transport is not None and not request.transport.is_closing() and response.is_connected()
