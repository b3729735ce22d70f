"""The metrics: names by the book, no missing series, partners' series that come and go, and the log lines beside."""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from daemon.actors.ports import Telemetry
from daemon.adapters.metrics import Metrics
from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, PartnerId
from daemon.core.state import ConnectionStatus
from daemon.core.usage import Shares
from tests.adapters.metric_samples import collectors, samples, series_of, value
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


def test_the_line_shows_how_many_wait_and_how_long_the_first_of_them_has(metrics: Metrics) -> None:
    metrics.watch_line(waiting=lambda: 40, longest_s=lambda: 2.5)
    assert value(metrics, "syncd_reads_waiting") == 40
    assert value(metrics, "syncd_reads_longest_wait_seconds") == 2.5


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
