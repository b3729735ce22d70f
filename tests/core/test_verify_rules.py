"""What a rule prescribes is no drift: it is listed under the rule, and nothing is mended (T1)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.model import PaymentStatus, PushState, Reason, VisState
from daemon.core.verify import DriftKind, HeldInvoice, Judgement, Mend, Rule, judge_invoice
from tests.builders import (
    INVOICE,
    NOW,
    make_done,
    make_fb_invoice,
    make_fb_payment,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_reading,
    make_snapshot,
)
from tests.core.verifying import held, kinds, look, rules

# ---- paid invoices (P5) ----------------------------------------------------------------------------------------------

PAID = make_snapshot(make_fb_invoice(100), [make_fb_payment(501, 100)])


def test_a_freeze_that_is_lost_or_stale_is_found() -> None:
    lost = judge_invoice(look(PAID), held(PAID, frozen_at=None, frozen_other=None), None)
    assert kinds(lost)[0] is DriftKind.STALE_FREEZE
    assert "is paid, and it is not frozen" in lost.drifts[0].detail
    unpaid = make_snapshot()
    stale = judge_invoice(look(unpaid), held(unpaid, frozen_at=NOW, frozen_other=Decimal(0)), None)
    assert kinds(stale) == [DriftKind.STALE_FREEZE]
    assert "it is not paid" in stale.drifts[0].detail


def test_an_edit_after_it_was_paid_is_listed_under_p5() -> None:
    edited = look(replace(PAID, invoice=replace(PAID.invoice, description="other")))
    ours = held(PAID)
    invoice = decide_snapshot(edited, ours.context).invoice
    assert invoice is not None
    terms = ours.context.invoice.terms if ours.context.invoice else invoice.terms
    known = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=terms)))
    judgement = judge_invoice(replace(edited, reading=make_reading(NOW + timedelta(hours=2))), known, None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.P5])


def test_an_edit_after_it_was_paid_that_changes_what_is_owed_is_listed_once() -> None:
    raised = replace(PAID.invoice, amount=Decimal(120), outstanding=Decimal(20))
    edited = look(replace(PAID, invoice=raised))
    ours = held(PAID)
    decision = decide_snapshot(edited, ours.context)
    assert decision.invoice is not None
    assert ours.context.invoice is not None
    known = HeldInvoice(
        context=replace(ours.context, invoice=replace(decision.invoice, terms=ours.context.invoice.terms)),
        open_issues=frozenset((issue.kind, issue.subject) for issue in decision.issues),
    )
    judgement = judge_invoice(replace(edited, reading=make_reading(NOW + timedelta(hours=2))), known, None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.P5])


def test_frozen_terms_that_were_changed_here_can_be_taken_anew_only_while_freshbooks_still_shows_them() -> None:
    ours = held(PAID)
    invoice = ours.context.invoice
    assert invoice is not None
    terms = replace(invoice.terms, description="changed here")
    wrong = replace(ours, context=replace(ours.context, invoice=replace(invoice, terms=terms)))
    judgement = judge_invoice(look(PAID), wrong, None)
    assert [(drift.kind, drift.mend) for drift in judgement.drifts] == [(DriftKind.DIFFERENT, Mend.TAKE_ANEW)]
    edited = look(replace(PAID, invoice=replace(PAID.invoice, number="8")))
    assert judge_invoice(edited, wrong, None).drifts[0].mend is None


# ---- what a rule prescribes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "word"), [(VisState.DELETED, "deleted"), (VisState.ARCHIVED, "archived")])
def test_what_is_deleted_or_archived_in_freshbooks_and_kept_here_is_p6(state: VisState, word: str) -> None:
    snapshot = make_snapshot(make_fb_invoice(vis_state=state))
    judgement = judge_invoice(look(snapshot), held(snapshot), None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.P6])
    assert word in judgement.ruled[0].detail


def test_a_failed_payment_that_still_stands_in_freshbooks_is_w2() -> None:
    snapshot = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40)])
    link = make_link(make_payment(amount=40, status=PaymentStatus.FAILED), make_done(recorded=40))
    judgement = judge_invoice(look(snapshot), held(snapshot, link), None)
    assert (kinds(judgement), rules(judgement)) == ([], [Rule.W2])


@pytest.mark.parametrize(
    ("push", "rule"),
    [
        (make_push(), Rule.W1),
        (make_push(state=PushState.WAITING, reason=Reason.NO_ACCOUNTS), Rule.W1),
        (make_push(state=PushState.UNCERTAIN), Rule.W4),
    ],
)
def test_payments_on_their_way_are_listed(push: Any, rule: Rule) -> None:
    snapshot = make_snapshot()
    judgement = judge_invoice(look(snapshot), held(snapshot, make_link(make_payment(amount=40), push)), None)
    assert (kinds(judgement), rules(judgement)) == ([], [rule])


def test_a_payment_of_another_invoice_is_listed_there_only() -> None:
    snapshot = make_snapshot()
    elsewhere = make_link(make_payment(amount=40, invoice_id=INVOICE + 1))
    assert judge_invoice(look(snapshot), held(snapshot, elsewhere), None) == Judgement()
    unqueued = replace(make_link(make_payment(amount=40)), pushes=())
    assert judge_invoice(look(snapshot), held(snapshot, unqueued), None).ruled == ()


def test_ours_that_is_gone_or_doubled_is_drift_though_a_person_was_asked() -> None:
    link = make_link(make_payment(amount=40), make_done(recorded=40))
    gone = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40, vis_state=VisState.DELETED)])
    assert kinds(judge_invoice(look(gone), held(gone, link), None)) == [DriftKind.MISSING_THERE]
    twins = make_snapshot(make_fb_invoice(100), [make_our_fb_payment(501, 40), make_our_fb_payment(502, 40)])
    assert DriftKind.DOUBLED in kinds(judge_invoice(look(twins), held(twins, link), None))
