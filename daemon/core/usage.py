"""How much of FreshBooks' two budgets a partner uses: calls of about the last window, as shares of what is allowed."""

import math
from dataclasses import dataclass

from daemon.core.model.quick import quick
from daemon.core.policy import RatePolicy


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Calls so far, each fading away over a window; `at` is when they were counted, on a clock that never steps."""

    calls: float = 0.0
    creates: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Parts of the budgets in use: 0 nothing, 1 all of what FreshBooks allows in a window."""

    calls: float = 0.0
    creates: float = 0.0


def counted(usage: Usage, policy: RatePolicy, now: float, *, create: bool) -> Usage:
    """Count one call; a create draws on both budgets."""
    faded = _faded(usage, policy, now)
    return Usage(calls=faded.calls + 1, creates=faded.creates + create, at=now)


def shares(usage: Usage, policy: RatePolicy, now: float) -> Shares:
    """Tell the parts in use now: a steady rate that uses a budget up tends to 1."""
    faded = _faded(usage, policy, now)
    return Shares(calls=faded.calls / policy.calls_per_window, creates=faded.creates / policy.creates_per_window)


def _faded(usage: Usage, policy: RatePolicy, now: float) -> Usage:
    left = math.exp(-max(now - usage.at, 0.0) / policy.window.total_seconds())
    return Usage(calls=usage.calls * left, creates=usage.creates * left, at=now)
