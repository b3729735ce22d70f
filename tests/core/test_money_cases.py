"""The money cases of product.md, told as stories: what happens, and what is due after each step."""

from daemon.core.model import Choice, IssueKind, PaymentStatus, PushState, Reason
from tests.core.story import expect, stands, story


def test_our_2xx_counts_before_the_invoice_is_read_again() -> None:
    told = story(100)
    told.pay("A", 60)
    assert told.due == 40
    told.send("A")
    stands(told, "A", PushState.DONE)
    assert told.shown_outstanding == 100
    assert told.due == 40
    told.read()
    assert told.shown_outstanding == 40
    assert told.due == 40


def test_a_lost_answer_is_counted_once_when_the_reread_is_already_lower() -> None:
    told = story(100)
    told.pay("A", 60)
    told.send("A", "lost")
    told.read()
    stands(told, "A", PushState.UNCERTAIN)
    assert told.shown_outstanding == 40
    assert told.due == 40
    told.settle()
    stands(told, "A", PushState.DONE)
    assert told.due == 40
    assert len(told.books.records) == 1


def test_100_sent_on_60_outstanding_then_failed_leaves_60_due_until_payment_and_credit_are_gone() -> None:
    told = story(100)
    told.books.type_payment(40)
    told.pay("A", 100)
    told.settle()
    stands(told, "A", PushState.NEEDS_PERSON, Reason.LESS_OUTSTANDING)
    expect(told, -40, IssueKind.OVERPAID, IssueKind.PUSH_STOPPED)
    told.choose("A", Choice.POST_ANYWAY)
    told.settle()
    assert told.push("A").recorded_amount == 60
    expect(told, 0)
    told.status("A", PaymentStatus.FAILED)
    assert told.due == 60
    told.books.delete(told.record_of("A"))
    told.read()
    expect(told, 60, IssueKind.REVERT_FAILED_PAYMENT)
    told.books.delete_credit(told.record_of("A"))
    told.read()
    expect(told, 60)


def test_our_100_edited_to_60_in_freshbooks_stays_subtracted_and_is_due_once_it_fails() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.books.edit(told.record_of("A"), 60)
    told.read()
    expect(told, 0, IssueKind.OURS_CHANGED)
    told.status("A", PaymentStatus.FAILED)
    assert told.due == 100
    told.read()
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)
    told.books.delete(told.record_of("A"))
    told.read()
    expect(told, 100)


def test_a_70_cheque_typed_in_stops_our_40_until_it_is_settled_by_hand() -> None:
    told = story(100)
    told.pay("A", 40)
    cheque = told.books.type_payment(70)
    told.settle()
    stands(told, "A", PushState.NEEDS_PERSON, Reason.LESS_OUTSTANDING)
    expect(told, -10, IssueKind.OVERPAID, IssueKind.PUSH_STOPPED)
    assert told.kinds() == {IssueKind.OVERPAID, IssueKind.PUSH_STOPPED}
    told.choose("A", Choice.SETTLED_BY_HAND, cheque)
    told.settle()
    expect(told, 30)
    assert len(told.books.records) == 1
    # Only the 40 of the cheque came through the platform: when they fail, the other 30 are still paid.
    told.status("A", PaymentStatus.FAILED)
    told.settle()
    expect(told, 70, IssueKind.REVERT_FAILED_PAYMENT)


def test_the_same_40_typed_in_by_hand_on_a_100_invoice_is_asked_about_and_not_recorded_twice() -> None:
    told = story(100)
    told.pay("A", 40)
    typed = told.books.type_payment(40)
    told.settle()
    stands(told, "A", PushState.NEEDS_PERSON, Reason.IS_THIS_IT)
    assert told.push("A").candidates == (typed,)
    expect(told, 20, IssueKind.PUSH_STOPPED)
    told.choose("A", Choice.SETTLED_BY_HAND, typed)
    told.settle()
    expect(told, 60)
    assert len(told.books.records) == 1


def test_the_same_40_typed_in_by_hand_is_recorded_beside_ours_when_it_is_another_payment() -> None:
    told = story(100)
    told.pay("A", 40)
    told.books.type_payment(40)
    told.settle()
    told.choose("A", Choice.NOT_THIS)
    told.settle()
    expect(told, 20)
    assert len(told.books.records) == 2


def test_a_card_payment_waits_while_a_failed_ach_stands_in_freshbooks_and_goes_by_itself_after_the_revert() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.status("A", PaymentStatus.FAILED)
    told.pay("B", 100)
    assert told.due == 0
    told.settle()
    stands(told, "B", PushState.WAITING, Reason.UNTIL_REVERTED)
    expect(told, 0, IssueKind.REVERT_FAILED_PAYMENT)
    told.books.delete(told.record_of("A"))
    told.settle()
    stands(told, "B", PushState.DONE)
    expect(told, 0)


def test_a_failed_ach_record_can_stand_for_the_card_payment_that_replaced_it() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.status("A", PaymentStatus.FAILED)
    told.pay("B", 100)
    told.settle()
    offer = told.issue(IssueKind.REVERT_FAILED_PAYMENT)
    assert offer.subject == ("payment", "A")
    assert offer.actions == (Choice.STAND_IN,)
    assert dict(offer.data)["stand_in"] == "B"
    told.choose("B", Choice.STAND_IN, told.record_of("A"))
    told.settle()
    expect(told, 0)
    assert len(told.books.records) == 1
    stands(told, "A", PushState.CANCELLED, Reason.REPLACED)
    stands(told, "B", PushState.DONE)
    assert told.push("B").fb_payment_id == told.record_of("A")
    told.status("B", PaymentStatus.FAILED)
    told.settle()
    assert told.due == 100
