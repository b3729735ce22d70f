"""Counts and times the requests to FreshBooks as aiohttp makes them."""

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

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


def _class_of(status: int) -> str:
    return "429" if status == _THROTTLED else f"{status // 100}xx"
