from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from daemon.adapters.http.fleet_page import FleetSeen
from daemon.adapters.http.internal import Check, build_internal_app


class Told:
    """Health as a test tells it."""

    def __init__(self) -> None:
        self.loop = Check(name="event_loop", ok=True, detail="last beat 0.1 s ago")
        self.checks: tuple[Check, ...] = (Check(name="postgres", ok=True), Check(name="settings", ok=True))

    def alive(self) -> Sequence[Check]:
        return (self.loop,)

    async def ready(self) -> Sequence[Check]:
        return self.checks


class Nobody:
    """A fleet without partners."""

    def seen(self) -> FleetSeen:
        return FleetSeen(now=datetime(2026, 1, 5, tzinfo=UTC))


@asynccontextmanager
async def _client(health: Told, registry: CollectorRegistry, place: Path) -> AsyncIterator[aiohttp.ClientSession]:
    runner = web.AppRunner(build_internal_app(health, registry, Nobody()), access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(place / "internal.sock")).start()
        connector = aiohttp.UnixConnector(str(place / "internal.sock"))
        async with aiohttp.ClientSession("http://internal", connector=connector) as client:
            yield client
    finally:
        await runner.cleanup()


async def _get(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    async with client.get(path, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.fixture
def health() -> Told:
    return Told()


@pytest.fixture
async def client(health: Told, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    registry = CollectorRegistry()
    Counter("syncd_tests", "How often.", registry=registry).inc()
    async with _client(health, registry, tmp_path) as opened:
        yield opened


async def test_a_beating_loop_is_alive(client: aiohttp.ClientSession) -> None:
    assert await _get(client, "/livez") == (200, "ok\n")


async def test_a_loop_that_stopped_is_not_alive(health: Told, client: aiohttp.ClientSession) -> None:
    health.loop = Check(name="event_loop", ok=False, detail="last beat 31.0 s ago")
    assert await _get(client, "/livez") == (503, "FAIL event_loop: last beat 31.0 s ago\nnot ready\n")


async def test_readiness_names_what_is_missing(health: Told, client: aiohttp.ClientSession) -> None:
    assert await _get(client, "/readyz") == (200, "ok\n")
    health.checks = (Check(name="postgres", ok=False, detail="refused"), Check(name="settings", ok=True))
    assert await _get(client, "/readyz") == (503, "FAIL postgres: refused\nnot ready\n")


async def test_verbose_readiness_lists_every_check(health: Told, client: aiohttp.ClientSession) -> None:
    assert await _get(client, "/readyz?verbose") == (200, "ok   postgres\nok   settings\nok\n")


async def test_metrics_come_in_the_format_that_is_asked_for(client: aiohttp.ClientSession) -> None:
    status, plain = await _get(client, "/metrics")
    assert status == 200
    assert "syncd_tests_total 1.0" in plain
    _, modern = await _get(client, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert modern.endswith("# EOF\n")


async def test_nothing_else_is_served(client: aiohttp.ClientSession) -> None:
    assert (await _get(client, "/"))[0] == 404
    async with client.post("/metrics") as answer:
        assert answer.status == 405
