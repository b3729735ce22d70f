"""FreshBooks' two budgets as token buckets that take `now`; a 429 lowers them, time raises them again."""

import enum
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A token bucket: `full_rate` per second is what FreshBooks allows, `rate` what we dare; `tokens` below 0 are owed.

    `closed_until` is a Retry-After that FreshBooks asked for with a 429. Times are seconds on a clock that never steps.
    """

    full_rate: float
    floor: float
    capacity: float
    rate: float
    tokens: float
    at: float
    closed_until: float = 0.0


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
    """Draw one call and tell how many seconds it must wait; the drawn call is counted whether or not it waits."""
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
        full_rate=rate, floor=rate * policy.floor_fraction, capacity=capacity, rate=rate, tokens=capacity, at=now
    )


def _refill(bucket: Bucket, now: float) -> Bucket:
    elapsed = max(now - bucket.at, 0.0)
    tokens = min(bucket.capacity, bucket.tokens + elapsed * bucket.rate)
    rate = min(bucket.full_rate, bucket.rate + elapsed * INCREASE_PER_S * bucket.full_rate)
    return replace(bucket, tokens=tokens, rate=rate, at=max(now, bucket.at))


def _take(bucket: Bucket, now: float) -> tuple[Bucket, float]:
    refilled = _refill(bucket, now)
    left = refilled.tokens - 1.0
    owed = max(-left, 0.0) / refilled.rate
    return replace(refilled, tokens=left), max(owed, refilled.closed_until - now, 0.0)


def _throttle(bucket: Bucket, now: float, retry_after_s: float | None) -> Bucket:
    refilled = _refill(bucket, now)
    return replace(
        refilled,
        rate=max(refilled.rate * DECREASE, refilled.floor),
        tokens=min(refilled.tokens, 0.0),
        closed_until=max(refilled.closed_until, now + (retry_after_s or 0.0)),
    )


def _retune(old: Bucket, fresh: Bucket, now: float) -> Bucket:
    refilled = _refill(old, now)
    return replace(fresh, tokens=min(refilled.tokens, fresh.capacity), closed_until=refilled.closed_until)
