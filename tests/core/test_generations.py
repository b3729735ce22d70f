"""W2: a revert clears the issue, and a charge-back won after it opens the only automatic generation."""

import pytest

from daemon.core.invoice_rules import decide_snapshot, decide_without_read
from daemon.core.model import Choice, IssueKind, PaymentStatus, PushState, Reason, VisState
from tests.builders import (
    OTHER_INVOICE,
    make_applied,
    make_context,
    make_done,
    make_elsewhere,
    make_invoice,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_snapshot,
)
from tests.core.story import Story, expect, stands, story


def recorded(status: PaymentStatus | None = None) -> Story:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    if status is not None:
        told.status("A", status)
        told.settle()
    return told


def test_a_payment_that_fails_after_its_push_stays_in_freshbooks_and_is_due_again() -> None:
    told = recorded(PaymentStatus.FAILED)
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)
    assert told.shown_outstanding == 0
    stands(told, "A", PushState.DONE)


def test_the_issue_stands_before_any_read_has_shown_the_record() -> None:
    told = story(100)
    told.pay("A", 100)
    told.send("A")
    told.status("A", PaymentStatus.FAILED)
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)


def test_the_issue_clears_by_itself_when_freshbooks_shows_the_payment_gone() -> None:
    told = recorded(PaymentStatus.FAILED)
    told.books.delete(told.record_of("A"))
    told.settle()
    expect(told, 100)
    stands(told, "A", PushState.CANCELLED, Reason.FAILURE_REVERTED)


def test_a_reverted_payment_that_is_restored_in_freshbooks_is_an_issue_again() -> None:
    told = recorded(PaymentStatus.FAILED)
    told.books.delete(told.record_of("A"))
    told.settle()
    told.books.restore(told.record_of("A"))
    told.settle()
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)
    stands(told, "A", PushState.DONE)


def test_a_failure_that_turns_out_to_have_succeeded_after_the_revert_needs_a_person() -> None:
    told = recorded(PaymentStatus.FAILED)
    told.books.delete(told.record_of("A"))
    told.settle()
    told.status("A", PaymentStatus.SUCCEEDED)
    told.settle()
    expect(told, 0, IssueKind.PUSH_STOPPED)
    assert "record_again" in told.issue(IssueKind.PUSH_STOPPED).actions
    told.choose("A", Choice.RECORD_AGAIN)
    told.settle()
    expect(told, 0)
    assert told.push("A").generation == 2


def test_a_record_deleted_while_the_money_was_held_is_not_pushed_again_when_a_later_charge_back_is_won() -> None:
    told = recorded()
    told.books.delete(told.record_of("A"))
    told.settle()
    told.status("A", PaymentStatus.CHARGEBACK)
    told.settle()
    expect(told, 100)
    told.status("A", PaymentStatus.SUCCEEDED)
    told.settle()
    expect(told, 0, IssueKind.PUSH_STOPPED)
    assert len(told.books.records) == 1


def test_a_charge_back_whose_credit_still_stands_is_not_reverted_yet() -> None:
    told = story(100)
    told.books.type_payment(40)
    told.pay("A", 100)
    told.settle()
    told.choose("A", Choice.POST_ANYWAY)
    told.settle()
    told.status("A", PaymentStatus.CHARGEBACK)
    told.books.delete(told.record_of("A"))
    told.settle()
    expect(told, 60, IssueKind.REVERT_FAILED_PAYMENT)
    assert "credit" in told.issue(IssueKind.REVERT_FAILED_PAYMENT).next_step
    stands(told, "A", PushState.DONE, Reason.CHARGEBACK_REVERTED)
    told.status("A", PaymentStatus.SUCCEEDED)
    told.settle()
    assert told.push("A").generation == 1
    told.status("A", PaymentStatus.CHARGEBACK)
    told.books.delete_credit(told.record_of("A"))
    told.settle()
    stands(told, "A", PushState.CANCELLED, Reason.CHARGEBACK_REVERTED)
    expect(told, 60)


def test_a_charge_back_won_while_a_person_restored_the_record_needs_nothing() -> None:
    told = recorded(PaymentStatus.CHARGEBACK)
    told.books.delete(told.record_of("A"))
    told.settle()
    told.books.restore(told.record_of("A"))
    told.status("A", PaymentStatus.SUCCEEDED)
    told.settle()
    expect(told, 0)
    assert len(told.books.records) == 1
    stands(told, "A", PushState.DONE)


def test_a_push_that_was_given_up_is_done_when_its_record_turns_up_and_the_money_is_held() -> None:
    told = story(100)
    told.pay("A", 100)
    told.send("A", "never")
    told.status("A", PaymentStatus.FAILED)
    told.settle()
    stands(told, "A", PushState.CANCELLED, Reason.FAILED_BEFORE_PUSH)
    told.books.land(told.payments["A"], told.push("A"))
    told.status("A", PaymentStatus.SUCCEEDED)
    told.settle()
    stands(told, "A", PushState.DONE)
    expect(told, 0)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (PaymentStatus.FAILED, Reason.FAILED_BEFORE_PUSH),
        (PaymentStatus.CHARGEBACK, Reason.FAILED_BEFORE_PUSH),
        (PaymentStatus.REFUNDED, Reason.REFUNDED_BEFORE_PUSH),
    ],
)
def test_a_stopped_push_is_cancelled_when_its_payment_fails_or_is_refunded(
    status: PaymentStatus, reason: Reason
) -> None:
    stopped = make_push(state=PushState.NEEDS_PERSON, reason=Reason.ALREADY_PAID, detail="x")
    decision = decide_without_read(make_context(make_invoice(), [make_link(make_payment(status=status), stopped)]))
    assert [(push.state, push.reason, push.detail) for push in decision.changed] == [(PushState.CANCELLED, reason, "")]
    assert IssueKind.PUSH_STOPPED not in {issue.kind for issue in decision.issues}


def test_an_ambiguous_look_up_still_asks_when_its_payment_failed() -> None:
    stopped = make_push(state=PushState.NEEDS_PERSON, reason=Reason.AMBIGUOUS_LOOKUP)
    link = make_link(make_payment(status=PaymentStatus.FAILED), stopped)
    decision = decide_without_read(make_context(make_invoice(), [link]))
    assert decision.changed == ()
    assert {issue.kind for issue in decision.issues} == {IssueKind.PUSH_STOPPED}


def test_a_record_that_moved_is_not_reverted_until_it_is_gone_from_there_too() -> None:
    payment = make_payment(status=PaymentStatus.CHARGEBACK)
    moved = make_link(payment, make_done(), elsewhere=(make_elsewhere(),))
    decision = decide_without_read(make_context(make_invoice(), [moved], [make_applied(amount=0)]))
    assert decision.changed == ()
    assert {issue.kind for issue in decision.issues} == {IssueKind.REVERT_FAILED_PAYMENT}


def test_a_given_up_push_whose_record_turns_up_on_another_invoice_stays_given_up() -> None:
    gone = make_push(state=PushState.CANCELLED, reason=Reason.FAILED_BEFORE_PUSH)
    moved = make_link(make_payment(), gone, elsewhere=(make_elsewhere(),))
    assert decide_without_read(make_context(make_invoice(), [moved])).changed == ()


def test_only_the_payments_own_invoice_opens_its_next_generation() -> None:
    won = make_link(
        make_payment(invoice_id=OTHER_INVOICE),
        make_done(state=PushState.CANCELLED, reason=Reason.CHARGEBACK_REVERTED),
    )
    assert decide_without_read(make_context(make_invoice(), [won], [make_applied(amount=0)])).opened == ()
    own = make_link(make_payment(), make_done(state=PushState.CANCELLED, reason=Reason.CHARGEBACK_REVERTED))
    opened = decide_without_read(make_context(make_invoice(), [own], [make_applied(amount=0)])).opened
    assert [(push.generation, push.marker, push.state) for push in opened] == [(2, "AP:pay_1:2", PushState.READY)]


def test_a_payment_without_a_push_is_left_alone() -> None:
    bare = make_link()
    decision = decide_without_read(make_context(make_invoice(), [type(bare)(payment=make_payment())]))
    assert decision.changed == ()
    assert decision.invoice is not None
    assert decision.invoice.amount_due == 0


def test_a_snapshot_that_shows_the_record_deleted_keeps_that_as_evidence() -> None:
    link = make_link(make_payment(), make_done())
    seen = make_snapshot(payments=[make_our_fb_payment(vis_state=VisState.DELETED)])
    decision = decide_snapshot(seen, make_context(None, [link]))
    assert decision.applied == (make_applied(amount=0),)


@pytest.mark.parametrize(("split", "recorded"), [(None, 100), (502, 60)])
def test_a_given_up_push_whose_record_turns_up_is_done_with_what_was_recorded(split: int | None, recorded: int) -> None:
    given_up = make_push(state=PushState.CANCELLED, reason=Reason.FAILED_BEFORE_PUSH)
    link = make_link(make_payment(status=PaymentStatus.SUCCEEDED), given_up)
    record = make_our_fb_payment(amount=60, overpayment_id=split)
    (push,) = decide_snapshot(make_snapshot(payments=[record]), make_context(None, [link])).changed
    assert push.state is PushState.DONE
    assert push.recorded_amount == recorded
    unread = decide_without_read(make_context(make_invoice(), [link], [make_applied(amount=60)]))
    assert unread.changed == ()
