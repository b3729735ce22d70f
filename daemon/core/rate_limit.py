"""FreshBooks' two budgets as token buckets that take `now`; a 429 lowers them, time raises them again."""

import enum
from dataclasses import dataclass

from daemon.core.model.quick import quick, replace
from daemon.core.policy import RatePolicy


class Priority(enum.IntEnum):
    """Who goes first when calls compete for the budget; the smaller the sooner."""

    TOKEN = 0
    PUSH = 1
    CHANGES = 2
    BACKFILL = 3
    VERIFY = 4


DECREASE = 0.5
"""A 429 halves the rate."""
INCREASE_PER_S = 0.01
"""Each second without a 429 gives back this share of the full rate."""
PAUSE_S = 1.0
"""A 429 closes its budget for at least this long; those that arrive meanwhile are echoes of the same excess."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A token bucket: `full_rate` per second is what FreshBooks allows, `rate` what we dare.

    There were `tokens`, never fewer than 0, at the moment `at`. It lies ahead while calls are promised that must still
    wait, or while a 429 keeps the bucket closed until `closed_until`; so a later call is never let go before an earlier
    one, whatever becomes of the rate meanwhile. The rate was raised last at `raised_at`. Times are seconds on a clock
    that never steps.
    """

    full_rate: float
    floor: float
    capacity: float
    rate: float
    tokens: float
    at: float
    raised_at: float
    closed_until: float = 0.0


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An account's two buckets: every call draws on `calls`, accounting creates on both (FB API s7)."""

    calls: Bucket
    creates: Bucket


def new_budget(policy: RatePolicy, now: float) -> Budget:
    """Start full: a burst is allowed at once, the rest at the even rate."""
    return Budget(
        calls=_bucket(policy.calls_per_window, policy, now), creates=_bucket(policy.creates_per_window, policy, now)
    )


def take(budget: Budget, now: float, *, create: bool) -> tuple[Budget, float]:
    """Draw one call and tell how many seconds it must wait; the drawn call is counted whether or not it waits.

    A create that waits for its own small budget comes later than the budget of all calls counted it: who wants both
    exact draws only when `wait_for` says 0.
    """
    calls, wait = _take(budget.calls, now)
    if not create:
        return replace(budget, calls=calls), wait
    creates, create_wait = _take(budget.creates, now)
    return Budget(calls=calls, creates=creates), max(wait, create_wait)


def wait_for(budget: Budget, now: float, *, create: bool) -> float:
    """Tell how long a call would have to wait, without drawing it."""
    return take(budget, now, create=create)[1]


def throttled(budget: Budget, now: float, retry_after_s: float | None, *, create: bool) -> Budget:
    """Lower the budget that a 429 spoke of, and close it for as long as FreshBooks asked."""
    if create:
        return replace(budget, creates=_throttle(budget.creates, now, retry_after_s))
    return replace(budget, calls=_throttle(budget.calls, now, retry_after_s))


def retuned(budget: Budget, policy: RatePolicy, now: float) -> Budget:
    """Apply a reloaded policy at once, keeping what is owed."""
    fresh = new_budget(policy, now)
    return Budget(calls=_retune(budget.calls, fresh.calls, now), creates=_retune(budget.creates, fresh.creates, now))


def _bucket(calls: int, policy: RatePolicy, now: float) -> Bucket:
    # FreshBooks counts in fixed windows: burst and refill together must not exceed one window's calls, wherever it
    # begins.
    capacity = float(max(min(policy.burst, calls // 2), 1))
    rate = max(calls - capacity, 1.0) / policy.window.total_seconds()
    return Bucket(
        full_rate=rate,
        floor=rate * policy.floor_fraction,
        capacity=capacity,
        rate=rate,
        tokens=capacity,
        at=now,
        raised_at=now,
    )


def _refill(bucket: Bucket, now: float) -> Bucket:
    tokens = min(bucket.capacity, bucket.tokens + max(now - bucket.at, 0.0) * bucket.rate)
    raised = bucket.rate + max(now - bucket.raised_at, 0.0) * INCREASE_PER_S * bucket.full_rate
    return replace(
        bucket,
        tokens=tokens,
        at=max(now, bucket.at),
        rate=min(bucket.full_rate, raised),
        raised_at=max(now, bucket.raised_at),
    )


def _take(bucket: Bucket, now: float) -> tuple[Bucket, float]:
    refilled = _refill(bucket, now)
    # At the rate of the refill, not the raised one: who waits that long and looks again must find the call ready.
    ready_at = refilled.at + max(1.0 - refilled.tokens, 0.0) / bucket.rate
    return replace(refilled, tokens=max(refilled.tokens - 1.0, 0.0), at=ready_at), max(ready_at - now, 0.0)


def _throttle(bucket: Bucket, now: float, retry_after_s: float | None) -> Bucket:
    refilled = _refill(bucket, now)
    is_echo = now < bucket.closed_until
    closed_until = max(refilled.closed_until, now + max(retry_after_s or 0.0, PAUSE_S))
    return replace(
        refilled,
        rate=refilled.rate if is_echo else max(refilled.rate * DECREASE, refilled.floor),
        tokens=0.0,
        at=max(refilled.at, closed_until),
        raised_at=max(refilled.raised_at, closed_until),
        closed_until=closed_until,
    )


def _retune(old: Bucket, fresh: Bucket, now: float) -> Bucket:
    """Keep what was spent: a smaller burst owes what the larger one allowed, and a larger one must fill up first.

    Only so does no window that began under the old policy see more calls than the larger of both allows.
    """
    refilled = _refill(old, now)
    rate = max(fresh.full_rate * refilled.rate / refilled.full_rate, fresh.floor)
    left = refilled.tokens - max(refilled.capacity - fresh.capacity, 0.0)
    return replace(
        fresh,
        rate=rate,
        tokens=max(left, 0.0),
        at=refilled.at + max(-left, 0.0) / rate,
        raised_at=refilled.raised_at,
        closed_until=refilled.closed_until,
    )
