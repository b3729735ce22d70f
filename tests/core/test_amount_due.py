"""P7, one fact at a time: what is read, and what counts of it."""

from dataclasses import replace

import pytest

from daemon.core.amount_due import attribute, reassign
from daemon.core.invoice_rules import decide_page_read, decide_snapshot, decide_without_read
from daemon.core.model import (
    Choice,
    InvoiceDecision,
    InvoiceStatus,
    IssueKind,
    NotPayable,
    PaymentStatus,
    PushState,
    Reason,
    VisState,
)
from tests.builders import (
    INVOICE,
    OTHER_INVOICE,
    make_applied,
    make_context,
    make_done,
    make_fb_invoice,
    make_fb_payment,
    make_invoice,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_reading,
    make_snapshot,
)
from tests.core.deciding import decide, due, kinds

# ---- reads -----------------------------------------------------------------------------------------------------------


def test_without_platform_payments_freshbooks_outstanding_is_due() -> None:
    decision = decide_page_read(make_fb_invoice(100, 60), make_reading(), make_context())
    assert decision.invoice is not None
    assert decision.invoice.amount_due == 60
    assert decision.invoice.terms.total == 100
    assert decision.applied == ()
    assert not decision.reread


def test_a_page_read_of_an_invoice_with_a_platform_payment_stores_nothing_and_asks_for_a_snapshot() -> None:
    for context in (make_context(links=[make_link()]), make_context(applied=[make_applied()])):
        decision = decide_page_read(make_fb_invoice(), make_reading(), context)
        assert decision.invoice is None
        assert decision.reread


def test_a_snapshot_that_does_not_add_up_stores_nothing_and_is_read_again() -> None:
    torn = replace(make_snapshot(), payments=(make_fb_payment(amount=40),))
    decision = decide_snapshot(torn, make_context())
    assert decision.invoice is None
    assert decision.reread


def test_a_snapshot_that_shows_a_record_both_live_and_deleted_stores_nothing_and_is_read_again() -> None:
    live = make_fb_payment(amount=40)
    gone = replace(live, vis_state=VisState.DELETED)
    torn = replace(make_snapshot(payments=[live]), payments=(live, gone))
    decision = decide_snapshot(torn, make_context())
    assert decision.invoice is None
    assert decision.reread


def test_what_stood_still_stands_when_a_read_stores_nothing() -> None:
    row = make_invoice()
    context = make_context(row, [make_link(make_payment(amount=130))])
    stands = decide_without_read(context)
    kept = decide_page_read(make_fb_invoice(), make_reading(), replace(context, invoice=stands.invoice))
    assert kept.issues == stands.issues
    assert kinds(kept) == {IssueKind.OVERPAID}
    assert kept.subjects == {("invoice", "812"), ("payment", "pay_1")}


def test_an_invoice_that_was_never_read_is_asked_for() -> None:
    decision = decide_without_read(make_context(links=[make_link()]))
    assert decision.invoice is None
    assert decision.reread
    stopped = make_push(state=PushState.NEEDS_PERSON, reason=Reason.REFUSED_BY_FRESHBOOKS)
    refused = decide_without_read(make_context(links=[make_link(make_payment(), stopped)]))
    assert kinds(refused) == {IssueKind.PUSH_STOPPED}
    assert "invoice #812" in next(iter(refused.issues)).reason


def test_nothing_at_all_is_decided_about_nothing() -> None:
    assert decide_without_read(make_context()) == InvoiceDecision(invoice=None)


# ---- what counts -----------------------------------------------------------------------------------------------------


def test_what_we_pushed_is_recognised_by_stored_id_and_by_marker_of_any_generation() -> None:
    first = make_done(fb_id=501, state=PushState.CANCELLED, reason=Reason.CHARGEBACK_REVERTED)
    link = make_link(make_payment(), first, make_push(generation=2))
    seen = [make_fb_payment(501, 10), make_our_fb_payment(502, 20), make_our_fb_payment(503, 30, generation=2)]
    rows = attribute(seen, [link], INVOICE)
    assert [(row.fb_payment_id, row.payment_id) for row in rows] == [(501, "pay_1"), (502, "pay_1"), (503, "pay_1")]


def test_what_is_not_ours_is_not_recognised() -> None:
    seen = [
        make_fb_payment(501),
        make_our_fb_payment(502, payment_id="pay_of_another_partner"),
        make_our_fb_payment(503, from_credit=True),
    ]
    assert attribute(seen, [make_link()], INVOICE) == ()


def test_a_record_without_a_marker_counts_for_us_at_most_what_was_paid_through_us() -> None:
    by_hand = make_link(make_payment(amount=40), make_done(fb_id=700, recorded=40, choice=Choice.SETTLED_BY_HAND))
    assert attribute([make_fb_payment(700, 70)], [by_hand], INVOICE)[0].amount == 40
    assert attribute([make_our_fb_payment(700, 70)], [by_hand], INVOICE)[0].amount == 70


def test_a_record_that_is_deleted_or_moved_away_counts_nothing_but_was_seen() -> None:
    link = make_link(make_payment(), make_done())
    for record in (make_our_fb_payment(vis_state=VisState.DELETED), make_our_fb_payment(invoice_id=OTHER_INVOICE)):
        assert attribute([record], [link], INVOICE) == (make_applied(amount=0),)


def test_a_note_with_two_markers_counts_once() -> None:
    links = [make_link(make_payment("pay_1", 60)), make_link(make_payment("pay_2", 40))]
    merged = make_fb_payment(501, 100, note="AP:pay_2:1 AP:pay_1:1")
    assert [row.payment_id for row in attribute([merged], links, INVOICE)] == ["pay_1"]


def test_stored_rows_follow_the_record_to_the_payment_that_it_stands_for_now() -> None:
    failed = make_link(make_payment("pay_1", status=PaymentStatus.FAILED), make_done("pay_1", 501))
    stands_in = make_link(make_payment("pay_2"), make_done("pay_2", 501, choice=Choice.STAND_IN))
    for links in ([failed, stands_in], [stands_in, failed]):
        assert reassign([make_applied(501)], links) == (make_applied(501, payment_id="pay_2"),)
    assert reassign([make_applied(999)], [failed]) == (make_applied(999),)
    decision = decide_without_read(make_context(make_invoice(), [failed, stands_in], [make_applied(501)]))
    assert decision.applied == (make_applied(501, payment_id="pay_2"),)
    assert [(push.payment_id, push.reason) for push in decision.changed] == [("pay_1", Reason.REPLACED)]


def test_rows_that_stay_as_they_are_are_not_written_again() -> None:
    link = make_link(make_payment(), make_done())
    assert decide_without_read(make_context(make_invoice(), [link], [make_applied()])).applied is None


def test_the_amount_due_is_negative_when_more_was_paid_and_that_is_an_issue() -> None:
    decision = decide([make_link(make_payment(amount=130))])
    assert decision.invoice is not None
    assert decision.invoice.amount_due == -30
    assert decision.invoice.status is InvoiceStatus.PAID
    assert kinds(decision) == {IssueKind.OVERPAID}
    assert "overpaid by 30.00 USD" in next(iter(decision.issues)).reason


# ---- currencies ------------------------------------------------------------------------------------------------------


def test_two_currencies_are_never_summed() -> None:
    decision = decide([make_link(make_payment(currency="CAD"))])
    assert decision.invoice is not None
    assert decision.invoice.amount_due is None
    assert decision.invoice.status is InvoiceStatus.OUTSTANDING
    assert decision.invoice.not_payable is NotPayable.UNKNOWN_DUE
    assert kinds(decision) == {IssueKind.OTHER_CURRENCY}


def test_a_record_in_another_currency_makes_the_due_unknown() -> None:
    link = make_link(make_payment(status=PaymentStatus.FAILED), make_done())
    assert due([link], [make_our_fb_payment(currency="CAD")]) is None


def test_what_counts_nothing_makes_no_due_unknown() -> None:
    assert due([make_link(make_payment(currency="CAD", status=PaymentStatus.FAILED))]) == 100
    refunded = make_payment(currency="CAD", status=PaymentStatus.REFUNDED)
    assert due([make_link(refunded, make_push(choice=Choice.STILL_OWES))]) == 100
    gone = make_link(make_payment(status=PaymentStatus.FAILED), make_done())
    assert due([gone], [make_our_fb_payment(currency="CAD", vis_state=VisState.DELETED)]) == 100


# ---- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "choice", "expected"),
    [
        (PaymentStatus.REFUNDED, None, 0),
        (PaymentStatus.REFUNDED, Choice.OWES_NOTHING, 0),
        (PaymentStatus.REFUNDED, Choice.STILL_OWES, 100),
        (PaymentStatus.REFUNDED, Choice.REFUND_IN_AP, 100),
        (PaymentStatus.SUCCEEDED, Choice.REFUND_IN_AP, 0),
        (PaymentStatus.SUCCEEDED, Choice.STILL_OWES, 0),
        (PaymentStatus.SUCCEEDED, Choice.REOPEN, 100),
    ],
)
def test_a_refund_alone_changes_nothing_and_an_answer_does(
    status: PaymentStatus, choice: Choice | None, expected: int
) -> None:
    gone = [make_our_fb_payment(vis_state=VisState.DELETED)]
    assert due([make_link(make_payment(status=status), make_done(choice=choice))], gone) == expected


@pytest.mark.parametrize(("shown", "expected"), [(100, 0), (60, 40), (0, 100)])
def test_reopening_lets_go_of_what_freshbooks_no_longer_shows_and_of_nothing_else(shown: int, expected: int) -> None:
    link = make_link(make_payment(), make_done(choice=Choice.REOPEN))
    assert due([link], [make_our_fb_payment(amount=shown)]) == expected
