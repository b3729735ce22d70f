"""Verification of journal entries: deposits as they were written, orphans, and payouts whose sums differ (T1)."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from daemon.core.deposit_rules import Member, MemberKind, Payout
from daemon.core.journal import EntryKind, EntryPush, FbJournalEntry, JournalDraft, JournalLine, entry_marker
from daemon.core.model import PayoutId, PushState
from daemon.core.verify import DriftKind, EntryKnowledge, Judgement, Rule, judge_entries, windows
from tests.core.verifying import kinds, rules

DAY = date(2026, 3, 2)
DRAFT = JournalDraft(
    name="Payout po_1",
    description="Payout po_1 APO:po_1:1",
    entered_on=DAY,
    currency="USD",
    lines=(
        JournalLine(account_id="b", legacy_id=2, amount=Decimal(38)),
        JournalLine(account_id="f", legacy_id=3, amount=Decimal(2)),
        JournalLine(account_id="p", legacy_id=1, amount=Decimal(-40)),
    ),
)
ENTRY = FbJournalEntry(
    id="5001",
    name=DRAFT.name,
    description=DRAFT.description,
    entered_on=DAY,
    debits=Decimal(40),
    sides=((2, Decimal(38)), (3, Decimal(2)), (1, Decimal(-40))),
)
PAYOUT = Payout(
    id=PayoutId("po_1"),
    status="succeeded",
    currency="USD",
    net=Decimal(38),
    paid_on=DAY,
    members=(
        Member(id="a", kind=MemberKind.PAYMENT, amount=Decimal(40)),
        Member(id="b", kind=MemberKind.FEE, amount=Decimal(-2)),
    ),
)


def entry_push(**changes: Any) -> EntryPush:
    kind, subject = changes.pop("kind", EntryKind.PAYOUT), changes.pop("subject", "po_1")
    generation = changes.pop("generation", 1)
    push = EntryPush(
        kind=kind,
        subject=subject,
        generation=generation,
        state=PushState.DONE,
        marker=entry_marker(kind, subject, generation),
        entry_id="5001",
        draft=DRAFT,
    )
    return replace(push, **changes)


def judged(*shown: FbJournalEntry, push: EntryPush | None = None, payout: Payout = PAYOUT) -> Judgement:
    return judge_entries(shown, EntryKnowledge(pushes=[push or entry_push()], payouts={"po_1": payout}))


def test_a_deposit_as_it_was_written_is_no_difference() -> None:
    assert judged(ENTRY) == Judgement()


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ([], DriftKind.MISSING_THERE),
        ([ENTRY, replace(ENTRY, id="5002")], DriftKind.DOUBLED),
        ([replace(ENTRY, debits=Decimal(41))], DriftKind.DIFFERENT),
        ([replace(ENTRY, entered_on=DAY + timedelta(days=1))], DriftKind.DIFFERENT),
        ([replace(ENTRY, sides=((9, Decimal(38)), *ENTRY.sides[1:]))], DriftKind.WRONG_ACCOUNT),
        ([ENTRY, replace(ENTRY, id="5009", name="", description="APO:po_9:1")], DriftKind.ORPHAN),
    ],
)
def test_deposits_that_differ_are_named(shown: list[FbJournalEntry], kind: DriftKind) -> None:
    assert kinds(judged(*shown)) == [kind]


def test_accounts_are_not_compared_where_either_side_does_not_tell_them() -> None:
    assert judged(replace(ENTRY, sides=())) == Judgement()
    nameless = replace(DRAFT, lines=tuple(replace(line, legacy_id=None) for line in DRAFT.lines))
    assert judged(replace(ENTRY, sides=((9, Decimal(40)),)), push=entry_push(draft=nameless)) == Judgement()
    assert judged(ENTRY, push=entry_push(draft=None)) == Judgement()


def test_an_entry_that_was_written_meanwhile_is_no_orphan() -> None:
    known = EntryKnowledge(pushes=[])
    assert kinds(judge_entries([ENTRY], known)) == [DriftKind.ORPHAN]
    assert judge_entries([ENTRY], known, ["APO:po_1:1"]) == Judgement()


def test_payouts_whose_sums_differ_are_named() -> None:
    apart = replace(PAYOUT, net=Decimal(37))
    assert "add up to 38" in judged(ENTRY, payout=apart).drifts[0].detail
    raised = replace(PAYOUT, net=Decimal(39), members=(*PAYOUT.members, replace(PAYOUT.members[1], amount=Decimal(1))))
    assert "no such side" in judged(ENTRY, payout=raised).drifts[0].detail


def test_entries_on_their_way_and_payouts_that_failed_since_are_listed() -> None:
    assert rules(judged(push=entry_push(state=PushState.UNCERTAIN))) == [Rule.W4]
    assert judged(push=entry_push(state=PushState.CANCELLED)) == Judgement()
    assert rules(judged(ENTRY, payout=replace(PAYOUT, status="failed"))) == [Rule.W6]


def test_moves_are_named_by_their_direction() -> None:
    for generation, words in ((1, "The move of payment #7 was"), (2, "The move of payment #7 back was")):
        move = entry_push(kind=EntryKind.MOVE, subject="7", generation=generation)
        assert judge_entries([], EntryKnowledge(pushes=[move])).drifts[0].detail.startswith(words)


def test_days_are_gathered_into_weeks_at_most() -> None:
    days = [DAY + timedelta(days=number) for number in (9, 0, 1, 6, 0, 30)]
    spans = [(0, 6), (9, 9), (30, 30)]
    assert windows(days) == tuple((DAY + timedelta(days=a), DAY + timedelta(days=b)) for a, b in spans)
    assert windows([]) == ()
