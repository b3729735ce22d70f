"""W6: each payment is moved to the payments account by one entry, and gets one reversing entry when it is gone."""

from datetime import date

import pytest

from daemon.core.book_accounts import BookAccounts
from daemon.core.deposit_rules import Enter
from daemon.core.journal import EntryPush
from daemon.core.model import Choice, PushState, Reason
from daemon.core.move_rules import next_move, plan_move
from daemon.core.push_guard import Cancel, Wait
from tests.builders import usd
from tests.core.ledger import DAY, LEDGER, PETTY, UNDEPOSITED, accounts, chosen, draft, move, moved, sides, without

TODAY = date(2025, 11, 20)
DONE, CANCELLED, WAITING = PushState.DONE, PushState.CANCELLED, PushState.WAITING


def test_a_payment_is_moved_from_petty_cash_to_the_payments_account() -> None:
    verdict = plan_move(move(), moved(), accounts(), TODAY)
    assert sides(verdict) == [(UNDEPOSITED.id, usd(100)), (PETTY.id, usd(-100))]
    assert isinstance(verdict, Enter)
    assert (verdict.draft.name, verdict.draft.entered_on) == ("Payment pay_1 to Undeposited", DAY)
    assert verdict.draft.description.endswith(" APM:501:1")


def test_a_payment_that_is_gone_gets_the_reverse_of_the_very_entry_that_moved_it() -> None:
    before = draft((UNDEPOSITED, 100), (PETTY, -100))
    gone = moved(is_live=False, moved=before)
    verdict = plan_move(move(2), gone, chosen(payments=PETTY.id), TODAY)
    assert sides(verdict) == [(UNDEPOSITED.id, usd(-100)), (PETTY.id, usd(100))]
    assert isinstance(verdict, Enter)
    assert verdict.draft.entered_on == TODAY
    again = plan_move(move(2, draft=draft((PETTY, 1), (UNDEPOSITED, -1), day=DAY)), gone, accounts(), TODAY)
    assert isinstance(again, Enter)
    assert again.draft.entered_on == DAY


@pytest.mark.parametrize(
    ("books", "reason", "detail"),
    [
        (accounts(None), Reason.NO_ACCOUNTS, ""),
        (without(UNDEPOSITED), Reason.ACCOUNT_GONE, "The account Undeposited is not in FreshBooks' books."),
        (accounts(ledger=LEDGER[1:]), Reason.NO_CLEARING_ACCOUNT, ""),
    ],
    ids=["no accounts", "payments account gone", "no Petty Cash"],
)
def test_a_move_that_is_impossible_says_why(books: BookAccounts, reason: Reason, detail: str) -> None:
    assert plan_move(move(), moved(), books, TODAY) == Wait(reason=reason, detail=detail)


def test_nothing_is_moved_where_freshbooks_posts_to_the_chosen_account_itself() -> None:
    assert plan_move(move(), moved(), chosen(payments=PETTY.id), TODAY) == Cancel(reason=Reason.ALREADY_THERE)


def test_a_payment_that_went_before_its_move_is_not_moved() -> None:
    assert plan_move(move(), moved(is_live=False), accounts(), TODAY) == Cancel(reason=Reason.RECORD_GONE)


def test_a_payment_that_came_back_before_its_reversal_stays_moved() -> None:
    before = draft((UNDEPOSITED, 100), (PETTY, -100))
    assert plan_move(move(2), moved(moved=before), accounts(), TODAY) == Cancel(reason=Reason.RECORD_BACK)


def test_a_move_entered_by_hand_is_settled() -> None:
    verdict = plan_move(move(choice=Choice.ACCEPT), moved(), accounts(), TODAY)
    assert verdict == Cancel(reason=Reason.SETTLED_BY_HAND)


def gone_before(generation: int) -> EntryPush:
    return move(generation, CANCELLED, reason=Reason.RECORD_GONE)


def back_before(generation: int) -> EntryPush:
    return move(generation, CANCELLED, reason=Reason.RECORD_BACK)


MOVES: list[tuple[str, list[EntryPush], bool, int | None]] = [
    ("recorded", [], True, 1),
    ("gone before anything", [], False, None),
    ("moved and there", [move(1, DONE)], True, None),
    ("moved and gone", [move(1, DONE)], False, 2),
    ("moved, gone, brought back", [move(1, DONE), move(2, DONE)], False, None),
    ("moved, gone, brought back, restored", [move(1, DONE), move(2, DONE)], True, 3),
    ("being moved and gone", [move(1, PushState.SENDING)], False, None),
    ("waiting and gone", [move(1, WAITING)], False, None),
    ("stopped", [move(1, PushState.NEEDS_PERSON)], True, None),
    ("gone before its move", [gone_before(1)], False, None),
    ("gone before its move, restored", [gone_before(1)], True, 3),
    ("restored before its reversal", [move(1, DONE), back_before(2)], True, None),
    ("restored before its reversal, gone again", [move(1, DONE), back_before(2)], False, 4),
    ("settled by hand", [move(1, CANCELLED, reason=Reason.SETTLED_BY_HAND)], True, None),
    ("already there", [move(1, CANCELLED, reason=Reason.ALREADY_THERE)], True, None),
]


@pytest.mark.parametrize(("pushes", "is_live", "wanted"), [row[1:] for row in MOVES], ids=[row[0] for row in MOVES])
def test_each_payment_is_moved_once_and_brought_back_once(
    pushes: list[EntryPush], is_live: bool, wanted: int | None
) -> None:
    assert next_move(pushes, is_live=is_live) == wanted
