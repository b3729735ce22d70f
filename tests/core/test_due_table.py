"""What is due over push states x platform statuses x FreshBooks edits: who holds the money decides (P7, P8, P11)."""

from collections.abc import Callable

import pytest

from daemon.core.invoice_rules import decide_without_read
from daemon.core.model import Choice, PaymentStatus, PushState, Reason
from tests.builders import make_context, make_done, make_invoice, make_link, make_payment, make_push
from tests.core.story import Story, story

STATUSES = tuple(PaymentStatus)
DUE_OF_200 = {
    PaymentStatus.PROCESSING: 100,
    PaymentStatus.SUCCEEDED: 100,
    PaymentStatus.FAILED: 200,
    PaymentStatus.CHARGEBACK: 200,
    PaymentStatus.REFUNDED: 100,
}
"""Due on an invoice of 200 with one platform payment of 100, wherever its push and its record may be."""


def _sent(answer: str) -> Callable[[Story], None]:
    return lambda told: told.send("A", answer)  # type: ignore[arg-type]


def _settled(told: Story) -> None:
    told.settle()


def _waiting(told: Story) -> None:
    told.pushes["A"] = (make_push("A", PushState.WAITING, reason=Reason.NO_ACCOUNTS),)


STAGES: dict[str, Callable[[Story], None]] = {
    "ready": lambda told: None,
    "waiting for accounts": _waiting,
    "unsent": _sent("unsent"),
    "refused": _sent("refused"),
    "2xx, not read again": _sent("ok"),
    "answer lost, nothing written": _sent("never"),
    "answer lost, written": _sent("lost"),
    "recorded and read": _settled,
}


@pytest.mark.parametrize("stage", STAGES)
def test_the_push_state_does_not_change_what_is_due(stage: str, subtests: pytest.Subtests) -> None:
    for status in STATUSES:
        with subtests.test(status=status):
            told = story(200)
            told.pay("A", 100)
            STAGES[stage](told)
            told.status("A", status)
            assert told.due == DUE_OF_200[status]
            told.read()
            assert told.due == DUE_OF_200[status]
            told.settle()
            assert told.due == DUE_OF_200[status]


EDITS: dict[str, Callable[[Story, int], object]] = {
    "edited to 60": lambda told, record: told.books.edit(record, 60),
    "edited to 130": lambda told, record: told.books.edit(record, 130),
    "deleted": lambda told, record: told.books.delete(record),
    "moved": lambda told, record: told.books.move(record),
    "copied": lambda told, record: told.books.land(told.payments["A"], told.push("A")),
}


@pytest.mark.parametrize("answer", ["ok", "lost"])
@pytest.mark.parametrize("edit", EDITS)
def test_what_a_bookkeeper_does_to_our_record_does_not_change_what_is_due(
    edit: str, answer: str, subtests: pytest.Subtests
) -> None:
    for status in STATUSES:
        with subtests.test(status=status):
            told = story(300)
            told.pay("A", 100)
            _sent(answer)(told)
            EDITS[edit](told, told.record_of("A"))
            told.read()
            assert told.due == 200
            told.status("A", status)
            assert told.due == DUE_OF_200[status] + 100
            told.settle()
            assert told.due == DUE_OF_200[status] + 100


@pytest.mark.parametrize(
    ("status", "due"),
    [
        (PaymentStatus.PROCESSING, 0),
        (PaymentStatus.SUCCEEDED, 0),
        (PaymentStatus.FAILED, 60),
        (PaymentStatus.CHARGEBACK, 60),
        (PaymentStatus.REFUNDED, 0),
    ],
)
def test_only_what_freshbooks_applied_of_a_split_payment_counts(status: PaymentStatus, due: int) -> None:
    told = story(100)
    told.books.type_payment(40)
    told.pay("A", 100)
    told.settle()
    told.choose("A", Choice.POST_ANYWAY)
    told.settle()
    told.status("A", status)
    assert told.due == due
    told.settle()
    assert told.due == due


EMPTY_HANDED = [state for state in PushState if state is not PushState.DONE]


@pytest.mark.parametrize("state", EMPTY_HANDED)
def test_every_push_state_without_a_record_counts_the_whole_payment(
    state: PushState, subtests: pytest.Subtests
) -> None:
    for status in STATUSES:
        with subtests.test(status=status):
            link = make_link(make_payment(status=status), make_push(state=state))
            decision = decide_without_read(make_context(make_invoice(), [link]))
            assert decision.invoice is not None
            assert decision.invoice.amount_due == DUE_OF_200[status] - 100


@pytest.mark.parametrize("status", STATUSES)
def test_a_push_that_is_done_counts_what_freshbooks_recorded(status: PaymentStatus) -> None:
    link = make_link(make_payment(status=status), make_done(recorded=60))
    decision = decide_without_read(make_context(make_invoice(), [link]))
    assert decision.invoice is not None
    assert decision.invoice.amount_due == (40 if DUE_OF_200[status] == 100 else 100)
