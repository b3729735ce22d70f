"""Counts and times requests as aiohttp makes and serves them: ours to FreshBooks, browsers' to us."""

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from structlog.stdlib import BoundLogger

from daemon.adapters.metrics.instruments import METHODS, Metrics

_THROTTLED = 429


def trace_freshbooks(
    metrics: Metrics, monotonic: Callable[[], float], log: BoundLogger | None = None
) -> aiohttp.TraceConfig:
    """Make what a client session needs (`trace_configs`) to show every request it makes.

    A line per request goes to `log`, without its query and body: writes at info, reads at debug.
    """

    async def started(_: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
        context.began = monotonic()

    async def answered(
        _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        count(context, params, _class_of(params.response.status), params.response.status)

    async def failed(
        _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        count(context, params, "none", None)

    def count(
        context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams | aiohttp.TraceRequestExceptionParams,
        answer: str,
        status: int | None,
    ) -> None:
        method, elapsed_s = params.method if params.method in METHODS else "other", monotonic() - context.began
        metrics.freshbooks_requests.labels(method, answer).inc()
        metrics.freshbooks_request_duration.labels(method).observe(elapsed_s)
        if log is not None:
            tell = log.debug if method == "GET" else log.info
            tell("freshbooks_called", method=method, path=params.url.path, status=status, elapsed_s=round(elapsed_s, 3))

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_end.append(answered)
    config.on_request_exception.append(failed)
    return config


def measure_requests(metrics: Metrics, monotonic: Callable[[], float]) -> Middleware:
    """Make the outermost middleware of a listener; streams are counted, not timed: they last as long as a page."""

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = monotonic()
        method = request.method if request.method in METHODS else "other"
        try:
            response = await handler(request)
        except web.HTTPException as refused:
            metrics.http_requests.labels(method, _class_of(refused.status)).inc()
            raise
        metrics.http_requests.labels(method, _class_of(response.status)).inc()
        if response.content_type != "text/event-stream":
            metrics.http_request_duration.labels(method).observe(monotonic() - began)
        return response

    return measure


def _class_of(status: int) -> str:
    return "429" if status == _THROTTLED else f"{status // 100}xx"
