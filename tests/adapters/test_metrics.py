"""The metrics: names by the book, no missing series, partners' series that come and go, and the log lines beside."""

import asyncio
import logging
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import aiohttp
import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from daemon.actors.ports import Telemetry
from daemon.adapters.metrics import Metrics, StructlogTelemetry, measure_requests, trace_freshbooks
from daemon.core.desk import Topic
from daemon.core.effects import LaneEffect
from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, PartnerId
from daemon.core.state import ConnectionStatus
from daemon.core.usage import Shares
from tests.requirements import needs_prometheus

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACME = PartnerId("acme")
MAPLE = PartnerId("maple")
PARTNER_GAUGES = {
    "syncd_partner_state",
    "syncd_partner_last_success_timestamp_seconds",
    "syncd_partner_oldest_unpushed_payment_timestamp_seconds",
    "syncd_partner_open_issues",
    "syncd_partner_backfill_progress_ratio",
    "syncd_partner_drift",
    "syncd_partner_last_verify_timestamp_seconds",
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def logged() -> Iterator[list[dict[str, object]]]:
    lines: list[dict[str, object]] = []

    def keep(_logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        lines.append({"level": method, **event})
        raise structlog.DropEvent

    yield lines_of(lines, keep)
    structlog.reset_defaults()


def lines_of(lines: list[dict[str, object]], keep: structlog.typing.Processor) -> list[dict[str, object]]:
    structlog.configure(processors=[keep], wrapper_class=structlog.stdlib.BoundLogger)
    logging.getLogger("daemon").setLevel(logging.DEBUG)
    return lines


@pytest.fixture
def telemetry(metrics: Metrics, logged: list[dict[str, object]]) -> Telemetry:
    del logged
    return StructlogTelemetry(metrics, structlog.get_logger("daemon"))


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def series_of(metrics: Metrics, partner: str) -> set[str]:
    return {name for name, labels in samples(metrics) if ("partner", partner) in labels}


def collectors(metrics: Metrics) -> list[MetricWrapperBase]:
    return [known for known in metrics.registry._collector_to_names if isinstance(known, MetricWrapperBase)]


# ---- by the book -----------------------------------------------------------------------------------------------------


@needs_prometheus
def test_prometheus_own_checker_finds_nothing_to_say(metrics: Metrics) -> None:
    metrics.set_state(ACME, "connected")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(metrics.registry), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_only_seven_gauges_and_nothing_else_carry_a_partner(metrics: Metrics) -> None:
    found = {known._name for known in collectors(metrics) if "partner" in known._labelnames}
    assert found == PARTNER_GAUGES
    assert {known._type for known in collectors(metrics) if "partner" in known._labelnames} == {"gauge"}


def test_every_known_series_is_there_before_anything_happens(metrics: Metrics) -> None:
    assert value(metrics, "syncd_partners", state="connected") == 0
    assert value(metrics, "syncd_call_failures_total", lane="push") == 0
    assert value(metrics, "syncd_records_read_total", resource="invoices") == 0
    assert value(metrics, "syncd_freshbooks_requests_total", method="POST", answer="5xx") == 0
    assert value(metrics, "syncd_config_last_reload_successful") == 0
    assert [kind for kind in IssueKind if value(metrics, "syncd_open_issues", kind=kind.value) != 0] == []


def test_the_process_own_figures_are_there(metrics: Metrics) -> None:
    names = {name for name, _ in samples(metrics)}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info", "syncd_build_info"} <= names


# ---- partners --------------------------------------------------------------------------------------------------------


def row(partner: PartnerId = ACME, **facts: object) -> FleetRow:
    return FleetRow(partner_id=partner, name=partner.title(), status=ConnectionStatus.CONNECTED, **facts)  # type: ignore[arg-type]


def test_a_partner_is_in_exactly_one_state(metrics: Metrics) -> None:
    metrics.set_state(ACME, "pending")
    metrics.set_state(MAPLE, "connected")
    metrics.set_state(ACME, "connected")
    assert value(metrics, "syncd_partner_state", partner="acme", state="connected") == 1
    assert value(metrics, "syncd_partner_state", partner="acme", state="pending") == 0
    assert value(metrics, "syncd_partners", state="connected") == 2
    assert value(metrics, "syncd_partners", state="pending") == 0


def test_the_fleet_s_figures_are_points_in_time_and_counts(metrics: Metrics) -> None:
    facts = row(
        percent=40,
        last_success_at=NOW,
        oldest_unpushed_at=NOW.replace(hour=1),
        issues={IssueKind.OVERPAID: 2, IssueKind.REFUNDED: 1},
    )
    metrics.set_fleet([facts, row(MAPLE, issues={IssueKind.OVERPAID: 1})], NOW)
    assert value(metrics, "syncd_partner_last_success_timestamp_seconds", partner="acme") == NOW.timestamp()
    oldest = value(metrics, "syncd_partner_oldest_unpushed_payment_timestamp_seconds", partner="acme")
    assert oldest == NOW.replace(hour=1).timestamp()
    assert value(metrics, "syncd_partner_oldest_unpushed_payment_timestamp_seconds", partner="maple") == 0
    assert value(metrics, "syncd_partner_open_issues", partner="acme") == 3
    assert value(metrics, "syncd_partner_backfill_progress_ratio", partner="acme") == 0.4
    assert value(metrics, "syncd_open_issues", kind="overpaid") == 3
    assert value(metrics, "syncd_fleet_sample_timestamp_seconds") == NOW.timestamp()


def test_the_busiest_partner_s_use_of_freshbooks_budgets_shows(metrics: Metrics) -> None:
    metrics.set_budgets([Shares(calls=0.2, creates=0.9), Shares(calls=0.5)])
    assert value(metrics, "syncd_rate_budget_used_ratio", budget="calls") == 0.5
    assert value(metrics, "syncd_rate_budget_used_ratio", budget="creates") == 0.9
    metrics.set_budgets([])
    assert value(metrics, "syncd_rate_budget_used_ratio", budget="calls") == 0


def test_a_settled_issue_leaves_the_count(metrics: Metrics) -> None:
    metrics.set_fleet([row(issues={IssueKind.OVERPAID: 2})], NOW)
    metrics.set_fleet([row()], NOW)
    assert value(metrics, "syncd_open_issues", kind="overpaid") == 0
    assert value(metrics, "syncd_partner_open_issues", partner="acme") == 0


def test_a_partner_s_series_go_with_the_partner(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.state_changed(ACME, "connected", parked=False)
    metrics.set_fleet([row(), row(MAPLE)], NOW)
    assert series_of(metrics, "acme") == PARTNER_GAUGES
    telemetry.partner_gone(ACME)
    assert series_of(metrics, "acme") == set()
    assert series_of(metrics, "maple") != set()
    assert value(metrics, "syncd_partners", state="connected") == 0


def test_partners_series_can_be_switched_off() -> None:
    metrics = Metrics(CollectorRegistry(), partner_series=False)
    metrics.set_state(ACME, "connected")
    metrics.set_progress(ACME, 50)
    metrics.set_fleet([row(issues={IssueKind.OVERPAID: 2})], NOW)
    assert series_of(metrics, "acme") == set()
    assert value(metrics, "syncd_partners", state="connected") == 1
    assert value(metrics, "syncd_open_issues", kind="overpaid") == 2
    metrics.remove_partner(ACME)


# ---- settings --------------------------------------------------------------------------------------------------------


def test_a_refused_reload_keeps_the_time_of_the_last_good_one(metrics: Metrics) -> None:
    metrics.settings_loaded(NOW)
    metrics.settings_refused()
    assert value(metrics, "syncd_config_last_reload_successful") == 0
    assert value(metrics, "syncd_config_last_reload_success_timestamp_seconds") == NOW.timestamp()


def test_the_pool_shows_what_is_open_and_what_is_in_use(metrics: Metrics) -> None:
    metrics.watch_pool(size=lambda: 7, idle=lambda: 5)
    assert value(metrics, "syncd_postgres_connections") == 7
    assert value(metrics, "syncd_postgres_connections_in_use") == 2


# ---- the actors' facts -----------------------------------------------------------------------------------------------


def facts(lines: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(line["event"], line["level"]) for line in lines]


def test_the_first_failure_warns_and_its_repeats_do_not(
    metrics: Metrics, telemetry: Telemetry, logged: list[dict[str, object]]
) -> None:
    for attempt in (1, 2, 3):
        telemetry.call_failed(ACME, "pull", "FreshBooksUnavailable: 503", attempt, 2.0)
    telemetry.call_recovered(ACME, "pull", 3)
    assert facts(logged) == [
        ("call_failed", "warning"),
        ("call_failed", "debug"),
        ("call_failed", "debug"),
        ("call_recovered", "info"),
    ]
    assert logged[0] | {"partner": "acme", "lane": "pull", "attempt": 1, "retry_in_s": 2.0} == logged[0]
    assert value(metrics, "syncd_call_failures_total", lane="pull") == 3
    assert value(metrics, "syncd_call_recoveries_total", lane="pull") == 1


@pytest.mark.parametrize(
    ("tell", "changes"),
    [
        (lambda telemetry: telemetry.state_changed(ACME, "pending", parked=False), Topic),
        (lambda telemetry: telemetry.progress(ACME, 3), {Topic.CONNECTION}),
        (lambda telemetry: telemetry.run_noted(ACME), {Topic.CONNECTION, Topic.ISSUES}),
        (lambda telemetry: telemetry.verified(ACME, "equal", 0), {Topic.CONNECTION, Topic.ISSUES}),
        (lambda telemetry: telemetry.page_stored(ACME, "invoices", 100, 1), Topic),
        (lambda telemetry: telemetry.page_stored(ACME, "customers", 100, 1), {Topic.CONNECTION, Topic.INVOICES}),
        (lambda telemetry: telemetry.page_stored(ACME, "invoices", 100, 0), ()),
        (lambda telemetry: telemetry.push_finished(ACME, "recorded", 1.0), Topic),
        (lambda telemetry: telemetry.effect_finished(ACME, "PushNext", "Pushed", 0.1), Topic),
        (lambda telemetry: telemetry.effect_finished(ACME, "PullPages", "PagesStored", 0.1), ()),
        (lambda telemetry: telemetry.call_failed(ACME, "pull", "x", 1, 1.0), ()),
    ],
    ids=[
        "state",
        "progress",
        "run",
        "verified",
        "changed page",
        "customers",
        "unchanged page",
        "recorded",
        "push",
        "pull",
        "failure",
    ],
)
def test_open_pages_hear_of_what_changed(
    tell: Callable[[Telemetry], None], changes: Collection[Topic], metrics: Metrics, logged: list[dict[str, object]]
) -> None:
    del logged
    heard: list[tuple[PartnerId, frozenset[Topic]]] = []

    def hear(partner_id: PartnerId, topics: frozenset[Topic]) -> None:
        heard.append((partner_id, topics))

    tell(StructlogTelemetry(metrics, structlog.get_logger("daemon"), hear))
    assert heard == ([(ACME, frozenset(changes))] if changes else [])


def test_an_unforeseen_lane_makes_no_series_of_its_own(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.call_failed(ACME, "invoice 812", "x", 1, 1.0)
    assert value(metrics, "syncd_call_failures_total", lane="other") == 1


def test_a_parked_partner_shows_as_reconnect_needed(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.state_changed(ACME, "connected", parked=True)
    assert value(metrics, "syncd_partner_state", partner="acme", state="reconnect_needed") == 1
    assert value(metrics, "syncd_state_changes_total", to_state="reconnect_needed") == 1


@pytest.mark.parametrize("effect", [effect.__name__ for effect in get_args(LaneEffect)])
def test_an_effect_is_counted_by_what_it_ended_with(effect: str, metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.effect_finished(ACME, effect, "CallFailed", 0.2)
    words = {labels for name, labels in samples(metrics) if name == "syncd_effects_total"}
    assert [dict(labels)["outcome"] for labels in words] == ["call_failed"]
    assert [dict(labels)["effect"].replace("_", "") for labels in words] == [effect.lower()]


def test_pages_and_records_are_counted_by_resource(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.page_stored(ACME, "invoices", 100, 3)
    telemetry.page_stored(ACME, "invoices", 40, 0)
    assert value(metrics, "syncd_pages_stored_total", resource="invoices") == 2
    assert value(metrics, "syncd_records_read_total", resource="invoices") == 140
    assert value(metrics, "syncd_records_changed_total", resource="invoices") == 3


def test_a_payment_s_way_is_timed_only_once_it_is_recorded(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.push_finished(ACME, "uncertain", 3.0)
    telemetry.push_finished(ACME, "recorded", 4.0)
    assert value(metrics, "syncd_pushes_total", outcome="uncertain") == 1
    assert value(metrics, "syncd_push_latency_seconds_count") == 1
    assert value(metrics, "syncd_push_latency_seconds_sum") == 4.0


def test_a_crash_is_logged_with_its_traceback(
    metrics: Metrics, telemetry: Telemetry, logged: list[dict[str, object]]
) -> None:
    crash = ZeroDivisionError("x")
    telemetry.child_crashed(ACME, crash, 1.0)
    telemetry.child_parked(ACME, "5 crashes in 60 s")
    assert [(line["event"], line["level"]) for line in logged] == [
        ("supervisor_crashed", "error"),
        ("supervisor_stopped", "error"),
    ]
    assert logged[0]["exc_info"] is crash
    assert value(metrics, "syncd_supervisor_crashes_total") == 1
    assert value(metrics, "syncd_partners", state="stopped") == 1


def test_progress_and_throttling_show(metrics: Metrics, telemetry: Telemetry) -> None:
    telemetry.progress(ACME, 30)
    telemetry.throttled(ACME, 5.0)
    assert value(metrics, "syncd_partner_backfill_progress_ratio", partner="acme") == 0.3
    assert value(metrics, "syncd_freshbooks_throttled_total") == 1


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


# ---- the README ------------------------------------------------------------------------------------------------------


def described(metrics: Metrics) -> Mapping[str, str]:
    """The rows of the README's metrics table by metric name."""
    rows = {}
    for known in collectors(metrics):
        name = str(known._name) + {"counter": "_total", "info": "_info"}.get(str(known._type), "")
        labels = ", ".join(f"`{label}`" for label in known._labelnames)
        rows[name] = f"| `{name}` | {known._type} | {labels} | {known._documentation} |"
    return rows


def test_the_readme_lists_every_metric_as_it_is(metrics: Metrics) -> None:
    shown = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `syncd_")]
    assert shown == list(described(metrics).values())
