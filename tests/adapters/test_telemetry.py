"""What the actors tell becomes a log line, a metric, and news for open pages."""

from collections.abc import Callable, Collection
from typing import get_args

import pytest
import structlog

from daemon.actors.ports import Telemetry
from daemon.adapters.metrics import Metrics, StructlogTelemetry
from daemon.core.desk import Topic
from daemon.core.effects import LaneEffect
from daemon.core.model import PartnerId
from tests.adapters.metric_samples import samples, value

ACME = PartnerId("acme")


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
