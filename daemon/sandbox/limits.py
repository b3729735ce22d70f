"""FreshBooks' fixed rate windows: one for all calls, one for accounting creates (FB API s7)."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from daemon.sandbox.options import RateLimits

_KEPT_WINDOWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a caller has left in the present window; `reset_at` is epoch seconds."""

    limit: int
    remaining: int
    reset_at: int
    retry_after_s: int
    refused: bool

    def headers(self) -> dict[str, str]:
        """The four headers every answer carries, `retry-after` on a 200 too (FB API s10.12)."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset_at),
            "retry-after": str(self.retry_after_s),
        }


class RateWindows:
    """Counts calls per caller and bucket in windows aligned to the clock."""

    def __init__(self, limits: RateLimits) -> None:
        """Start with empty windows."""
        self.limits = limits
        self._counts: dict[Hashable, tuple[int, int]] = {}

    def take(self, caller: Hashable, now: datetime, *, create: bool) -> Allowance:
        """Count one call and say whether it is refused; refused calls do not count."""
        limit = self.limits.creates if create else self.limits.calls
        epoch_s, window_s = int(now.timestamp()), self.limits.window_s
        start = epoch_s - epoch_s % window_s
        key = (caller, create)
        known_start, used = self._counts.get(key, (start, 0))
        used = used if known_start == start else 0
        refused = limit > 0 and used >= limit
        if not refused:
            used += 1
        if len(self._counts) > _KEPT_WINDOWS:
            self._counts.clear()
        self._counts[key] = (start, used)
        left = max(0, limit - used) if limit else 1_000_000 - 1
        wait_s = max(1, start + window_s - epoch_s)
        return Allowance(
            limit=limit or 1_000_000, remaining=left, reset_at=start + window_s, retry_after_s=wait_s, refused=refused
        )
