"""What a verification finds, as values: drift, differences that a rule prescribes, and the report of both (T1)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

FINDINGS_MAX = 200
"""So many drifts are kept with their particulars; beyond that they are counted."""
EXAMPLES_MAX = 5
"""So many examples of one rule are kept; the others are counted."""


class DriftKind(enum.StrEnum):
    """How the two sides differ."""

    MISSING_HERE = "missing here"
    """FreshBooks has it, we do not."""
    EXTRA_HERE = "not in FreshBooks"
    """We hold a record that FreshBooks does not know."""
    MISSING_THERE = "missing in FreshBooks"
    """A payment or deposit of ours is expected to stand there, and does not."""
    DIFFERENT = "different"
    DOUBLED = "doubled"
    """One payment or deposit of ours stands there more than once."""
    ORPHAN = "orphan"
    """FreshBooks shows a reference of ours for which nothing was sent."""
    WRONG_ACCOUNT = "wrong account"
    STALE_FREEZE = "stale freeze"
    """An invoice is frozen as paid and is not, or the other way round (P5)."""
    SUM_DIFFERS = "sum differs"
    """A payout's parts, its net and its deposit do not add up."""


class Rule(enum.StrEnum):
    """Rules under which the two sides may differ; such a difference is listed, and is no drift."""

    P1 = "P1"
    """Changed in FreshBooks since the last look: the next one brings it."""
    P5 = "P5"
    """Edited in FreshBooks after it was paid."""
    P6 = "P6"
    """Deleted or archived in FreshBooks, kept here."""
    P7 = "P7"
    """The amount due is unknown or negative: a person was asked."""
    P8 = "P8"
    """A person let go of what a bookkeeper changed."""
    P10 = "P10"
    """Cannot be read: quarantined."""
    P11 = "P11"
    """Refunded: a person was asked."""
    W1 = "W1"
    """On its way to FreshBooks, or waiting for something."""
    W2 = "W2"
    """Failed on the platform, and still standing in FreshBooks until the partner reverts it."""
    W4 = "W4"
    """The answer was lost: being looked up."""
    W5 = "W5"
    """Stopped before it was sent, or recorded with another amount: a person was asked."""
    W6 = "W6"
    """A payout that failed after its deposit: the partner reverts the deposit."""


class Mend(enum.StrEnum):
    """What `--repair` may do on our side; FreshBooks is never written."""

    READ_AGAIN = "read again"
    TAKE_ANEW = "take anew"
    """Its row was changed behind our back: forget what is known of its content, then read it again."""
    SYNC = "sync"
    """Read by the next pass over its listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference that no rule prescribes. `subject` is (resource or kind, id); `detail` says it in a sentence."""

    kind: DriftKind
    subject: tuple[str, str]
    detail: str
    mend: Mend | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """One difference that a rule prescribes."""

    rule: Rule
    subject: tuple[str, str]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a comparison of one thing found. `unsettled`: it changed while it was looked at."""

    drifts: tuple[Drift, ...] = ()
    ruled: tuple[Ruled, ...] = ()
    unsettled: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether nothing has to be looked at again."""
        return not self.drifts and not self.unsettled


class VerifyMode(enum.StrEnum):
    """How much is read."""

    FULL = "full"
    QUICK = "quick"
    """The changes of the last days, and a random sample of all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAsk:
    """A verification that was asked for: by whom, of what kind; `seed` chooses the sample of a quick one."""

    id: int
    mode: VerifyMode
    repair: bool
    asked_by: str
    asked_at: datetime
    seed: int = 0


class Outcome(enum.StrEnum):
    """What a verification came to."""

    EQUAL = "equal"
    DRIFT = "drift"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification has found so far; of fixed size, however large the books are.

    `read` counts what was compared, by resource; `kinds` and `rules` count everything, `drifts` and `examples` hold the
    first of each. `unread` names what could not be compared and why; `unsettled` counts what kept changing.
    """

    read: Mapping[str, int] = field(default_factory=dict)
    drifts: tuple[Drift, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Ruled, ...] = ()
    rules: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    unsettled: int = 0
    mended: int = 0

    @property
    def drifted(self) -> int:
        """How many differences no rule prescribes."""
        return sum(self.kinds.values())


def add(report: Report, judgement: Judgement) -> Report:
    """Take in what one comparison found."""
    kinds, rules = dict(report.kinds), dict(report.rules)
    drifts, examples = list(report.drifts), list(report.examples)
    for drift in judgement.drifts:
        kinds[drift.kind.value] = kinds.get(drift.kind.value, 0) + 1
        if len(drifts) < FINDINGS_MAX:
            drifts.append(drift)
    for ruled in judgement.ruled:
        known = rules[ruled.rule.value] = rules.get(ruled.rule.value, 0) + 1
        if known <= EXAMPLES_MAX:
            examples.append(ruled)
    return replace(
        report,
        drifts=tuple(drifts),
        kinds=kinds,
        examples=tuple(examples),
        rules=rules,
        unsettled=report.unsettled + judgement.unsettled,
    )


def with_read(report: Report, what: str, count: int) -> Report:
    """Count what was compared."""
    return replace(report, read={**report.read, what: report.read.get(what, 0) + count})


def outcome_of(report: Report) -> Outcome:
    """Tell what it came to: drift outweighs what could not be compared, and that outweighs equal."""
    if report.drifted:
        return Outcome.DRIFT
    return Outcome.UNCHECKED if report.unread or report.unsettled else Outcome.EQUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRow:
    """One verification of the history; `outcome` is None while it is asked for or under way."""

    ask: VerifyAsk
    began_at: datetime | None
    progress: str
    percent: int
    finished_at: datetime | None
    outcome: Outcome | None
    report: Report
