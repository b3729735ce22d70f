"""Every metric of the daemon by name, and the only place where one is made.

Names follow Prometheus' book: base units, `_total` on counters, points in time instead of ages. A partner is a label on
seven gauges and on nothing else; its series go when the partner goes.
"""

import platform
from collections import Counter as Tally
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, Resource
from daemon.core.state import Lane
from daemon.core.usage import Shares

STATES: Final = ("not_connected", "pending", "connected", "reconnect_needed", "stopped")
LANES: Final = (*(lane.value for lane in Lane), "store", "reread", "callbacks", "reconcile")
METHODS: Final = ("GET", "POST", "PUT", "DELETE")
ANSWERS: Final = ("2xx", "4xx", "429", "5xx", "none")
_CALL_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_EFFECT_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_PUSH_BUCKETS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 21600.0, 86400.0)
_LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The daemon's instruments in one registry. With `partner_series` off, no series carries a partner."""

    def __init__(self, registry: CollectorRegistry, *, partner_series: bool = True) -> None:
        self.registry = registry
        self.partner_series = partner_series
        self._state_of: dict[str, str] = {}
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._describe_process()
        self._describe_partners()
        self._describe_work()
        self._describe_calls()

    # ---- the process -------------------------------------------------------------------------------------------------

    def _describe_process(self) -> None:
        build = Info("syncd_build", "Version of the daemon and of the Python that runs it.", registry=self.registry)
        build.info({"version": version("freshbooks-syncd"), "python": platform.python_version()})
        self.ready = self._gauge("ready", "1 while the daemon does its work, 0 while it starts or drains.")
        self.event_loop_lag = self._histogram(
            "event_loop_lag_seconds", "By how much the event loop was late for a timer.", _LAG_BUCKETS
        )
        self.config_last_reload_successful = self._gauge(
            "config_last_reload_successful", "1 if the settings read last are in force, 0 if they were refused."
        )
        self.config_last_reload_success_timestamp = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When settings were last taken over, in Unix time."
        )
        self.postgres_connections = self._gauge("postgres_connections", "Open connections to Postgres.")
        self.postgres_connections_in_use = self._gauge(
            "postgres_connections_in_use", "Connections to Postgres that are in use."
        )
        self.reads_waiting = self._gauge("reads_waiting", "Steps of reads and verifications that wait for room.")
        self.reads_longest_wait = self._gauge(
            "reads_longest_wait_seconds", "For how long the first of them has waited; 0 while none does."
        )
        self.leases = self._gauge("leases", "Partners whose lease this process holds.")
        self.leases_renewed = self._gauge(
            "leases_renewed_timestamp_seconds", "When this process last renewed its leases, in Unix time."
        )
        self.lease_takeovers = self._counter(
            "lease_takeovers", "Partners taken over from a process that was gone or frozen."
        )
        self.leases_lost = self._counter("leases_lost", "Partners that other processes took over from this one.")
        self.sample_timestamp = self._gauge(
            "fleet_sample_timestamp_seconds", "When the partners' figures were last read from Postgres, in Unix time."
        )

    def settings_loaded(self, now: datetime) -> None:
        """Record that settings are in force since now."""
        self.config_last_reload_successful.set(1)
        self.config_last_reload_success_timestamp.set(now.timestamp())

    def settings_refused(self) -> None:
        """Record that the settings on disk were refused; the former ones stay in force."""
        self.config_last_reload_successful.set(0)

    def watch_pool(self, size: Callable[[], int], idle: Callable[[], int]) -> None:
        """Show the database connections that are open and those of them that are in use."""
        self.postgres_connections.set_function(size)
        self.postgres_connections_in_use.set_function(lambda: size() - idle())

    def watch_line(self, waiting: Callable[[], int], longest_s: Callable[[], float]) -> None:
        """Show who waits until others have made room."""
        self.reads_waiting.set_function(waiting)
        self.reads_longest_wait.set_function(longest_s)

    # ---- partners ----------------------------------------------------------------------------------------------------

    def _describe_partners(self) -> None:
        self.partners = self._gauge("partners", "Partners this process supervises, by state.", "state")
        self.partner_state = self._gauge("partner_state", "1 for the state that the partner is in.", "partner", "state")
        self.partner_last_success = self._gauge(
            "partner_last_success_timestamp_seconds",
            "When a read of the partner's FreshBooks last ran to its end, in Unix time; 0 for never.",
            "partner",
        )
        self.partner_oldest_unpushed = self._gauge(
            "partner_oldest_unpushed_payment_timestamp_seconds",
            "Initiation of the oldest payment on its way to FreshBooks, in Unix time; 0 for none.",
            "partner",
        )
        self.partner_open_issues = self._gauge("partner_open_issues", "Sync issues that wait for a person.", "partner")
        self.partner_backfill_progress = self._gauge(
            "partner_backfill_progress_ratio", "How much of the initial sync is done, 0 to 1.", "partner"
        )
        self.partner_drift = self._gauge(
            "partner_drift", "Differences from FreshBooks that the last verification found.", "partner"
        )
        self.partner_last_verify = self._gauge(
            "partner_last_verify_timestamp_seconds",
            "When the partner's books were last verified, in Unix time; 0 for never.",
            "partner",
        )
        self.open_issues = self._gauge("open_issues", "Sync issues that wait for a person, by kind.", "kind")
        self.state_changes = self._counter("state_changes", "Changes of a partner's state.", "to_state")
        self.spoiled_secrets = self._counter("spoiled_secrets", "Stored secrets that no key opened: moved or altered.")
        self.supervisor_crashes = self._counter("supervisor_crashes", "Supervisors that ended by a fault of ours.")
        for state in STATES:
            self.partners.labels(state)
            self.state_changes.labels(state)
        for kind in IssueKind:
            self.open_issues.labels(kind.value)

    def set_state(self, partner_id: str, state: str) -> None:
        """Show a partner in one of STATES."""
        self._state_of[partner_id] = state
        self._count_states()
        if self.partner_series:
            for name in STATES:
                self.partner_state.labels(partner_id, name).set(name == state)

    def set_progress(self, partner_id: str, percent: int) -> None:
        """Show how far a partner's initial sync is."""
        if self.partner_series:
            self.partner_backfill_progress.labels(partner_id).set(percent / 100)

    def set_fleet(self, rows: Sequence[FleetRow], now: datetime) -> None:
        """Show what Postgres knows of all partners; those not among the rows lose these series."""
        self.sample_timestamp.set(now.timestamp())
        issues: Tally[IssueKind] = Tally()
        for gauge in (
            self.partner_last_success,
            self.partner_oldest_unpushed,
            self.partner_open_issues,
            self.partner_drift,
            self.partner_last_verify,
        ):
            gauge.clear()
        for row in rows:
            issues.update(row.issues)
            if self.partner_series:
                self._set_figures(row)
        for kind in IssueKind:
            self.open_issues.labels(kind.value).set(issues[kind])

    def set_budgets(self, shares: Collection[Shares]) -> None:
        """Show the busiest partner's use of FreshBooks' budgets."""
        self.rate_budget_used.labels("calls").set(max((each.calls for each in shares), default=0.0))
        self.rate_budget_used.labels("creates").set(max((each.creates for each in shares), default=0.0))

    def remove_partner(self, partner_id: str) -> None:
        """Drop a partner's series."""
        self._state_of.pop(partner_id, None)
        self._count_states()
        for gauge in (
            self.partner_state,
            self.partner_last_success,
            self.partner_oldest_unpushed,
            self.partner_open_issues,
            self.partner_backfill_progress,
            self.partner_drift,
            self.partner_last_verify,
        ):
            gauge.remove_by_labels({"partner": partner_id})

    def _set_figures(self, row: FleetRow) -> None:
        self.partner_last_success.labels(row.partner_id).set(_unix(row.last_success_at))
        self.partner_oldest_unpushed.labels(row.partner_id).set(_unix(row.oldest_unpushed_at))
        self.partner_open_issues.labels(row.partner_id).set(row.open_issues)
        self.partner_drift.labels(row.partner_id).set(row.drift)
        self.partner_last_verify.labels(row.partner_id).set(_unix(row.verified_at))
        self.set_progress(row.partner_id, row.percent)

    def _count_states(self) -> None:
        counts = Tally(self._state_of.values())
        for state in STATES:
            self.partners.labels(state).set(counts[state])

    # ---- work --------------------------------------------------------------------------------------------------------

    def _describe_work(self) -> None:
        self.effects = self._counter(
            "effects", "Effects of supervisors that ended, by what they ended with.", "effect", "outcome"
        )
        self.effect_duration = self._histogram(
            "effect_duration_seconds", "How long effects took, calls and storing included.", _EFFECT_BUCKETS, "effect"
        )
        self.call_failures = self._counter(
            "call_failures", "Attempts of a lane that failed and are tried again.", "lane"
        )
        self.call_recoveries = self._counter("call_recoveries", "Lanes that work again after failures.", "lane")
        self.pages_stored = self._counter("pages_stored", "Stored pages of FreshBooks' listings.", "resource")
        self.records_read = self._counter("records_read", "Records on stored pages.", "resource")
        self.records_changed = self._counter("records_changed", "Records that a stored page changed.", "resource")
        self.pushes = self._counter(
            "pushes", "Work on recording payments in FreshBooks, by what came of it.", "outcome"
        )
        self.push_latency = self._histogram(
            "push_latency_seconds", "From a payment's initiation to its record in FreshBooks.", _PUSH_BUCKETS
        )
        for lane in LANES:
            self.call_failures.labels(lane)
            self.call_recoveries.labels(lane)
        for resource in Resource:
            for counter in (self.pages_stored, self.records_read, self.records_changed):
                counter.labels(resource.value)

    # ---- requests -----------------------------------------------------------------------------------------

    def _describe_calls(self) -> None:
        self.freshbooks_requests = self._counter(
            "freshbooks_requests",
            "Requests to FreshBooks, by the class of its answer; none: no answer came.",
            "method",
            "answer",
        )
        self.freshbooks_request_duration = self._histogram(
            "freshbooks_request_duration_seconds", "How long FreshBooks took to answer.", _CALL_BUCKETS, "method"
        )
        self.rate_budget_used = self._gauge(
            "rate_budget_used_ratio",
            "How much of FreshBooks' budget the busiest partner uses; 1 is all that FreshBooks allows.",
            "budget",
        )
        for budget in ("calls", "creates"):
            self.rate_budget_used.labels(budget)
        self.throttled = self._counter(
            "freshbooks_throttled", "Answers by which FreshBooks asked for fewer calls (429)."
        )
        self.webhooks = self._counter(
            "webhooks", "Deliveries that claimed to be FreshBooks', by what became of them.", "outcome"
        )
        self.http_requests = self._counter(
            "http_requests", "Requests to the public listener, by the class of our answer.", "method", "answer"
        )
        self.http_request_duration = self._histogram(
            "http_request_duration_seconds", "How long the public listener took to answer.", _CALL_BUCKETS, "method"
        )
        for method in METHODS:
            for answer in ANSWERS:
                self.freshbooks_requests.labels(method, answer)
        for method in ("GET", "POST"):
            for answer in ("2xx", "3xx", "4xx", "5xx"):
                self.http_requests.labels(method, answer)

    # ---- making ------------------------------------------------------------------------------------------------------

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"syncd_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"syncd_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"syncd_{name}", text, labels, registry=self.registry, buckets=buckets)


def _unix(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
