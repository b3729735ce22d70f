"""Verification: what is drift, what is not, and what has to be looked at again (T1)."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from daemon.core.model import FbCredit, InvoiceContext, IssueKind, Resource, VisState
from daemon.core.verify import (
    DriftKind,
    HeldInvoice,
    Judgement,
    Mend,
    Rule,
    absent_here,
    absent_there,
    judge_invoice,
    judge_record,
)
from tests.builders import (
    CUSTOMER,
    INVOICE,
    NOW,
    make_customer,
    make_done,
    make_fb_invoice,
    make_fb_payment,
    make_line,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_reading,
    make_snapshot,
)
from tests.core.verifying import held, kinds, look, rules

# ---- invoices --------------------------------------------------------------------------------------------------------


def test_an_invoice_as_it_was_read_is_no_difference() -> None:
    snapshot = make_snapshot()
    assert judge_invoice(look(snapshot), held(snapshot), None) == Judgement()


def test_an_invoice_that_changes_while_it_is_compared_is_looked_at_again() -> None:
    snapshot = make_snapshot()
    torn = replace(snapshot, invoice=replace(snapshot.invoice, outstanding=Decimal(1)))
    assert judge_invoice(torn, held(snapshot), None).unsettled
    older = replace(snapshot, reading=make_reading(NOW - timedelta(hours=1)))
    stale = held(snapshot, updated_at=NOW)
    assert judge_invoice(older, stale, None).unsettled
    assert not judge_invoice(older, stale, None).is_clean


def test_an_invoice_that_is_missing_here_is_drift_unless_it_is_new() -> None:
    snapshot = make_snapshot()
    nothing = HeldInvoice(context=InvoiceContext(invoice=None))
    judgement = judge_invoice(snapshot, nothing, None)
    assert kinds(judgement) == [DriftKind.MISSING_HERE]
    assert judgement.drifts[0].mend is Mend.READ_AGAIN
    assert rules(judge_invoice(snapshot, nothing, snapshot.invoice.updated_at)) == [Rule.P1]
    assert kinds(judge_invoice(snapshot, nothing, NOW)) == [DriftKind.MISSING_HERE]


def test_terms_that_differ_are_named_and_taken_anew_unless_they_are_news() -> None:
    snapshot = make_snapshot()
    ours = held(snapshot)
    invoice = ours.context.invoice
    assert invoice is not None
    changed = replace(invoice.terms, total=Decimal(99), number="7")
    wrong = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=changed)))
    judgement = judge_invoice(look(snapshot), wrong, None)
    assert kinds(judgement) == [DriftKind.DIFFERENT]
    assert "number 7 -> 0000812, total 99 -> 100.00" in judgement.drifts[0].detail
    assert judgement.drifts[0].mend is Mend.TAKE_ANEW
    assert rules(judge_invoice(look(snapshot), wrong, snapshot.invoice.updated_at)) == [Rule.P1]


def test_what_waits_to_be_read_again_is_listed_under_p1() -> None:
    snapshot = make_snapshot()
    queued = replace(held(snapshot, amount_due=Decimal(1)), is_queued=True)
    assert rules(judge_invoice(look(snapshot), queued, None)) == [Rule.P1]


def test_lines_that_differ_are_found() -> None:
    snapshot = make_snapshot()
    ours = held(snapshot)
    invoice = ours.context.invoice
    assert invoice is not None
    lines = replace(invoice.terms, lines=(make_line(quantity=Decimal(2)),))
    wrong = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=lines)))
    assert "lines" in judge_invoice(look(snapshot), wrong, None).drifts[0].detail


def test_a_hash_that_does_not_fit_its_content_is_found() -> None:
    snapshot = make_snapshot()
    judgement = judge_invoice(look(snapshot), held(snapshot, terms_hash=7), None)
    assert "its hash is not" in judgement.drifts[0].detail


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("amount_due", Decimal(1), "amount due"),
        ("fb_outstanding", Decimal(1), "outstanding"),
        ("vis_state", VisState.DELETED, "visibility"),
        ("disputed", True, "disputed"),
    ],
)
def test_facts_that_differ_are_found(field: str, value: object, word: str) -> None:
    snapshot = make_snapshot()
    judgement = judge_invoice(look(snapshot), held(snapshot, **{field: value}), None)
    assert kinds(judgement) == [DriftKind.DIFFERENT]
    assert word in judgement.drifts[0].detail
    assert judgement.drifts[0].mend is Mend.READ_AGAIN


def test_an_issue_that_stands_without_a_cause_or_is_missing_is_found() -> None:
    snapshot = make_snapshot()
    ours = held(snapshot)
    about = ("invoice", str(INVOICE))
    stray = replace(ours, open_issues=frozenset({(IssueKind.OVERPAID, about), (IssueKind.OVERPAID, ("invoice", "9"))}))
    assert "the issue overpaid stands here" in judge_invoice(look(snapshot), stray, None).drifts[0].detail
    over = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 130)])
    link = make_link(make_payment(amount=130), make_done(recorded=130))
    silent = replace(held(over, link), open_issues=frozenset())
    assert "the issue overpaid is missing" in judge_invoice(look(over), silent, None).drifts[0].detail


def test_what_freshbooks_shows_of_our_payments_is_compared() -> None:
    snapshot = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40)])
    link = make_link(make_payment(amount=40), make_done(recorded=40))
    ours = held(snapshot, link)
    assert judge_invoice(look(snapshot), ours, None) == Judgement()
    unknown = replace(ours, context=replace(ours.context, applied=()))
    assert "our payments" in judge_invoice(look(snapshot), unknown, None).drifts[0].detail


# ---- records ---------------------------------------------------------------------------------------------------------


def test_records_are_compared_by_content() -> None:
    theirs = make_customer()
    assert judge_record(Resource.CUSTOMERS, replace(theirs, fingerprint=7, updated_at=NOW), theirs, None) == Judgement()
    ours = replace(theirs, email="x", vis_state=VisState.DELETED)
    judgement = judge_record(Resource.CUSTOMERS, ours, theirs, None)
    assert kinds(judgement) == [DriftKind.DIFFERENT]
    assert judgement.drifts[0].detail == "email 'x' here, 'ada@northwind.example' there, status 1 here, 0 there"
    assert rules(judge_record(Resource.CUSTOMERS, ours, theirs, theirs.updated_at)) == [Rule.P1]


def test_a_credit_note_differs_whenever_it_differs_since_freshbooks_dates_none() -> None:
    theirs = FbCredit(
        id=1,
        customer_id=CUSTOMER,
        number="C1",
        credit_type="goodwill",
        amount=Decimal(5),
        currency="USD",
        issued_on=date(2026, 1, 1),
        description="",
        vis_state=VisState.ACTIVE,
    )
    judgement = judge_record(Resource.CREDITS, replace(theirs, amount=Decimal(6)), theirs, NOW - timedelta(days=900))
    assert judgement.drifts[0].mend is Mend.SYNC
    assert absent_here(Resource.CREDITS, theirs, 1, NOW).drifts[0].mend is Mend.SYNC


def test_records_that_are_missing_on_either_side() -> None:
    theirs = make_fb_payment()
    assert absent_here(Resource.PAYMENTS, theirs, 501, None).drifts[0].mend is Mend.READ_AGAIN
    assert rules(absent_here(Resource.PAYMENTS, theirs, 501, theirs.updated_at)) == [Rule.P1]
    assert rules(absent_here(Resource.PAYMENTS, None, 501, None)) == [Rule.P10]
    (drift,) = absent_there(Resource.PAYMENTS, 501).drifts
    assert (drift.kind, drift.mend) == (DriftKind.EXTRA_HERE, None)
