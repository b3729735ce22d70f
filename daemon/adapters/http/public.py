"""The public listener: the partner's dashboard, FreshBooks' way back to it, and the limits that every request meets."""

from collections.abc import Mapping
from typing import Any

import anyio
from aiohttp import web

from daemon.adapters.http import (
    pages_accounts,
    pages_activity,
    pages_books,
    pages_connect,
    pages_demo,
    pages_entry,
    pages_issues,
    pages_live,
    pages_options,
    pages_pdf,
    pages_proof,
    pages_webhooks,
)
from daemon.adapters.http.api.app import RATE, add_api
from daemon.adapters.http.api.operations import Api
from daemon.adapters.http.api.serving import told_as_json
from daemon.adapters.http.api.streaming import STREAM
from daemon.adapters.http.context import DASHBOARD, Dashboard
from daemon.adapters.http.rendering import STATIC, page, set_up_templates
from daemon.adapters.http.security import (
    API,
    BODY_BYTES_MAX,
    Handler,
    add_headers,
    require_own_origin,
    require_session,
)
from daemon.core.errors import StoreUnavailable
from daemon.core.policy import RatePolicy

REQUEST_TIMEOUT_S = 30.0
"""How long one request may take in all, its body included; streams are bounded by their own rules."""
RUNNER_LIMITS: Mapping[str, Any] = {"max_line_size": 8190, "max_field_size": 8190, "max_headers": 64}
"""Limits of a request's first line and headers, for the runner that serves the application."""
_STREAMS = frozenset({"/events", STREAM})
_TITLES = {
    400: "Refused",
    401: "You are signed out",
    403: "Refused",
    404: "Not found",
    405: "Not found",
    409: "Not now",
    413: "Too large",
    415: "Refused",
    503: "Back in a moment",
}

_SENTENCES = {
    404: "There is nothing here, or it is not yours to see.",
    405: "There is nothing here, or it is not yours to see.",
    413: "What was sent is too large.",
}


_PAGES = (
    pages_entry,
    pages_connect,
    pages_accounts,
    pages_options,
    pages_books,
    pages_issues,
    pages_activity,
    pages_live,
    pages_webhooks,
)


def build_public_app(dashboard: Dashboard, api: Api | None = None, rate: RatePolicy = RATE) -> web.Application:
    """Make the public listener's application; the demo's pages exist only when `dashboard.platform` is given."""
    app = web.Application(
        client_max_size=BODY_BYTES_MAX, middlewares=(show_errors, limit_time, require_session, require_own_origin)
    )
    app[DASHBOARD] = dashboard
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_close_streams)
    set_up_templates(app)
    for pages in _PAGES:
        app.add_routes(pages.routes)
    if dashboard.is_demo:
        app.add_routes(pages_demo.routes)
    if dashboard.pdfs is not None:
        app.add_routes(pages_pdf.routes)
    if dashboard.proof is not None:
        app.add_routes(pages_proof.routes)
    if api is not None:
        add_api(app, api, rate)
    app.router.add_static("/static/", STATIC, append_version=False)
    return app


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn a refusal into a page that says what happened and what to do next; the API tells it as JSON."""
    if request.path.startswith(API):
        return await told_as_json(lambda: handler(request))
    try:
        return await handler(request)
    except web.HTTPUnauthorized:
        return await _signed_out(request)
    except web.HTTPException as refused:
        if refused.status not in _TITLES:
            raise
        return _error_page(request, refused.status, _sentence(refused), refused.headers.get("Retry-After"))
    except StoreUnavailable:
        return _error_page(
            request, 503, "We cannot reach our records right now. Nothing is lost; try again in a minute.", "10"
        )
    except TimeoutError:
        return _error_page(request, 503, "This took too long. Try again in a minute.", "10")


@web.middleware
async def limit_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give up on a request that takes too long, such as one whose body trickles in."""
    if "\x00" in request.path or any("\x00" in value for value in request.query.values()):
        raise web.HTTPBadRequest(text="This address holds a character that no page takes.")
    if request.path in _STREAMS:
        return await handler(request)
    with anyio.fail_after(REQUEST_TIMEOUT_S):
        return await handler(request)


async def _signed_out(request: web.Request) -> web.StreamResponse:
    response = await pages_entry.signed_out(request)
    # A part of a page that reads itself again makes the whole page do so.
    response.headers["HX-Refresh"] = "true"
    return response


def _error_page(request: web.Request, status: int, sentence: str, retry_after: str | None = None) -> web.Response:
    response = page(
        request, "error.html", {"title": _TITLES[status], "sentence": sentence}, status=status, is_small=True
    )
    if retry_after:
        response.headers["Retry-After"] = retry_after
    return response


def _sentence(refused: web.HTTPException) -> str:
    # Without a text of ours, aiohttp's is its status line, and for a large body its size in bytes.
    is_ours = refused.text and not refused.text.startswith((f"{refused.status}", "Maximum"))
    return refused.text or "" if is_ours else _SENTENCES.get(refused.status, "This request was refused.")


async def _close_streams(app: web.Application) -> None:
    app[DASHBOARD].hub.close()
