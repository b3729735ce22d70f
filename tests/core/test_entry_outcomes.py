"""W4 for journal entries: at most once, whatever becomes of the answer; and W8: one visible place each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.deposit_rules import Enter, EntryVerdict
from daemon.core.entry_outcomes import (
    TRY_AGAIN_AFTER,
    after_blind_look,
    after_entry,
    after_plan,
    after_refusal,
    look_for,
)
from daemon.core.entry_places import entry_issues, entry_place, payout_place
from daemon.core.journal import EntryPush, carries
from daemon.core.model import Choice, IssueKind, PushState, Reason
from daemon.core.places import Place, PlaceKind
from daemon.core.policy import PushPolicy
from daemon.core.push_guard import Cancel, Stop, Wait
from daemon.core.write_back import Failure, failed
from tests.builders import NOW
from tests.core.ledger import BANK, UNDEPOSITED, draft, entry, move, shown

POLICY = PushPolicy()
READY, WAITING, UNCERTAIN, DONE = PushState.READY, PushState.WAITING, PushState.UNCERTAIN, PushState.DONE
NEEDS_PERSON, CANCELLED = PushState.NEEDS_PERSON, PushState.CANCELLED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Deposit; please keep this reference: APO:po_1:1", True),
        ("(APO:po_1:1) checked by Ann", True),
        ("APO:po_1:12", False),
        ("XAPO:po_1:1", False),
        ("APO:po_11:1", False),
        ("", False),
    ],
)
def test_an_entry_is_found_by_its_very_marker(text: str, found: bool) -> None:
    assert carries(shown(1, text), "APO:po_1:1") is found
    assert carries(shown(1, "", name=text), "APO:po_1:1") is found


def test_a_lost_answer_whose_entry_shows_is_done() -> None:
    found = look_for(entry(state=UNCERTAIN), [shown(7, "other"), shown(8, "APO:po_1:1")], NOW, POLICY)
    assert found is not None
    assert (found.state, found.entry_id, found.reason) == (DONE, "8", None)


def test_a_lost_answer_is_sent_again_only_after_two_look_ups_proved_it_absent() -> None:
    once = look_for(entry(state=UNCERTAIN, attempts=1), [], NOW, POLICY)
    assert once is not None
    assert (once.state, once.not_before) == (UNCERTAIN, NOW + POLICY.lookup_again_after)
    twice = look_for(once, [], NOW, POLICY)
    assert twice is not None
    assert twice.state is READY


def test_after_three_attempts_that_left_nothing_a_person_is_asked() -> None:
    push = entry(state=UNCERTAIN, attempts=POLICY.attempts_max, checked_absent=1)
    found = look_for(push, [], NOW, POLICY)
    assert found is not None
    assert (found.state, found.reason) == (NEEDS_PERSON, Reason.ATTEMPTS_EXHAUSTED)


def test_one_that_was_proven_absent_is_looked_up_once_more_before_it_is_sent() -> None:
    assert look_for(entry(), [], NOW, POLICY) is None
    found = look_for(entry(), [shown(8, "APO:po_1:1")], NOW, POLICY)
    assert found is not None
    assert found.state is DONE


def test_two_entries_of_one_marker_are_a_twin_and_shown() -> None:
    found = look_for(entry(state=UNCERTAIN), [shown(10, "APO:po_1:1"), shown(9, "APO:po_1:1")], NOW, POLICY)
    assert found is not None
    assert (found.state, found.entry_id, found.detail) == (DONE, "9", "#9, #10")
    (issue,) = entry_issues(found)
    assert issue.kind is IssueKind.DUPLICATE
    assert entry_place(found).kind is PlaceKind.ISSUE
    assert entry_issues(replace(found, choice=Choice.ACCEPT)) == frozenset()


ENTER = Enter(draft=draft((BANK, 1), (UNDEPOSITED, -1)))


@pytest.mark.parametrize(
    ("verdict", "state", "reason", "waits"),
    [
        (Wait(reason=Reason.DEPOSITS_OFF), WAITING, Reason.DEPOSITS_OFF, None),
        (Wait(reason=Reason.NO_FEES_ACCOUNT), WAITING, Reason.NO_FEES_ACCOUNT, None),
        (Wait(reason=Reason.ACCOUNT_GONE), WAITING, Reason.ACCOUNT_GONE, TRY_AGAIN_AFTER),
        (Stop(reason=Reason.SUMS_DIFFER), NEEDS_PERSON, Reason.SUMS_DIFFER, None),
        (Cancel(reason=Reason.ALREADY_THERE), CANCELLED, Reason.ALREADY_THERE, None),
        (ENTER, READY, None, None),
    ],
)
def test_what_waits_for_a_setting_is_not_tried_in_vain(
    verdict: EntryVerdict, state: PushState, reason: Reason | None, waits: timedelta | None
) -> None:
    after = after_plan(entry(), verdict, NOW)
    assert (after.state, after.reason) == (state, reason)
    assert after.not_before == (NOW + waits if waits else None)


def test_without_the_permission_for_journal_entries_it_waits_a_day_and_uses_no_attempt_up() -> None:
    after = after_refusal(entry(state=PushState.SENDING, attempts=1), 403, "not allowed", NOW, POLICY)
    assert (after.state, after.reason, after.attempts) == (WAITING, Reason.NO_JOURNAL_PERMISSION, 0)
    assert after.not_before == NOW + timedelta(days=1)
    assert entry_place(after).why == (
        "Waiting: FreshBooks does not allow journal entries with this login or plan. not allowed"
    )


def test_any_other_refusal_asks_a_person() -> None:
    after = after_refusal(entry(), 422, "Account is closed.", NOW, POLICY)
    (issue,) = entry_issues(after)
    assert issue.reason == "Payout po_1: FreshBooks refused the journal entry. Account is closed."
    assert issue.actions == ("record_again", "accept")


def test_a_look_up_that_freshbooks_does_not_answer_leaves_what_is_unknown_unknown() -> None:
    blind = after_blind_look(entry(state=UNCERTAIN), "refused", NOW)
    assert (blind.state, blind.not_before) == (UNCERTAIN, NOW + timedelta(hours=1))
    assert entry_place(blind).why == "FreshBooks did not confirm it; checking whether it arrived. refused"
    unsent = after_blind_look(entry(), "refused", NOW)
    assert (unsent.state, unsent.reason) == (WAITING, Reason.RETRY_LATER)


PLACES: list[tuple[EntryPush, PlaceKind, str]] = [
    (after_entry(entry(), "77"), PlaceKind.RECORDED, "Recorded in FreshBooks as journal entry #77."),
    (entry(), PlaceKind.WAITING, "To be recorded in FreshBooks next."),
    (
        entry(state=WAITING, reason=Reason.DEPOSITS_OFF),
        PlaceKind.WAITING,
        "Not recorded: deposits off. Switch on Record deposits in Set Up Accounts.",
    ),
    (
        entry(state=WAITING, reason=Reason.NO_FEES_ACCOUNT),
        PlaceKind.WAITING,
        "Waiting for fees account: choose one in Set Up Accounts.",
    ),
    (
        entry(state=WAITING, reason=Reason.NO_ACCOUNTS),
        PlaceKind.WAITING,
        "Waiting for accounts: choose them in Set Up Accounts.",
    ),
    (entry(state=PushState.SENDING), PlaceKind.WAITING, "Being recorded in FreshBooks now."),
    (
        entry(state=UNCERTAIN),
        PlaceKind.WAITING,
        "FreshBooks did not confirm it; checking whether it arrived.",
    ),
    (
        entry(state=NEEDS_PERSON, reason=Reason.SUMS_DIFFER, detail="97 and 98."),
        PlaceKind.ISSUE,
        "The payout's parts do not add up, so it was not recorded. 97 and 98.",
    ),
    (entry(state=NEEDS_PERSON), PlaceKind.ISSUE, "FreshBooks did not confirm the journal entry after several attempts"),
    (
        entry(state=CANCELLED, reason=Reason.PAYOUT_FAILED),
        PlaceKind.CLOSED,
        "The payout failed before it was recorded, so FreshBooks needs nothing.",
    ),
    (entry(state=CANCELLED), PlaceKind.CLOSED, "Nothing is to be recorded."),
    (entry(state=CANCELLED, reason=Reason.NOTHING_TO_RECORD), PlaceKind.CLOSED, "Nothing is to be recorded."),
]


@pytest.mark.parametrize(("push", "kind", "why"), PLACES)
def test_each_payout_is_in_exactly_one_visible_place(push: EntryPush, kind: PlaceKind, why: str) -> None:
    place = entry_place(push)
    assert place.kind is kind
    assert place.why.startswith(why)
    assert bool(place.next_step) is (kind is PlaceKind.ISSUE)
    assert bool(entry_issues(push)) is (kind is PlaceKind.ISSUE)


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        ("processing", PlaceKind.WAITING, "Waiting until the payout has succeeded."),
        ("failed", PlaceKind.CLOSED, "The payout failed before it was recorded, so FreshBooks needs nothing."),
    ],
)
def test_a_payout_that_never_succeeded_has_its_place_too(status: str, kind: PlaceKind, why: str) -> None:
    assert payout_place(status, None) == Place(kind=kind, why=why)
    assert payout_place(status, after_entry(entry(), "77")).kind is PlaceKind.RECORDED


@pytest.mark.parametrize(
    ("push", "kind", "subject"),
    [
        (entry(state=NEEDS_PERSON, reason=Reason.MIXED_CURRENCIES), IssueKind.DEPOSIT_STOPPED, ("payout", "po_1")),
        (
            entry(generation=2, state=NEEDS_PERSON, reason=Reason.PAYOUT_FAILED),
            IssueKind.PAYOUT_FAILED,
            ("payout", "po_1"),
        ),
        (move(state=NEEDS_PERSON, reason=Reason.REFUSED_BY_FRESHBOOKS), IssueKind.MOVE_STOPPED, ("move", "501")),
    ],
)
def test_what_stopped_is_an_issue_about_the_payout_or_the_move(
    push: EntryPush, kind: IssueKind, subject: tuple[str, str]
) -> None:
    (issue,) = entry_issues(push)
    assert (issue.kind, issue.subject) == (kind, subject)
    assert issue.next_step


def test_a_lost_answer_stays_unknown_until_the_longest_possible_call_has_ended() -> None:
    after = failed(entry(state=PushState.SENDING, attempts=1, checked_absent=2), Failure.MAYBE_LANDED, NOW, POLICY)
    assert (after.state, after.attempts, after.checked_absent) == (UNCERTAIN, 1, 0)
    assert after.not_before == NOW + POLICY.post_timeout + POLICY.lookup_margin


def test_what_provably_never_left_is_sent_again_and_is_no_attempt() -> None:
    after = failed(entry(state=PushState.SENDING, attempts=1), Failure.UNSENT, NOW, POLICY)
    assert (after.state, after.reason, after.attempts) == (READY, Reason.RETRY_LATER, 0)
