"""P5, W2 and W5 over push states x platform statuses x FreshBooks edits; P7's table is test_due_table.py's.

Each table states its rule once, as a condition over the row's parts, and every row must follow it.
"""

from collections.abc import Callable
from datetime import date
from itertools import product
from typing import Any, Final

import pytest

from daemon.core.model import (
    FB_STATUS_DRAFT,
    HOLDS_MONEY,
    LOST_MONEY,
    IssueKind,
    PaymentStatus,
    PushState,
    Reason,
    VisState,
)
from tests.builders import make_push
from tests.core.story import Answer, Story, story

STATUSES: Final = tuple(PaymentStatus)
HELD: Final = frozenset({*HOLDS_MONEY, PaymentStatus.REFUNDED})
"""A refund alone never changes what is due (P11)."""


def records_of_a(told: Story) -> int:
    return len([record for record in told.books.records if record.maker == "A"])


# ---- W5: the snapshot is read again before a POST --------------------------------------------------------------------


def _waiting(told: Story) -> None:
    told.pushes["A"] = (make_push("A", PushState.WAITING, reason=Reason.NO_ACCOUNTS),)


def _sent(answer: Answer) -> Callable[[Story], None]:
    return lambda told: told.send("A", answer)


UNLANDED: Final[dict[str, Callable[[Story], None]]] = {
    "ready": lambda told: None,
    "waiting for accounts": _waiting,
    "unsent": _sent("unsent"),
    "answer lost, nothing written": _sent("never"),
}
STOPS: Final[dict[str, tuple[Callable[[Story], object], Reason | None]]] = {
    "left alone": (lambda told: None, None),
    "a cheque that leaves room": (lambda told: told.books.type_payment(30), None),
    "a cheque that leaves too little": (lambda told: told.books.type_payment(170), Reason.LESS_OUTSTANDING),
    "a cheque for everything": (lambda told: told.books.type_payment(200), Reason.ALREADY_PAID),
    "the same amount typed": (lambda told: told.books.type_payment(100), Reason.IS_THIS_IT),
    "draft": (lambda told: told.books.edit_invoice(status=FB_STATUS_DRAFT), Reason.INVOICE_DRAFT),
    "deleted": (lambda told: told.books.edit_invoice(vis_state=VisState.DELETED), Reason.INVOICE_DELETED),
    "other currency": (lambda told: told.books.edit_currency("CAD"), Reason.OTHER_CURRENCY),
    "lowered to less": (lambda told: told.books.edit_invoice(60), Reason.LESS_OUTSTANDING),
    "raised": (lambda told: told.books.edit_invoice(500), None),
}


@pytest.mark.parametrize("edit", STOPS)
@pytest.mark.parametrize("stage", UNLANDED)
def test_a_post_is_stopped_by_what_freshbooks_shows_and_by_nothing_else(
    stage: str, edit: str, subtests: pytest.Subtests
) -> None:
    for status in STATUSES:
        with subtests.test(status=status):
            told = story(200)
            told.pay("A", 100)
            UNLANDED[stage](told)
            act, reason = STOPS[edit]
            act(told)
            told.status("A", status)
            told.settle()
            push = told.push("A")
            asked = IssueKind.PUSH_STOPPED in told.kinds()
            unknown = stage == "answer lost, nothing written"
            if reason is Reason.IS_THIS_IT and (unknown or (stage == "unsent" and status in HOLDS_MONEY)):
                # An unmarked record since the claim may be the lost one: the look-up asks, whatever became of it.
                assert (records_of_a(told), push.reason, asked) == (0, Reason.AMBIGUOUS_LOOKUP, True)
            elif status not in HOLDS_MONEY:
                assert (records_of_a(told), push.state) == (0, PushState.CANCELLED)
            elif reason is None:
                assert (records_of_a(told), push.state, asked) == (1, PushState.DONE, False)
            else:
                assert (records_of_a(told), push.state, push.reason, asked) == (0, PushState.NEEDS_PERSON, reason, True)


@pytest.mark.parametrize("edit", STOPS)
def test_what_landed_is_found_whatever_the_guard_would_say_now(edit: str, subtests: pytest.Subtests) -> None:
    for status in STATUSES:
        with subtests.test(status=status):
            told = story(200)
            told.pay("A", 100)
            told.send("A", "lost")
            STOPS[edit][0](told)
            told.status("A", status)
            told.settle()
            assert (records_of_a(told), told.push("A").state) == (1, PushState.DONE)
            assert IssueKind.PUSH_STOPPED not in told.kinds()


# ---- W2: failures are not pushed; one after the push stays, and asks to be reverted ----------------------------------

STAGES: Final[dict[str, tuple[Callable[[Story], object], bool]]] = {
    **{name: (act, False) for name, act in UNLANDED.items()},
    "refused": (_sent("refused"), False),
    "2xx, not read again": (_sent("ok"), True),
    "answer lost, written": (_sent("lost"), True),
    "recorded and read": (lambda told: told.settle(), True),
}
AFTERWARDS: Final[dict[str, tuple[Callable[[Story], object], bool]]] = {
    "left alone": (lambda told: None, True),
    "edited to 60": (lambda told: told.books.edit(told.record_of("A"), 60), True),
    "moved": (lambda told: told.books.move(told.record_of("A")), True),
    "deleted": (lambda told: told.books.delete(told.record_of("A")), False),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_failure_is_never_pushed_and_asks_for_a_revert_exactly_while_its_record_stands(
    stage: str, subtests: pytest.Subtests
) -> None:
    for edit, status in product(AFTERWARDS, sorted(LOST_MONEY)):
        with subtests.test(edit=edit, status=status):
            act, landed = STAGES[stage]
            after, stays = AFTERWARDS[edit]
            told = story(200)
            told.pay("A", 100)
            act(told)
            told.status("A", status)
            told.settle()
            assert told.due == 200
            assert records_of_a(told) == int(landed)
            assert (IssueKind.REVERT_FAILED_PAYMENT in told.kinds()) is landed
            if landed:
                after(told)
                told.settle()
                assert (IssueKind.REVERT_FAILED_PAYMENT in told.kinds()) is stays
                assert told.due == 200
                assert records_of_a(told) == 1
            if status is PaymentStatus.CHARGEBACK and landed and not stays:
                told.status("A", PaymentStatus.SUCCEEDED)
                told.settle()
                # Won after the revert: the only generation that opens by itself.
                assert records_of_a(told) == 2
                assert told.due == 100


# ---- P5: the freeze --------------------------------------------------------------------------------------------------


def _paid(told: Story) -> None:
    told.pay("A", 100)
    told.settle()


def _paid_with_a_lost_answer(told: Story) -> None:
    told.pay("A", 100)
    told.send("A", "lost")
    told.read()
    told.settle()


def _paid_beside_a_cheque(told: Story) -> None:
    told.books.type_payment(40)
    told.pay("A", 60)
    told.settle()


SETTLED: Final[dict[str, tuple[Callable[[Story], None], int]]] = {
    "recorded and read": (_paid, 100),
    "answer lost, written": (_paid_with_a_lost_answer, 100),
    "beside a cheque": (_paid_beside_a_cheque, 60),
}
LATER: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "due date": ({"due_on": date(2026, 1, 31)}, False),
    "number": ({"number": "B-7"}, False),
    "customer": ({"customer_id": 99}, False),
    "a higher total": ({"amount": 150}, True),
}


@pytest.mark.parametrize("edit", LATER)
@pytest.mark.parametrize("stage", SETTLED)
def test_a_settled_invoice_keeps_its_terms_exactly_while_the_money_counted_in_it_is_held(
    stage: str, edit: str, subtests: pytest.Subtests
) -> None:
    for status, fails_first in product(STATUSES, (False, True)):
        with subtests.test(status=status, fails_first=fails_first):
            told = story(100)
            settle, ours = SETTLED[stage]
            settle(told)
            assert told.is_frozen()
            assert told.row is not None
            before = told.row.terms
            changes, owed = LATER[edit]
            for step in ("status", "edit") if fails_first else ("edit", "status"):
                if step == "status":
                    told.status("A", status)
                else:
                    told.books.edit_invoice(**changes)
                told.settle()
            assert told.is_frozen() is (status in HELD)
            assert (told.row.terms == before) is (status in HELD)
            assert any(entry.ignored for entry in told.history) is (status in HELD or not fails_first)
            asked = IssueKind.PAID_INVOICE_CHANGED in told.kinds()
            assert asked is (owed and status in HELD)
            assert told.due == (0 if status in HELD else ours + (50 if owed else 0))
