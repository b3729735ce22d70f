"""P5: a paid invoice follows FreshBooks again when a payment that was counted fails, or when a person wants it to."""

import pytest

from daemon.core.invoice_rules import decide_unfreeze
from daemon.core.model import Choice, PaymentStatus
from tests.builders import (
    make_context,
    make_done,
    make_invoice,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_snapshot,
)
from tests.core.story import paid_by_platform, story


@pytest.mark.parametrize("status", [PaymentStatus.FAILED, PaymentStatus.CHARGEBACK])
def test_it_unfreezes_when_a_counted_payment_fails_and_takes_freshbooks_version_at_once(status: PaymentStatus) -> None:
    told = paid_by_platform(100)
    told.books.edit_invoice(150, number="B-7")
    told.settle()
    told.status("A", status)
    assert not told.is_frozen()
    assert told.due == 150
    told.read()
    assert told.row is not None
    assert told.row.terms.number == "B-7"
    assert told.row.terms.total == 150
    assert told.due == 150
    assert "follows FreshBooks again" in [entry.what for entry in told.history]


def test_unfreezing_without_a_read_asks_for_one() -> None:
    link = make_link(make_payment(status=PaymentStatus.FAILED), make_done())
    seen = make_snapshot(payments=[make_our_fb_payment()])
    held = make_link(make_payment(), make_done())
    decision = decide_unfreeze(make_context(make_invoice(seen, [held]), [link]))
    assert decision.reread
    assert decision.invoice is not None
    assert not decision.invoice.is_frozen


def test_it_unfreezes_when_a_payment_fails_whose_record_was_deleted_and_another_one_pays() -> None:
    told = paid_by_platform(100)
    told.pay("B", 100)
    told.settle()
    told.books.delete(told.record_of("A"))
    told.books.edit_invoice(number="B-7")
    told.read()
    assert told.is_frozen()
    assert told.due == -100
    told.status("A", PaymentStatus.FAILED)
    assert not told.is_frozen()
    assert told.due == 0
    told.read()
    assert told.row is not None
    assert told.row.terms.number == "B-7"


def test_it_unfreezes_when_a_person_reopens_it() -> None:
    told = paid_by_platform(100)
    told.books.delete(told.record_of("A"))
    told.settle()
    assert told.is_frozen()
    told.choose("A", Choice.REOPEN)
    told.settle()
    assert not told.is_frozen()
    assert told.due == 100


def test_it_stays_frozen_when_a_payment_fails_that_never_counted() -> None:
    told = story(100)
    told.pay("B", 40)
    told.status("B", PaymentStatus.FAILED)
    told.books.type_payment(100)
    told.settle()
    told.books.edit_invoice(number="B-7")
    told.settle()
    assert told.is_frozen()
    assert told.row is not None
    assert told.row.terms.number == "0000812"


def test_taking_freshbooks_version_of_an_invoice_that_follows_it_anyway_changes_nothing() -> None:
    row = make_invoice()
    decision = decide_unfreeze(make_context(row))
    assert decision.invoice == row
    assert decision.history == ()
