"""The money cases of product.md in which something is undone: moved, deleted, refunded, charged back, converted."""

from daemon.core.model import Choice, InvoiceStatus, IssueKind, NotPayable, PaymentStatus, PushState, Reason
from tests.core.story import expect, stands, story


def test_a_payment_moved_to_another_invoice_stays_subtracted_until_someone_chooses() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.books.move(told.record_of("A"))
    told.settle()
    expect(told, 0, IssueKind.OURS_CHANGED)
    assert len(told.books.records) == 1
    assert set(told.issue(IssueKind.OURS_CHANGED).actions) == {"reopen", "record_again", "refund_in_ap"}
    told.choose("A", Choice.REOPEN)
    told.settle()
    expect(told, 100)


def test_a_payment_moved_to_another_invoice_is_recorded_again_only_when_someone_says_so() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.books.move(told.record_of("A"))
    told.settle()
    told.choose("A", Choice.RECORD_AGAIN)
    told.settle()
    stands(told, "A", PushState.DONE)
    assert told.push("A").generation == 2
    assert told.kinds() == {IssueKind.DUPLICATE}
    told.books.delete(told.record_of("A"))
    told.settle()
    expect(told, 0)


def test_ours_deleted_in_freshbooks_while_the_platform_holds_the_money_is_an_issue_and_never_pushed_again() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.books.delete(told.record_of("A"))
    told.settle()
    expect(told, 0, IssueKind.OURS_CHANGED)
    assert len(told.books.records) == 1
    told.books.restore(told.record_of("A"))
    told.settle()
    expect(told, 0)


def test_a_refund_before_the_push_cancels_the_intent_and_changes_nothing_that_is_due() -> None:
    told = story(100)
    told.pay("A", 60)
    told.status("A", PaymentStatus.REFUNDED)
    stands(told, "A", PushState.CANCELLED, Reason.REFUNDED_BEFORE_PUSH)
    told.settle()
    expect(told, 40, IssueKind.REFUNDED)
    assert told.books.records == []
    told.choose("A", Choice.STILL_OWES)
    expect(told, 100)


def test_a_refund_after_the_push_leaves_the_record_and_what_is_due() -> None:
    told = story(100)
    told.pay("A", 60)
    told.settle()
    told.status("A", PaymentStatus.REFUNDED)
    told.settle()
    expect(told, 40, IssueKind.REFUNDED)
    assert told.books.outstanding == 40
    told.choose("A", Choice.OWES_NOTHING)
    expect(told, 40)
    told.choose("A", Choice.STILL_OWES)
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)
    told.books.delete(told.record_of("A"))
    told.settle()
    expect(told, 100)


def test_a_charge_back_that_is_won_after_the_revert_is_recorded_again_by_itself() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.status("A", PaymentStatus.SUCCEEDED)
    told.status("A", PaymentStatus.CHARGEBACK)
    told.settle()
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)
    told.books.delete(told.record_of("A"))
    told.settle()
    stands(told, "A", PushState.CANCELLED, Reason.CHARGEBACK_REVERTED)
    expect(told, 100)
    told.status("A", PaymentStatus.SUCCEEDED)
    stands(told, "A", PushState.READY)
    assert told.push("A").generation == 2
    assert told.due == 0
    told.settle()
    stands(told, "A", PushState.DONE)
    expect(told, 0)
    assert [record.is_live for record in told.books.records] == [False, True]


def test_a_charge_back_that_is_won_before_the_revert_needs_nothing() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    told.status("A", PaymentStatus.CHARGEBACK)
    told.settle()
    told.status("A", PaymentStatus.SUCCEEDED)
    told.settle()
    expect(told, 0)
    assert told.push("A").generation == 1
    assert told.is_frozen()


def test_an_invoice_that_turns_from_usd_to_cad_with_a_usd_payment_waiting_has_no_known_due() -> None:
    told = story(100)
    told.pay("A", 60)
    told.books.edit_currency("CAD")
    told.settle()
    assert told.row is not None
    assert told.row.not_payable is NotPayable.UNKNOWN_DUE
    expect(told, None, IssueKind.OTHER_CURRENCY, IssueKind.PUSH_STOPPED)

    stands(told, "A", PushState.NEEDS_PERSON, Reason.OTHER_CURRENCY)
    assert told.books.records == []
    told.books.edit_currency("USD")
    told.settle()
    stands(told, "A", PushState.DONE)
    expect(told, 40)


def test_a_sent_invoice_with_no_lines_never_freezes_and_is_due_once_lines_are_added() -> None:
    told = story(0, lines=())
    assert told.row is not None
    expect(told, 0)
    assert told.row.status is InvoiceStatus.OUTSTANDING
    assert told.row.not_payable is NotPayable.NOTHING_DUE
    assert not told.is_frozen()
    told.books.edit_invoice(100)
    told.read()
    expect(told, 100)
    assert told.row.terms.total == 100
    assert told.row.not_payable is None


def test_two_payments_at_once_on_one_invoice_are_both_subtracted_and_the_second_is_not_pushed_blindly() -> None:
    told = story(100)
    told.pay("A", 60)
    told.pay("B", 60)
    expect(told, -20, IssueKind.OVERPAID)
    told.settle()
    stands(told, "A", PushState.DONE)
    stands(told, "B", PushState.NEEDS_PERSON, Reason.LESS_OUTSTANDING)
    assert told.kinds() == {IssueKind.OVERPAID, IssueKind.PUSH_STOPPED}
    told.choose("B", Choice.REFUND_IN_AP)
    told.status("B", PaymentStatus.REFUNDED)
    told.settle()
    expect(told, 40)


def test_two_payments_at_once_that_fit_are_both_recorded() -> None:
    told = story(100)
    told.pay("A", 60)
    told.pay("B", 40)
    told.settle()
    expect(told, 0)
    assert told.is_frozen()


def test_the_second_payment_waits_while_the_first_ones_answer_is_lost() -> None:
    told = story(100)
    told.pay("A", 60)
    told.pay("B", 60)
    told.send("A", "never")
    told.send("B")
    stands(told, "B", PushState.WAITING, Reason.RETRY_LATER)
    told.settle()
    assert {told.push("A").state, told.push("B").state} == {PushState.DONE, PushState.NEEDS_PERSON}
    assert len(told.books.records) == 1
    assert told.due == -20


def test_a_payment_that_lands_long_after_it_was_given_up_is_counted_as_what_it_is() -> None:
    told = story(100)
    told.pay("A", 60)
    told.send("A", "never")
    told.status("A", PaymentStatus.FAILED)
    told.settle()
    stands(told, "A", PushState.CANCELLED, Reason.FAILED_BEFORE_PUSH)
    expect(told, 100)
    told.books.land(told.payments["A"], told.push("A"))
    told.read()
    assert told.shown_outstanding == 40
    expect(told, 100, IssueKind.REVERT_FAILED_PAYMENT)


def test_a_twin_on_an_invoice_that_the_first_one_paid_is_shown_although_all_of_it_became_a_credit() -> None:
    told = story(100)
    told.pay("A", 100)
    told.settle()
    twin = told.books.land(told.payments["A"], told.push("A"))
    told.read()
    assert told.shown_outstanding == 0
    expect(told, 0, IssueKind.DUPLICATE)
    assert f"delete payment #{twin} with the credit that it made" in told.issue(IssueKind.DUPLICATE).next_step
    told.books.delete(twin)
    told.read()
    expect(told, 0)


def test_twins_of_one_marker_are_found_and_do_not_lower_what_is_due_twice() -> None:
    told = story(200)
    told.pay("A", 60)
    told.settle()
    twin = told.books.land(told.payments["A"], told.push("A"))
    told.read()
    assert told.shown_outstanding == 80
    expect(told, 140, IssueKind.DUPLICATE)
    told.books.delete(twin)
    told.read()
    expect(told, 140)


def test_a_charge_back_that_is_won_finds_its_record_although_all_of_it_became_a_credit() -> None:
    told = story(100)
    told.books.type_payment(100)
    told.pay("A", 40)
    told.settle()
    stands(told, "A", PushState.NEEDS_PERSON, Reason.ALREADY_PAID)
    told.choose("A", Choice.POST_ANYWAY)
    told.settle()
    assert told.push("A").recorded_amount == 0
    told.status("A", PaymentStatus.CHARGEBACK)
    told.read()
    stands(told, "A", PushState.DONE)
    assert IssueKind.REVERT_FAILED_PAYMENT in told.kinds()
    told.status("A", PaymentStatus.SUCCEEDED)
    told.read()
    stands(told, "A", PushState.DONE)
    assert len(told.books.records) == 2
