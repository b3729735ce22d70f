"""W8: every payment is in exactly one visible place, with a sentence."""

from itertools import product
from typing import Any

import pytest

from daemon.core.invoice_rules import decide_without_read
from daemon.core.model import Choice, Link, PaymentStatus, PushState, Reason
from daemon.core.payment_rules import Place, PlaceKind, place
from tests.builders import make_context, make_done, make_invoice, make_link, make_payment, make_push

OPEN = {PushState.READY, PushState.SENDING, PushState.UNCERTAIN, PushState.WAITING}
ENDS = (
    Reason.FAILED_BEFORE_PUSH,
    Reason.REFUNDED_BEFORE_PUSH,
    Reason.MADE_ON_PLATFORM,
    Reason.CONNECTION_RESET,
    Reason.REPLACED,
    Reason.CHARGEBACK_REVERTED,
    Reason.FAILURE_REVERTED,
    None,
)


def where(push_state: PushState, status: PaymentStatus = PaymentStatus.PROCESSING, **push: Any) -> Place:
    made = make_done(**push) if push_state is PushState.DONE else make_push(state=push_state, **push)
    return place(make_link(make_payment(status=status), made))


@pytest.mark.parametrize("state", PushState)
def test_every_payment_is_in_exactly_one_place_and_says_why(state: PushState) -> None:
    for reason, status in product([None, *Reason], PaymentStatus):
        found = where(state, status, reason=reason)
        assert found.why.endswith(".")
        assert bool(found.next_step) is (found.kind is PlaceKind.ISSUE)
        assert (found.kind is PlaceKind.WAITING) is (state in OPEN)
        assert state is not PushState.NEEDS_PERSON or found.kind is PlaceKind.ISSUE


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.NO_ACCOUNTS, "Waiting for accounts"),
        (Reason.UNTIL_REVERTED, "Waiting until a payment that failed is removed"),
        (Reason.UNTIL_REFUNDED, "Waiting until the platform has refunded it"),
        (Reason.RETRY_LATER, "could not be reached"),
    ],
)
def test_what_waits_says_for_what(reason: Reason, words: str) -> None:
    found = where(PushState.WAITING, reason=reason, detail="More words.")
    assert words in found.why
    assert found.why.endswith("More words.")


def test_what_is_ready_is_next() -> None:
    assert where(PushState.READY) == Place(kind=PlaceKind.WAITING, why="To be recorded in FreshBooks next.")
    assert "now" in where(PushState.SENDING).why
    assert "checking whether it arrived" in where(PushState.UNCERTAIN).why


def test_what_is_recorded_says_where_and_how_much() -> None:
    assert where(PushState.DONE, recorded=60) == Place(
        kind=PlaceKind.RECORDED, why="Recorded in FreshBooks as payment #501: 60.00 USD."
    )
    assert "100.00 USD" in where(PushState.DONE, recorded_amount=None).why


@pytest.mark.parametrize("status", [PaymentStatus.FAILED, PaymentStatus.CHARGEBACK])
def test_what_failed_after_it_was_recorded_is_an_issue(status: PaymentStatus) -> None:
    found = where(PushState.DONE, status)
    assert found.kind is PlaceKind.ISSUE
    assert "#501" in found.why


def test_what_is_to_be_refunded_waits_for_the_refund() -> None:
    assert where(PushState.DONE, choice=Choice.REFUND_IN_AP).kind is PlaceKind.WAITING
    assert where(PushState.DONE, PaymentStatus.REFUNDED, choice=Choice.REFUND_IN_AP).kind is PlaceKind.CLOSED
    assert where(PushState.DONE, PaymentStatus.REFUNDED).kind is PlaceKind.RECORDED


def test_what_a_person_let_go_is_closed_and_not_called_recorded() -> None:
    assert "Let go by choice" in where(PushState.DONE, PaymentStatus.SUCCEEDED, choice=Choice.REOPEN).why
    for choice in (Choice.STILL_OWES, Choice.OWES_NOTHING):
        assert where(PushState.DONE, PaymentStatus.REFUNDED, choice=choice).kind is PlaceKind.CLOSED
    assert where(PushState.DONE, PaymentStatus.SUCCEEDED, choice=Choice.OWES_NOTHING).kind is PlaceKind.RECORDED


@pytest.mark.parametrize("reason", ENDS)
def test_what_ended_is_closed_with_its_reason(reason: Reason | None) -> None:
    found = where(PushState.CANCELLED, PaymentStatus.FAILED, reason=reason)
    assert found.kind is PlaceKind.CLOSED
    assert found.why


@pytest.mark.parametrize("reason", ENDS)
def test_what_ended_although_the_money_is_held_is_an_issue_unless_it_is_meant_to_be(reason: Reason | None) -> None:
    meant = {Reason.MADE_ON_PLATFORM, Reason.CONNECTION_RESET, Reason.CHARGEBACK_REVERTED, None}
    found = where(PushState.CANCELLED, PaymentStatus.SUCCEEDED, reason=reason)
    assert (found.kind is PlaceKind.CLOSED) is (reason in meant)


def test_a_payment_without_a_push_waits_unless_it_never_goes_to_freshbooks() -> None:
    assert place(Link(payment=make_payment())).kind is PlaceKind.WAITING
    on_platform = Link(payment=make_payment(invoice_id=None, ap_invoice_id="inv_1"))
    assert place(on_platform) == Place(
        kind=PlaceKind.CLOSED, why="The invoice was made on the platform, so its payments do not go to FreshBooks."
    )


def test_an_open_issue_of_the_payment_comes_first() -> None:
    link = make_link(make_payment(status=PaymentStatus.REFUNDED), make_done())
    issues = decide_without_read(make_context(make_invoice(), [link])).issues
    assert place(link, issues).kind is PlaceKind.ISSUE
    assert "refunded" in place(link, issues).why
    other = make_link(make_payment("pay_2"), make_done("pay_2", 502))
    assert place(other, issues).kind is PlaceKind.RECORDED
