"""How fast the real daemon goes in these tests: only its intervals are shortened."""

from datetime import timedelta

from daemon.core.policy import BackoffPolicy, Policy, PullPolicy, PushPolicy, RatePolicy

MOMENT = timedelta(milliseconds=50)
FAST = Policy(
    rate=RatePolicy(calls_per_window=10**6, creates_per_window=10**6, burst=1000),
    pull=PullPolicy(
        page_size=4,
        pages_in_flight=12,
        payments_interval=timedelta(seconds=20),
        invoices_interval=timedelta(seconds=40),
        accounts_interval=timedelta(hours=1),
    ),
    push=PushPolicy(
        post_timeout=timedelta(seconds=1),
        lookup_margin=MOMENT,
        lookup_again_after=MOMENT,
        sweep_interval=MOMENT * 6,
        waiting_interval=MOMENT * 6,
    ),
    backoff=BackoffPolicy(first=MOMENT / 5, maximum=MOMENT * 2),
    call_timeout=timedelta(seconds=5),
)
WITHIN_S = 150.0
"""A limit for what hangs, not for what is slow."""
