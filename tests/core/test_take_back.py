"""Deletions that follow the other side, when the partner wants that (O3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import FbPaymentId, InvoiceContext, InvoiceStatus, PaymentId, VisState
from daemon.core.take_back import Standing, is_unchanged, typed_money_left
from tests.builders import (
    INVOICE,
    NOW,
    OTHER_INVOICE,
    make_fb_invoice,
    make_fb_payment,
    make_our_fb_payment,
    make_reading,
    make_snapshot,
    usd,
)

STANDING = Standing(
    payment_id=PaymentId("pay_1"), generation=1, fb_payment_id=FbPaymentId(501), amount=usd(100), invoice_id=INVOICE
)
PAID = make_snapshot(make_fb_invoice(100), [make_fb_payment(501, 100)])
LATER = make_reading(NOW + timedelta(hours=1))
GONE = make_snapshot(make_fb_invoice(100), [make_fb_payment(501, 100, vis_state=VisState.DELETED)], LATER)


def test_a_record_as_we_made_it_may_be_deleted() -> None:
    assert is_unchanged(make_our_fb_payment(501, 100), STANDING)


@pytest.mark.parametrize(
    "change",
    [
        {"vis_state": VisState.DELETED},
        {"id": FbPaymentId(502)},
        {"invoice_id": OTHER_INVOICE},
        {"amount": usd(99)},
        {"note": "checked by Ann"},
        {"note": "AP:pay_1:2"},
        {"note": "AP:pay_1:1 AP:pay_2:1"},
    ],
)
def test_a_record_that_anybody_changed_is_left_alone(change: dict[str, Any]) -> None:
    assert not is_unchanged(replace(make_our_fb_payment(501, 100), **change), STANDING)


def test_only_a_deleted_payment_that_is_not_ours_leaves_less_paid() -> None:
    ours = {FbPaymentId(501)}
    assert typed_money_left(GONE, (), usd(100), usd(0))
    assert not typed_money_left(GONE, ours, usd(100), usd(0))
    assert not typed_money_left(GONE, (), usd(0), usd(0))
    assert not typed_money_left(GONE, (), None, usd(0))
    assert not typed_money_left(PAID, (), usd(100), usd(0))


@pytest.mark.parametrize(("wanted", "status"), [(False, InvoiceStatus.PAID), (True, InvoiceStatus.OUTSTANDING)])
def test_an_invoice_is_reopened_by_a_deletion_only_where_that_is_wanted(wanted: bool, status: InvoiceStatus) -> None:
    paid = decide_snapshot(PAID, InvoiceContext(invoice=None)).invoice
    decided = decide_snapshot(GONE, InvoiceContext(invoice=paid, takes_deletions=wanted)).invoice
    assert decided is not None
    assert decided.status is status
    assert decided.amount_due == (usd(100) if wanted else usd(0))


def test_a_paid_invoice_stays_paid_where_nothing_was_deleted() -> None:
    paid = decide_snapshot(PAID, InvoiceContext(invoice=None)).invoice
    again = replace(PAID, reading=LATER)
    decided = decide_snapshot(again, InvoiceContext(invoice=paid, takes_deletions=True)).invoice
    assert decided is not None
    assert decided.status is InvoiceStatus.PAID
