"""The actors' facts as metrics and log lines: one method, one fact."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final

import structlog
from structlog.stdlib import BoundLogger

from daemon.adapters.metrics.instruments import LANES, Metrics
from daemon.core.desk import ALL_TOPICS, Topic
from daemon.core.model import PartnerId, Resource

OnChange = Callable[[PartnerId, frozenset[Topic]], None]
_CHANGING: Final = frozenset({"push_next", "reread_objects"})
"""Effects that may change what a page shows without a page of a listing being stored."""
_LOOKED_AT: Final = frozenset({Topic.CONNECTION, Topic.ISSUES})
_BESIDE_INVOICES: Final = frozenset({Topic.CONNECTION, Topic.INVOICES})
_STORED: Final[Mapping[str, frozenset[Topic]]] = {
    Resource.CUSTOMERS: _BESIDE_INVOICES,
    Resource.CREDITS: _BESIDE_INVOICES,
    Resource.PAYMENTS: _BESIDE_INVOICES,
}
"""Where a page of a listing shows; what FreshBooks' payments mean for ours is decided, and told, by a reread."""
_WORD_BEGINS: Final = re.compile(r"(?<!^)(?=[A-Z])")


class StructlogTelemetry:
    """Fulfils the actors' Telemetry port. Repeated failures are at debug: a long outage does not fill the log.

    `on_change` hears of partners whose rows have changed, and where that shows, so that open pages can read them again.
    """

    def __init__(self, metrics: Metrics, log: BoundLogger, on_change: OnChange = lambda *_: None) -> None:
        self._metrics = metrics
        self._log = log
        self._on_change = on_change

    def about(self, **ids: str) -> AbstractContextManager[None]:
        """Put these ids on every line that is logged inside; tasks begun there inherit them."""
        return structlog.contextvars.bound_contextvars(**ids)

    def state_changed(self, partner_id: PartnerId, status: str, *, parked: bool) -> None:
        """Count and log a state change."""
        state = "reconnect_needed" if parked else status
        self._metrics.set_state(partner_id, state)
        self._metrics.state_changes.labels(state).inc()
        self._log.info("state_changed", partner=partner_id, state=status, parked=parked)
        self._on_change(partner_id, ALL_TOPICS)

    def effect_finished(self, partner_id: PartnerId, effect: str, outcome: str, seconds: float) -> None:
        """Count an effect and its duration."""
        effect, outcome = _snake_case(effect), _snake_case(outcome)
        self._metrics.effects.labels(effect, outcome).inc()
        self._metrics.effect_duration.labels(effect).observe(seconds)
        if effect in _CHANGING:
            self._on_change(partner_id, ALL_TOPICS)
        self._log.debug(
            "effect_finished", partner=partner_id, effect=effect, outcome=outcome, elapsed_s=round(seconds, 3)
        )

    def call_failed(self, partner_id: PartnerId, lane: str, error: str, attempt: int, retry_in_s: float) -> None:
        """Count a failed attempt; log the first at warning, repeats at debug."""
        self._metrics.call_failures.labels(lane if lane in LANES else "other").inc()
        tell = self._log.warning if attempt <= 1 else self._log.debug
        tell(
            "call_failed", partner=partner_id, lane=lane, error=error, attempt=attempt, retry_in_s=round(retry_in_s, 1)
        )

    def call_recovered(self, partner_id: PartnerId, lane: str, attempts: int) -> None:
        """Log that a lane works again."""
        self._metrics.call_recoveries.labels(lane if lane in LANES else "other").inc()
        self._log.info("call_recovered", partner=partner_id, lane=lane, attempts=attempts)

    def page_stored(self, partner_id: PartnerId, resource: str, items: int, changed: int) -> None:
        """Count records read and written."""
        self._metrics.pages_stored.labels(resource).inc()
        self._metrics.records_read.labels(resource).inc(items)
        self._metrics.records_changed.labels(resource).inc(changed)
        if changed:
            self._on_change(partner_id, _STORED.get(resource, ALL_TOPICS))
        self._log.debug("page_stored", partner=partner_id, resource=resource, items=items, changed=changed)

    def progress(self, partner_id: PartnerId, percent: int) -> None:
        """Show the initial sync's progress."""
        self._metrics.set_progress(partner_id, percent)
        self._on_change(partner_id, frozenset({Topic.CONNECTION}))

    def run_noted(self, partner_id: PartnerId) -> None:
        """Let the pages show when a feed was read last, though nothing was found, and which records it set aside."""
        self._on_change(partner_id, _LOOKED_AT)

    def push_finished(self, partner_id: PartnerId, outcome: str, seconds_since_initiation: float) -> None:
        """Count what became of a push, and how long a recorded payment waited."""
        self._metrics.pushes.labels(outcome).inc()
        if outcome == "recorded":
            self._metrics.push_latency.observe(max(0.0, seconds_since_initiation))
        waited = round(seconds_since_initiation, 1)
        self._log.info("push_finished", partner=partner_id, outcome=outcome, wait_s=waited)
        self._on_change(partner_id, ALL_TOPICS)

    def verified(self, partner_id: PartnerId, outcome: str, drifted: int) -> None:
        """Log what a verification came to."""
        log = self._log.info if outcome == "equal" else self._log.warning
        log("books_verified", partner=partner_id, outcome=outcome, differences=drifted)
        self._on_change(partner_id, _LOOKED_AT)

    def throttled(self, partner_id: PartnerId, rate_per_s: float) -> None:
        """Count a 429 and tell the lowered rate."""
        self._metrics.throttled.inc()
        self._log.warning("throttled", partner=partner_id, rate_per_s=round(rate_per_s, 2))

    def secret_spoiled(self, partner_id: PartnerId, reason: str) -> None:
        """Count and log a stored secret that no key opens."""
        self._metrics.spoiled_secrets.inc()
        self._log.error("secret_spoiled", partner=partner_id, reason=reason)

    def child_crashed(self, partner_id: PartnerId, error: BaseException, restart_in_s: float) -> None:
        """Log a crashed supervisor with its traceback and count it."""
        self._metrics.supervisor_crashes.inc()
        self._log.error("supervisor_crashed", partner=partner_id, restart_in_s=round(restart_in_s, 1), exc_info=error)

    def child_parked(self, partner_id: PartnerId, reason: str) -> None:
        """Log and show a supervisor that exceeded its restart intensity."""
        self._metrics.set_state(partner_id, "stopped")
        self._log.error("supervisor_stopped", partner=partner_id, reason=reason)

    def leases_renewed(self, held: int) -> None:
        """Show how many partners are held, as of now."""
        self._metrics.leases.set(held)
        self._metrics.leases_renewed.set_to_current_time()

    def leases_taken(self, taken: int, taken_over: int) -> None:
        """Count partners that became ours, and those among them whose process is gone."""
        self._metrics.lease_takeovers.inc(taken_over)
        self._log.info("leases_taken", count=taken, taken_over=taken_over)

    def leases_lost(self, lost: int, reason: str) -> None:
        """Count partners that the others took over."""
        self._metrics.leases_lost.inc(lost)
        self._log.warning("leases_lost", count=lost, reason=reason)

    def leases_unreachable(self, error: str) -> None:
        """Log that the leases could not be renewed just now."""
        self._log.warning("leases_unreachable", error=error)

    def partner_gone(self, partner_id: PartnerId) -> None:
        """Drop the partner's series."""
        self._metrics.remove_partner(partner_id)
        self._log.info("partner_gone", partner=partner_id)


def _snake_case(name: str) -> str:
    return _WORD_BEGINS.sub("_", name).lower()
