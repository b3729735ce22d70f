"""Counts and times requests as aiohttp makes and serves them: ours to FreshBooks, browsers' to us."""

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from daemon.adapters.metrics.instruments import METHODS, Metrics

_THROTTLED = 429


def trace_freshbooks(metrics: Metrics, monotonic: Callable[[], float]) -> aiohttp.TraceConfig:
    """Make what a client session needs (`trace_configs`) to show every request it makes."""

    async def started(_: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
        context.began = monotonic()

    async def answered(
        _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        count(context, params.method, _class_of(params.response.status))

    async def failed(
        _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        count(context, params.method, "none")

    def count(context: SimpleNamespace, method: str, answer: str) -> None:
        method = method if method in METHODS else "other"
        metrics.freshbooks_requests.labels(method, answer).inc()
        metrics.freshbooks_request_duration.labels(method).observe(monotonic() - context.began)

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
