"""The words and figures of the Activity page: runs, audit lines, and what each chart says without being seen."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from daemon.adapters.http.wording import ATTENTION, OK, Standing
from daemon.core.backfill import Feed
from daemon.core.desk import AuditRow, DayFigures, RunRow

COMPLETE = "complete"
_FIGURES_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LogList:
    """One of the lists: its name, and its filters by their value in the address."""

    name: str
    filters: Mapping[str, str]


LISTS = {
    "runs": LogList(
        name="Sync runs", filters={"": "All runs", "changed": "That changed something", "failed": "That did not finish"}
    ),
    "audit": LogList(
        name="Audit log", filters={"": "Everyone", "people": "Done by a person", "daemon": "Done by the sync"}
    ),
}
_FEEDS = {
    Feed.BACKFILL: "Initial sync",
    Feed.CLOSING: "Closing pass",
    Feed.INVOICES: "Invoices and customers",
    Feed.PAYMENTS: "Payments",
    Feed.CENSUS: "Full comparison",
}


def run_name(run: RunRow) -> str:
    """What a run read."""
    return _FEEDS.get(run.feed, run.feed.value.replace("_", " ").capitalize())


def run_outcome(run: RunRow) -> Standing:
    """How a run ended."""
    if run.outcome == COMPLETE:
        return Standing(label="Complete", tone=OK)
    return Standing(label=run.outcome.replace("_", " ").capitalize(), tone=ATTENTION)


def who(line: AuditRow) -> str:
    """Who did it, as a person reads it."""
    return {"partner": "Someone at your dashboard", "freshbooks-syncd": "The sync"}.get(line.who, line.who)


def figures(values: Mapping[str, object] | None) -> tuple[tuple[str, str], ...]:
    """The plain values of an audit line's before or after, by name; nested ones are left to the API."""
    plain = [
        (name.replace("_", " "), _plain(value))
        for name, value in (values or {}).items()
        if value not in (None, "") and not isinstance(value, (dict, list))
    ]
    return tuple(plain[:_FIGURES_MAX])


def _plain(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def length(run: RunRow) -> str:
    """How long a run took: "0.3 s", "42 s", "3 min 20 s"."""
    if run.began_at is None:
        return "–"
    return seconds(max(run.finished_at - run.began_at, timedelta(0)).total_seconds())


def seconds(value: float) -> str:
    """A length of time with the precision that it deserves."""
    if value < 0.1:  # noqa: PLR2004
        return "under 0.1 s"
    if value < 10:  # noqa: PLR2004  # the units of time
        return f"{value:.1f} s"
    if value < 60:  # noqa: PLR2004
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


# ---- charts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure: its number for the chart, None where there is none, and its text for people."""

    value: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart as the table it is drawn from: a name, a sentence that says what is to be seen, columns, rows by day.

    `kind` is "bars" or "points"; `unit` is written at the axis.
    """

    key: str
    name: str
    summary: str
    kind: str
    unit: str
    columns: tuple[str, ...]
    rows: tuple[tuple[date, tuple[Cell, ...]], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(cell.value for _, cells in self.rows for cell in cells)


def charts(days: Sequence[DayFigures]) -> tuple[Chart, ...]:
    """The charts of the last days, oldest day first."""
    return (_throughput(days), _latency(days), *_reconciled(days))


def _throughput(days: Sequence[DayFigures]) -> Chart:
    runs, changed, failed = sum(d.runs for d in days), sum(d.changed for d in days), sum(d.failed_runs for d in days)
    unfinished = f", {failed:,} of them did not finish" if failed else ""
    return Chart(
        key="throughput",
        name="Records synced",
        summary=f"{changed:,} records were new or changed in {runs:,} runs{unfinished}.",
        kind="bars",
        unit="records",
        columns=("New or changed", "Pages read", "Runs"),
        rows=tuple((d.day, (_count(d.changed), _count(d.pages), _count(d.runs))) for d in days),
    )


def _latency(days: Sequence[DayFigures]) -> Chart:
    medians = sorted(day.median_s for day in days if day.median_s is not None)
    slowest = max((day.slowest_s for day in days if day.slowest_s is not None), default=None)
    usual = medians[len(medians) // 2] if medians else None
    said = f"On a usual day half of the payments were recorded within {seconds(usual)}" if usual is not None else ""
    return Chart(
        key="latency",
        name="Time to FreshBooks",
        summary=f"{said}; the slowest took {seconds(slowest)}." if slowest is not None else "No payment was recorded.",
        kind="points",
        unit="seconds",
        columns=("Half within", "Slowest"),
        rows=tuple((d.day, (_duration(d.median_s), _duration(d.slowest_s))) for d in days),
    )


def _reconciled(days: Sequence[DayFigures]) -> tuple[Chart, ...]:
    """One chart a currency, for two currencies are never summed (P7)."""
    amounts: defaultdict[str, dict[date, tuple[Decimal, int]]] = defaultdict(dict)
    for day in days:
        for row in day.recorded:
            amounts[row.currency][day.day] = (row.amount, row.payments)
    return tuple(_reconciled_in(currency, found, days) for currency, found in sorted(amounts.items() or [("", {})]))


def _reconciled_in(currency: str, found: Mapping[date, tuple[Decimal, int]], days: Sequence[DayFigures]) -> Chart:
    nothing = (Decimal(0), 0)
    total = sum((amount for amount, _ in found.values()), Decimal(0))
    payments = sum(count for _, count in found.values())
    said = f"{total:,.2f} {currency} of {payments:,} {'payment was' if payments == 1 else 'payments were'} recorded."
    return Chart(
        key=f"reconciled-{currency.lower()}",
        name=f"Reconciled, {currency}" if currency else "Reconciled",
        summary=said if payments else "No payment was recorded.",
        kind="bars",
        unit=currency,
        columns=("Recorded in FreshBooks", "Payments"),
        rows=tuple(
            (d.day, (_amount(found.get(d.day, nothing)[0], currency), _count(found.get(d.day, nothing)[1])))
            for d in days
        ),
    )


def _count(number: int) -> Cell:
    return Cell(value=number, text=f"{number:,}")


def _duration(value: float | None) -> Cell:
    return Cell(value=value, text="–" if value is None else seconds(value))


def _amount(amount: Decimal, currency: str) -> Cell:
    # nosemgrep: money-by-float -- the height of a bar; the text has the cents
    return Cell(value=float(amount), text=f"{amount:,.2f} {currency}".rstrip())
