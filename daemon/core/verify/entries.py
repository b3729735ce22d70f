"""Deposits and moves: every journal entry of ours stands in FreshBooks exactly once, as it was written (T1, W6)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from daemon.core.deposit_rules import ENDED, Payout
from daemon.core.journal import EntryKind, EntryPush, FbJournalEntry, JournalDraft, carries
from daemon.core.model import PushState
from daemon.core.verify.findings import Drift, DriftKind, Judgement, Rule, Ruled

WINDOW_DAYS_MAX: Final = 7
"""So many days of the journal are held at a time."""
_MARKER: Final = re.compile(r"(?<![A-Za-z0-9])(AP[OM]:[^\s:]+:[0-9]{1,9})(?![0-9])")
_OPEN: Final = frozenset({PushState.SENDING, PushState.UNCERTAIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryKnowledge:
    """What we hold about some days: the entries written or on their way, and the payouts behind the deposits."""

    pushes: Sequence[EntryPush]
    payouts: Mapping[str, Payout] = field(default_factory=dict)


def windows(days: Iterable[date]) -> tuple[tuple[date, date], ...]:
    """Gather the days on which entries of ours stand into spans of a week at most, so that the rest is not read."""
    spans: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if spans and day - spans[-1][0] < timedelta(days=WINDOW_DAYS_MAX):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return tuple(spans)


def judge_entries(shown: Sequence[FbJournalEntry], known: EntryKnowledge, markers: Collection[str] = ()) -> Judgement:
    """Compare the journal of some days with the entries that we wrote with these days.

    `markers` are of entries that came up since: seeing one is no surprise.
    """
    drifts: list[Drift] = []
    ruled: list[Ruled] = []
    expected = {push.marker for push in known.pushes}.union(markers)
    for push in known.pushes:
        found = [entry for entry in shown if carries(entry, push.marker)]
        if push.state in _OPEN:
            detail = f"{_name(push)} is {push.state.value}: it is being looked up."
            ruled.append(Ruled(rule=Rule.W4, subject=_subject(push), detail=detail))
        elif push.state is PushState.DONE:
            drifts.extend(_drifts(push, found))
            drifts.extend(_sums(push, known.payouts.get(push.subject)))
            ruled.extend(_failed_since(push, known.payouts.get(push.subject)))
    for entry in shown:
        for marker in sorted(set(_MARKER.findall(f"{entry.name} {entry.description}")) - expected):
            detail = f"Journal entry {entry.id} of {entry.entered_on} names {marker}, and nothing such was written."
            drifts.append(Drift(kind=DriftKind.ORPHAN, subject=("entry", entry.id), detail=detail))
    return Judgement(drifts=tuple(drifts), ruled=tuple(ruled))


def _drifts(push: EntryPush, found: Sequence[FbJournalEntry]) -> Iterator[Drift]:
    subject, name = _subject(push), _name(push)
    if not found:
        detail = f"{name} was recorded in FreshBooks as entry {push.entry_id}, and it is not there."
        yield Drift(kind=DriftKind.MISSING_THERE, subject=subject, detail=detail)
    elif len(found) > 1:
        entries = ", ".join(entry.id for entry in found)
        yield Drift(
            kind=DriftKind.DOUBLED, subject=subject, detail=f"{name} stands in FreshBooks as entries {entries}."
        )
    elif push.draft is not None:
        yield from _edited(push, push.draft, found[0])


def _edited(push: EntryPush, draft: JournalDraft, entry: FbJournalEntry) -> Iterator[Drift]:
    subject, name = _subject(push), _name(push)
    sent = sum((line.amount for line in draft.lines if line.amount > 0), Decimal(0))
    if entry.debits != sent:
        detail = f"{name}: {sent} was recorded, and FreshBooks shows {entry.debits}."
        yield Drift(kind=DriftKind.DIFFERENT, subject=subject, detail=detail)
    elif entry.sides and _by_account(draft) not in (None, _shown_by_account(entry)):
        detail = f"{name}: entry {entry.id} is on other accounts than it was recorded on."
        yield Drift(kind=DriftKind.WRONG_ACCOUNT, subject=subject, detail=detail)
    if entry.entered_on != draft.entered_on:
        detail = f"{name}: it was recorded on {draft.entered_on}, and FreshBooks shows {entry.entered_on}."
        yield Drift(kind=DriftKind.DIFFERENT, subject=subject, detail=detail)


def _sums(push: EntryPush, payout: Payout | None) -> Iterator[Drift]:
    if push.kind is not EntryKind.PAYOUT or push.is_reversal or payout is None:
        return
    parts = sum((member.amount for member in payout.members), Decimal(0))
    if parts != payout.net:
        detail = f"{_name(push)}: its parts add up to {parts}, and its net is {payout.net}."
        yield Drift(kind=DriftKind.SUM_DIFFERS, subject=_subject(push), detail=detail)
    elif push.draft is not None and payout.net and all(line.amount != payout.net for line in push.draft.lines):
        detail = f"{_name(push)}: its net is {payout.net} now, and its deposit has no such side."
        yield Drift(kind=DriftKind.SUM_DIFFERS, subject=_subject(push), detail=detail)


def _failed_since(push: EntryPush, payout: Payout | None) -> Iterator[Ruled]:
    if push.kind is EntryKind.PAYOUT and payout is not None and payout.status in ENDED:
        detail = f"{_name(push)} is {payout.status}, and its deposit stands until the partner reverts it."
        yield Ruled(rule=Rule.W6, subject=_subject(push), detail=detail)


def _by_account(draft: JournalDraft) -> Mapping[int, Decimal] | None:
    """Sum the sides by FreshBooks' older account ids; None where an account has none."""
    sums: dict[int, Decimal] = {}
    for line in draft.lines:
        if line.legacy_id is None:
            return None
        sums[line.legacy_id] = sums.get(line.legacy_id, Decimal(0)) + line.amount
    return sums


def _shown_by_account(entry: FbJournalEntry) -> Mapping[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for account, amount in entry.sides:
        sums[account] = sums.get(account, Decimal(0)) + amount
    return sums


def _subject(push: EntryPush) -> tuple[str, str]:
    return (push.kind.value, push.subject)


def _name(push: EntryPush) -> str:
    if push.kind is EntryKind.PAYOUT:
        return f"Payout {push.subject}"
    return f"The move of payment #{push.subject}" + (" back" if push.is_reversal else "")
