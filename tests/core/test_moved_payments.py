"""P8: a payment that a bookkeeper moved here from another invoice."""

from dataclasses import replace

import pytest

from daemon.core.invoice_rules import decide_snapshot, decide_without_read
from daemon.core.model import (
    Choice,
    InvoiceId,
    PaymentStatus,
    PushState,
)
from tests.builders import (
    OTHER_INVOICE,
    make_applied,
    make_context,
    make_done,
    make_elsewhere,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_snapshot,
)
from tests.core.deciding import decide, due

VISITOR = make_payment(invoice_id=OTHER_INVOICE)
MOVED = [make_our_fb_payment(501, 100)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (PaymentStatus.PROCESSING, 0),
        (PaymentStatus.SUCCEEDED, 0),
        (PaymentStatus.FAILED, 100),
        (PaymentStatus.CHARGEBACK, 100),
        (PaymentStatus.REFUNDED, 0),
    ],
)
def test_a_payment_moved_here_pays_this_invoice_as_long_as_its_money_is_held(
    status: PaymentStatus, expected: int
) -> None:
    link = make_link(replace(VISITOR, status=status), make_done())
    assert due([link], MOVED) == expected


def test_an_invoice_paid_by_a_payment_that_was_moved_here_unfreezes_when_it_fails() -> None:
    frozen = decide([make_link(VISITOR, make_done())], MOVED).invoice
    assert frozen is not None
    assert frozen.is_frozen
    failed = make_link(replace(VISITOR, status=PaymentStatus.FAILED), make_done())
    decision = decide_without_read(make_context(frozen, [failed], [make_applied(501)]))
    assert decision.reread
    assert decision.invoice is not None
    assert not decision.invoice.is_frozen
    assert decision.invoice.amount_due == 100


def test_a_payment_moved_here_pays_nothing_once_its_customer_still_owes() -> None:
    refunded = replace(VISITOR, status=PaymentStatus.REFUNDED)
    assert due([make_link(refunded, make_done(choice=Choice.STILL_OWES))], MOVED) == 100


def test_a_payment_moved_here_pays_nothing_once_it_is_recorded_again_where_it_belongs() -> None:
    again = make_link(VISITOR, make_done(), make_push(generation=2))
    assert due([again], MOVED) == 100
    at_home = make_link(VISITOR, make_done(), elsewhere=(make_elsewhere(502, invoice_id=OTHER_INVOICE),))
    assert due([at_home], MOVED) == 100
    third = make_link(VISITOR, make_done(), elsewhere=(make_elsewhere(502, invoice_id=InvoiceId(814)),))
    assert due([third], MOVED) == 0


def test_a_payment_moved_here_pays_this_invoice_also_when_a_newer_generation_had_taken_its_record_over() -> None:
    adopted = make_link(VISITOR, make_done(choice=Choice.RECORD_AGAIN), make_done(generation=2))
    assert due([adopted], MOVED) == 0


def test_a_payment_moved_here_pays_this_invoice_before_its_own_has_been_read_again() -> None:
    not_yet_read = make_link(VISITOR, make_done(), elsewhere=(make_elsewhere(501, invoice_id=OTHER_INVOICE),))
    decision = decide([not_yet_read], MOVED)
    assert decision.invoice is not None
    assert decision.invoice.is_frozen
    assert decision.invoice.frozen_other == 100
    assert decision.invoice.amount_due == 0


def test_a_payment_moved_here_that_has_not_arrived_yet_counts_nothing() -> None:
    assert due([make_link(VISITOR, make_push(state=PushState.UNCERTAIN))]) == 100


def test_the_issues_of_a_payment_moved_here_belong_to_its_own_invoice_which_is_decided_again() -> None:
    link = make_link(replace(VISITOR, status=PaymentStatus.FAILED), make_done())
    decision = decide([link], MOVED)
    assert decision.subjects == {("invoice", "812")}
    assert decision.issues == frozenset()
    assert decision.related == {OTHER_INVOICE}
    unchanged = decide_snapshot(make_snapshot(payments=MOVED), make_context(None, [link], [make_applied(501)]))
    assert unchanged.related == frozenset()
