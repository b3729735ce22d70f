"""P5: which invoices freeze as paid; a frozen one ignores later edits, and counts what settled it once."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from daemon.core.invoice_rules import decide_page_read, decide_snapshot, terms_of
from daemon.core.model import (
    Choice,
    InvoiceId,
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
    NOW,
    OTHER_INVOICE,
    make_context,
    make_done,
    make_fb_invoice,
    make_fb_payment,
    make_invoice,
    make_line,
    make_link,
    make_payment,
    make_reading,
    make_snapshot,
    usd,
)
from tests.core.story import expect, paid_by_cheque, paid_by_platform, stands, story

EDITS: dict[str, dict[str, Any]] = {
    "number": {"number": "B-7"},
    "due date": {"due_on": date(2026, 1, 31)},
    "issue date": {"issued_on": date(2025, 10, 1)},
    "customer": {"customer_id": 99},
    "description": {"description": "Something else"},
    "lines": {"lines": (make_line(name="Another line"),)},
}


@pytest.mark.parametrize("field", EDITS)
def test_a_paid_invoice_ignores_later_edits(field: str) -> None:
    told = paid_by_cheque()
    assert told.row is not None
    before = told.row.terms
    told.books.edit_invoice(**EDITS[field])
    told.read()
    assert told.row.terms == before
    expect(told, 0)
    ignored = [entry for entry in told.history if entry.ignored]
    assert [field in entry.detail for entry in ignored] == [True]


@pytest.mark.parametrize("field", EDITS)
def test_an_unpaid_invoice_follows_every_edit(field: str) -> None:
    told = story(100)
    told.books.edit_invoice(**EDITS[field])
    told.read()
    assert told.row is not None
    assert told.row.terms == terms_of(told.books.invoice)
    assert told.row.terms_hash == told.row.fb_terms_hash
    assert [entry.ignored for entry in told.history] == [False]


def test_an_ignored_edit_stands_in_the_history_once() -> None:
    told = paid_by_cheque()
    told.books.edit_invoice(number="B-7")
    for _ in range(3):
        told.read()
    assert [entry.what for entry in told.history if entry.ignored] == ["edited in FreshBooks after it was paid"]
    told.books.edit_invoice(number="0000812")
    told.read()
    assert told.history[-1].what == "edit undone in FreshBooks"


def test_an_ignored_edit_that_changes_what_is_owed_is_an_issue_until_freshbooks_version_is_taken() -> None:
    told = paid_by_platform(100)
    told.books.edit_invoice(150)
    told.settle()
    expect(told, 0, IssueKind.PAID_INVOICE_CHANGED)
    assert told.issue(IssueKind.PAID_INVOICE_CHANGED).actions == ("take_freshbooks_version",)
    told.take_freshbooks_version()
    told.settle()
    expect(told, 50)
    assert told.row is not None
    assert told.row.terms.total == 150
    assert not told.is_frozen()


def test_an_ignored_edit_that_is_undone_in_freshbooks_clears_its_issue() -> None:
    told = paid_by_platform(100)
    told.books.edit_invoice(150)
    told.settle()
    told.books.edit_invoice(100)
    told.settle()
    expect(told, 0)


def test_a_payment_typed_in_freshbooks_and_deleted_there_later_does_not_reopen_a_paid_invoice() -> None:
    told = paid_by_cheque()
    told.books.delete(501)
    told.settle()
    expect(told, 0, IssueKind.PAID_INVOICE_CHANGED)
    assert told.shown_outstanding == 100
    assert told.history[-1].what == "balance changed in FreshBooks"
    told.take_freshbooks_version()
    told.settle()
    expect(told, 100)


def test_a_paid_invoice_in_another_currency_now_is_an_issue() -> None:
    told = paid_by_platform(100)
    told.books.edit_currency("CAD")
    told.settle()
    expect(told, 0, IssueKind.PAID_INVOICE_CHANGED)
    assert "CAD" in told.issue(IssueKind.PAID_INVOICE_CHANGED).reason


def test_our_own_push_is_no_edit() -> None:
    told = paid_by_platform()
    told.settle()
    assert [entry.what for entry in told.history] == ["paid"]


def test_an_empty_draft_never_freezes() -> None:
    told = story(0, status=1, lines=())
    assert told.row is not None
    assert not told.is_frozen()
    assert told.row.status is InvoiceStatus.DRAFT


def test_a_deleted_invoice_does_not_freeze() -> None:
    told = story(100)
    told.books.type_payment(100)
    told.books.edit_invoice(vis_state=VisState.DELETED)
    told.read()
    assert not told.is_frozen()


def test_an_invoice_freezes_when_credits_settle_it() -> None:
    credit = make_fb_payment(amount=100, from_credit=True, credit_id=9, type="Credit")
    row = make_invoice(make_snapshot(payments=[credit]))
    assert row.is_frozen
    assert row.frozen_other == 100


def test_an_invoice_without_platform_payments_freezes_on_a_page_read() -> None:
    read = make_fb_invoice(100, 0)
    row = decide_page_read(read, make_reading(), make_context()).invoice
    assert row is not None
    assert row.frozen_at == make_reading().finished_at
    assert row.frozen_other == 100
    assert row.status is InvoiceStatus.PAID


def test_an_invoice_that_only_a_failed_payment_keeps_paid_does_not_freeze() -> None:
    told = story(100)
    told.pay("A", 100)
    told.send("A")
    told.status("A", PaymentStatus.FAILED)
    told.pay("B", 100)
    told.settle()
    assert told.due == 0
    assert not told.is_frozen()


def test_an_invoice_that_one_record_pays_twice_does_not_freeze() -> None:
    told = story(200)
    told.pay("A", 100)
    told.send("A")
    told.books.land(told.payments["A"], told.push("A"))
    told.read()
    assert told.shown_outstanding == 0
    assert told.due == 100
    assert not told.is_frozen()


def test_a_cheque_that_is_named_as_our_payment_is_not_counted_twice_on_a_frozen_invoice() -> None:
    told = paid_by_cheque()
    told.pay("B", 40)
    told.settle()
    expect(told, -40, IssueKind.OVERPAID, IssueKind.PUSH_STOPPED)
    stands(told, "B", PushState.NEEDS_PERSON, Reason.ALREADY_PAID)
    told.choose("B", Choice.SETTLED_BY_HAND, 501)
    told.settle()
    expect(told, 0)
    assert told.is_frozen()


@pytest.mark.parametrize(("own", "other"), [(INVOICE, 70), (OTHER_INVOICE, 100)])
def test_only_who_names_a_record_for_a_payment_of_a_frozen_invoice_has_its_other_money_counted_anew(
    own: InvoiceId, other: int
) -> None:
    """One that was named on its own invoice and moved here afterwards is an edit like any other: it is ignored."""
    cheque, later = make_fb_payment(501, 100), make_fb_payment(502, 40)
    before = make_invoice(make_snapshot(payments=[cheque], reading=make_reading(NOW, 1)))
    assert before.is_frozen
    push = make_done("pay_9", 502, 40, choice=Choice.SETTLED_BY_HAND)
    link = make_link(make_payment("pay_9", 40, invoice_id=own), push)
    cheque = replace(cheque, amount=usd(70))
    seen = make_snapshot(payments=[cheque, later], reading=make_reading(NOW + timedelta(minutes=5), 1))
    decision = decide_snapshot(seen, make_context(before, [link]))
    assert decision.invoice is not None
    assert decision.invoice.frozen_other == other


def test_a_frozen_invoice_holds_its_due_in_the_currency_it_was_paid_in() -> None:
    told = paid_by_cheque()
    told.pay("B", 40, currency="CAD")
    told.settle()
    expect(told, None, IssueKind.OTHER_CURRENCY, IssueKind.PUSH_STOPPED)
    assert told.is_frozen()


def test_a_frozen_invoice_that_turns_into_a_draft_in_freshbooks_stays_paid() -> None:
    told = paid_by_cheque()
    told.books.edit_invoice(status=1)
    told.read()
    assert told.row is not None
    assert told.row.status is InvoiceStatus.PAID
    assert told.row.not_payable is NotPayable.NOTHING_DUE


def test_it_freezes_at_the_time_of_the_read_that_showed_it_settled() -> None:
    seen = make_snapshot(payments=[make_fb_payment()], reading=make_reading(NOW, 2))
    decision = decide_snapshot(seen, make_context())
    assert decision.invoice is not None
    assert decision.invoice.frozen_at == seen.reading.finished_at
