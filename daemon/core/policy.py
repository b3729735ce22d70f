"""Every limit and interval by name: what an operator may change and a reload hands to supervisors."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePolicy:
    """FreshBooks' two budgets and how far we push them (FB API s7). Counts are calls per `window`."""

    calls_per_window: int = 600
    creates_per_window: int = 250
    window: timedelta = timedelta(seconds=60)
    burst: int = 20
    floor_fraction: float = 0.1
    """A 429 never lowers the rate under this share of the full one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPolicy:
    """How often and how wide FreshBooks is read (P1, C3)."""

    invoices_interval: timedelta = timedelta(hours=1)
    payments_interval: timedelta = timedelta(minutes=3)
    census_interval: timedelta = timedelta(days=7)
    accounts_interval: timedelta = timedelta(days=1)
    callbacks_interval: timedelta = timedelta(hours=1)
    callbacks_retry: timedelta = timedelta(seconds=30)
    page_size: int = 100
    pages_in_flight: int = 4
    first_months: int = 12
    overlap: timedelta = timedelta(days=2)
    rereads_per_step: int = 10
    closing_passes_max: int = 5
    history_kept: timedelta = timedelta(days=30)
    """How long the runs of the sync history are kept (T3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPolicy:
    """How long a write to FreshBooks may take and how often it is tried (W4)."""

    in_flight: int = 4
    """So many payments of a partner are worked on at once, each on an invoice of its own."""
    post_timeout: timedelta = timedelta(seconds=30)
    lookup_margin: timedelta = timedelta(seconds=5)
    lookup_again_after: timedelta = timedelta(seconds=10)
    attempts_max: int = 3
    sweep_interval: timedelta = timedelta(minutes=2)
    candidate_days: int = 3
    waiting_interval: timedelta = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """How long to wait after the n-th failure in a row."""

    first: timedelta = timedelta(seconds=1)
    maximum: timedelta = timedelta(minutes=5)
    factor: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPolicy:
    """When the books are verified by themselves, and how much is kept of it (T1, T3)."""

    nightly: bool = True
    begin_hour: int = 2
    spread: timedelta = timedelta(hours=4)
    quick_days: int = 7
    sample: int = 50
    """So many invoices, and as many payments, are drawn for a quick verification."""
    suspects_max: int = 1000
    """So many differences are read again one by one before they count; with more, the rest is only counted."""
    history_kept: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of a supervisor's settings as one value; a reload that leaves it equal leaves the supervisor alone."""

    rate: RatePolicy = field(default_factory=RatePolicy)
    pull: PullPolicy = field(default_factory=PullPolicy)
    push: PushPolicy = field(default_factory=PushPolicy)
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    verify: VerifyPolicy = field(default_factory=VerifyPolicy)
    call_timeout: timedelta = timedelta(seconds=20)
    token_refresh_margin: timedelta = timedelta(hours=1)
