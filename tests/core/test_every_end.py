"""Every way a payment can end is in exactly one visible place: recorded, waiting, a sync issue, or closed (W8).

Each row drives one payment through the daemon's own decisions: what its POST met, what a bookkeeper did to its record,
what became of its money, and then, one after the other, everything that a person could choose.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

import pytest

from daemon.core.issues import about_payment
from daemon.core.model import HOLDS_MONEY, Choice, PaymentStatus, PushState
from daemon.core.payment_rules import PlaceKind, place
from tests.core.story import Answer, Story, story

ANSWERS: Final[tuple[Answer | None, ...]] = (None, "ok", "lost", "never", "unsent", "refused")
"""None: not sent yet."""
EDITS: Final[dict[str, Callable[[Story], object]]] = {
    "left alone": lambda told: None,
    "edited to 60": lambda told: told.books.edit(told.record_of("A"), 60),
    "edited to 130": lambda told: told.books.edit(told.record_of("A"), 130),
    "deleted": lambda told: told.books.delete(told.record_of("A")),
    "moved": lambda told: told.books.move(told.record_of("A")),
    "copied": lambda told: told.books.land(told.payments["A"], told.push("A")),
    "paid by cheque": lambda told: told.books.type_payment(200),
    "paid in part": lambda told: told.books.type_payment(150),
    "same amount typed": lambda told: told.books.type_payment(100),
}
NEEDS_A_RECORD: Final = frozenset({"edited to 60", "edited to 130", "deleted", "moved", "copied"})
OPEN: Final = frozenset({PushState.READY, PushState.SENDING, PushState.UNCERTAIN, PushState.WAITING})


def rows() -> Iterator[tuple[Answer | None, str, bool]]:
    for answer, edit, settled in product(ANSWERS, EDITS, (False, True)):
        if edit not in NEEDS_A_RECORD or answer in {"ok", "lost"}:
            yield answer, edit, settled


def begun(answer: Answer | None, edit: str, *, settled: bool) -> Story:
    told = story(200)
    told.pay("A", 100)
    if answer is not None:
        told.send("A", answer)
    if settled and answer is not None:
        told.settle()
    EDITS[edit](told)
    return told


def assert_one_place(told: Story, *, seen: bool = True) -> None:
    """The page's place, the list of issues and, once it was seen, FreshBooks' books tell the same one thing."""
    link = told.link("A")
    found = place(link, told.issues)
    mine = [issue for issue in told.issues if issue.subject == about_payment(link.payment)]
    assert found.why
    assert bool(mine) is (found.kind is PlaceKind.ISSUE), (found, mine)
    assert bool(found.next_step) is (found.kind is PlaceKind.ISSUE)
    push = told.push("A")
    live = [record for record in told.books.records if record.is_live and record.maker == "A"]
    named = push.fb_payment_id if push.choice is Choice.SETTLED_BY_HAND else None
    if found.kind is PlaceKind.RECORDED:
        assert live or named or not seen, found
    elif found.kind is PlaceKind.WAITING:
        waits_for_refund = push.choice is Choice.REFUND_IN_AP and link.payment.status in HOLDS_MONEY
        assert push.state in OPEN or waits_for_refund, found
    elif found.kind is PlaceKind.CLOSED:
        let_go = push.choice in {Choice.REOPEN, Choice.REFUND_IN_AP, Choice.OWES_NOTHING, Choice.STILL_OWES}
        assert link.payment.status not in HOLDS_MONEY or let_go, found
        assert not live or let_go or not seen, found


@pytest.mark.parametrize(("answer", "edit", "settled"), list(rows()))
def test_however_a_payment_ends_it_is_in_exactly_one_visible_place(
    answer: Answer | None, edit: str, settled: bool, subtests: pytest.Subtests
) -> None:
    for status in PaymentStatus:
        with subtests.test(status=status):
            told = begun(answer, edit, settled=settled)
            told.status("A", status)
            assert_one_place(told, seen=False)
            told.settle()
            assert_one_place(told)
            for choice in sorted({action for issue in told.issues for action in issue.actions} & set(Choice)):
                again = begun(answer, edit, settled=settled)
                again.status("A", status)
                again.settle()
                named = max((record.id for record in again.books.records if record.maker != "A"), default=None)
                if choice == Choice.SETTLED_BY_HAND and named is None:
                    continue
                again.choose("A", Choice(choice), named if choice == Choice.SETTLED_BY_HAND else None)
                assert_one_place(again)
                again.settle()
                assert_one_place(again)
