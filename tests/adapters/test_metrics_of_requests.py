"""Requests to FreshBooks and to us are counted by their answer and timed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from daemon.adapters.metrics import Metrics, measure_requests, trace_freshbooks
from tests.adapters.metric_samples import value

# ---- requests to FreshBooks ------------------------------------------------------------------------------------------


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("status", "answer"), [(200, "2xx"), (404, "4xx"), (429, "429"), (503, "5xx")])
async def test_a_request_is_counted_by_its_answer_and_timed(status: int, answer: str, metrics: Metrics) -> None:
    tracing = trace_freshbooks(metrics, asyncio.get_running_loop().time)
    async with (
        answering(status) as url,
        aiohttp.ClientSession(trace_configs=[tracing]) as session,
        session.post(url),
    ):
        pass
    assert value(metrics, "syncd_freshbooks_requests_total", method="POST", answer=answer) == 1
    assert value(metrics, "syncd_freshbooks_request_duration_seconds_count", method="POST") == 1


async def test_a_request_without_an_answer_is_counted_as_such(metrics: Metrics) -> None:
    async with answering(200) as url:
        pass
    async with aiohttp.ClientSession(
        trace_configs=[trace_freshbooks(metrics, asyncio.get_running_loop().time)]
    ) as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)
    assert value(metrics, "syncd_freshbooks_requests_total", method="GET", answer="none") == 1


# ---- requests to us --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def measured(metrics: Metrics) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/gone":
                raise web.HTTPNotFound
            case "/stream":
                return web.Response(content_type="text/event-stream")
            case _:
                return web.Response(status=303, headers={"Location": "/gone"})

    app = web.Application(middlewares=[measure_requests(metrics, asyncio.get_running_loop().time)])
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "path", "counted", "timed"),
    [
        ("GET", "/", ("GET", "3xx"), 1),
        ("POST", "/gone", ("POST", "4xx"), 0),
        ("OPTIONS", "/stream", ("other", "2xx"), 0),
    ],
)
async def test_a_request_to_us_is_counted_by_our_answer(
    method: str, path: str, counted: tuple[str, str], timed: int, metrics: Metrics
) -> None:
    async with (
        measured(metrics) as url,
        aiohttp.ClientSession() as session,
        session.request(method, url + path, allow_redirects=False),
    ):
        pass
    assert value(metrics, "syncd_http_requests_total", method=counted[0], answer=counted[1]) == 1
    assert (value(metrics, "syncd_http_request_duration_seconds_count", method=counted[0]) or 0) == timed
