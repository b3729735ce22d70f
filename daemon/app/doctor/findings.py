"""What a check found."""

import enum
from dataclasses import dataclass


class Outcome(enum.StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found; `cure` is the command or the step that mends a fault."""

    check: str
    outcome: Outcome
    detail: str
    cure: str = ""


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check=check, outcome=Outcome.OK, detail=detail)


def skipped(check: str, detail: str) -> Finding:
    """It could not be looked at, for a reason that another finding names or that is no fault."""
    return Finding(check=check, outcome=Outcome.SKIPPED, detail=detail)


def fault(check: str, detail: str, cure: str) -> Finding:
    """The daemon will not run, or not rightly."""
    return Finding(check=check, outcome=Outcome.FAULT, detail=detail, cure=cure)


def warning(check: str, detail: str, cure: str) -> Finding:
    """The daemon runs, and someone should still look at it."""
    return Finding(check=check, outcome=Outcome.WARNING, detail=detail, cure=cure)


def split(sentence: str) -> tuple[str, str]:
    """Part one of our own sentences into what is wrong and what to do: they end with ": do this"."""
    detail, separator, cure = sentence.rpartition(": ")
    return (detail, cure) if separator else (sentence, "read the detail and correct it")
