"""How long to wait after failures: a pure function of the count and of whose turn it is."""

import hashlib
from datetime import timedelta

from daemon.core.policy import BackoffPolicy

EXPONENT_MAX = 32
"""Beyond this many failures in a row the delay has long reached its maximum; the cap keeps the float finite."""


def backoff_delay(failures: int, key: str, policy: BackoffPolicy, retry_after: timedelta | None = None) -> timedelta:
    """Tell the wait after the n-th failure in a row: exponential, capped, and spread by a jitter of up to a quarter.

    The jitter is a hash of `key` and the count, so that chance is reproducible; `retry_after` is a floor that
    FreshBooks asked for.
    """
    exponent = min(max(failures - 1, 0), EXPONENT_MAX)
    # Compared as seconds: a timedelta overflows long before a float does.
    grown_s = policy.first.total_seconds() * policy.factor**exponent
    delay = timedelta(seconds=min(grown_s, policy.maximum.total_seconds()))
    spread = delay * (1 - fraction(f"{key}:{failures}") / 4)
    return max(spread, retry_after or timedelta(0))


def fraction(key: str) -> float:
    """Map a key to a number in [0, 1) that is always the same for the same key."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
