"""What the Activity page draws: one row of figures a day, in the partner's own days."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CHART_DAYS = 14
"""How many days are drawn, today included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was recorded in FreshBooks on one day in one currency."""

    currency: str
    payments: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """One day: runs and what they read, payments recorded, and how long these took from their initiation, in seconds.

    `median_s` and `slowest_s` are None on a day without a recorded payment.
    """

    day: date
    runs: int = 0
    failed_runs: int = 0
    pages: int = 0
    changed: int = 0
    recorded: tuple[Recorded, ...] = ()
    median_s: float | None = None
    slowest_s: float | None = None


def fill_days(found: dict[date, DayFigures], today: date, days: int = CHART_DAYS) -> tuple[DayFigures, ...]:
    """Give every day of the range its row, oldest first; a day on which nothing happened has zeros."""
    ordinals = range(today.toordinal() - days + 1, today.toordinal() + 1)
    wanted = [date.fromordinal(ordinal) for ordinal in ordinals]
    return tuple(found.get(day) or DayFigures(day=day) for day in wanted)
