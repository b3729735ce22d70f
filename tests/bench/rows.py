"""One line of the comparison: what we reach, what others reach, what is possible, what we want."""

import operator
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from typing_extensions import override

_COMPARE: Final = {">=": operator.ge, "<=": operator.le, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound for `value`, by default the row's own figure: `of` names what it is measured in."""

    sign: str
    bound: float
    value: float | None
    of: str = ""

    @property
    def is_met(self) -> bool:
        return self.value is not None and bool(_COMPARE[self.sign](self.value, self.bound))

    @override
    def __str__(self) -> str:
        return f"{self.sign} {shown(self.bound)}{' ' + self.of if self.of else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One work, one unit. `peers` are figures of the same work in the same unit."""

    work: str
    unit: str
    ours: float
    peers: dict[str, float] = field(default_factory=dict)
    limit: float | None = None
    goals: tuple[Goal, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "work": self.work,
            "ours": _rounded(self.ours),
            "peers": {name: _rounded(figure) for name, figure in self.peers.items()},
            "limit": None if self.limit is None else _rounded(self.limit),
            "goal": "; ".join(str(goal) for goal in self.goals),
            "unit": self.unit,
            "met": all(goal.is_met for goal in self.goals) if self.goals else None,
        }

    def cells(self) -> tuple[str, ...]:
        peers = ", ".join(f"{name} {shown(figure)}" for name, figure in self.peers.items())
        outcome = ", ".join("met" if goal.is_met else _distance(goal) for goal in self.goals)
        limit = "" if self.limit is None else shown(self.limit)
        return (self.work, shown(self.ours), self.unit, peers, limit, "; ".join(map(str, self.goals)), outcome)


HEADINGS: Final = ("work", "ours", "unit", "peers", "limit", "goal", "outcome")


def _distance(goal: Goal) -> str:
    if goal.value is None:
        return "not measured"
    return f"missed: {shown(goal.value)}{' ' + goal.of if goal.of else ''}"


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table, which can be read as it is."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = "|".join("-" * (width + 2) for width in widths)
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join((texts[0], f"|{rule}|", *texts[1:]))


def shown(figure: float) -> str:
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def _rounded(figure: float) -> float:
    return float(f"{figure:.4g}")


def paired(ours: list[float], others: list[float]) -> float:
    """The median of the ratios of runs made in turn, which a machine that drifts disturbs least."""
    return median(mine / other for mine, other in zip(ours, others, strict=False))
