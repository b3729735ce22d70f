"""W4: never sent again without evidence of absence: what a look-up finds of a push, and what the push becomes by it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.core.model import Choice, FbPayment, FbPaymentId, PaymentStatus, Push, PushState, Reason, VisState
from daemon.core.payment_rules import Absent, Ambiguous, Found, LookupVerdict, after_lookup, lookup
from daemon.core.policy import PushPolicy
from tests.builders import NOW, OTHER_INVOICE, make_fb_payment, make_our_fb_payment, make_payment, make_push, usd

POLICY = PushPolicy()
CLAIMED = NOW - timedelta(minutes=2)
SINCE = CLAIMED + timedelta(seconds=5)
PAYMENT = make_payment()
UNCERTAIN = make_push(state=PushState.UNCERTAIN, attempts=1, claimed_at=CLAIMED, deadline_at=NOW, fence=7)


def search(seen: Sequence[FbPayment], push: Push = UNCERTAIN) -> LookupVerdict:
    return lookup(push, PAYMENT, seen, CLAIMED)


# ---- look-up ---------------------------------------------------------------------------------------------------------


def test_nothing_there_is_absent() -> None:
    assert search([]) == Absent()


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(make_our_fb_payment(700), id="live"),
        pytest.param(make_our_fb_payment(700, vis_state=VisState.DELETED), id="deleted"),
        pytest.param(make_our_fb_payment(700, 60), id="edited"),
        pytest.param(make_our_fb_payment(700, invoice_id=OTHER_INVOICE), id="moved to another invoice"),
        pytest.param(make_our_fb_payment(700, note="spoke to Ann -- AP:pay_1:1 -- ok"), id="note edited"),
        pytest.param(make_our_fb_payment(700, updated_at=CLAIMED - timedelta(days=1)), id="clock behind ours"),
    ],
)
def test_our_marker_is_found_live_or_deleted_wherever_it_is(record: FbPayment) -> None:
    assert search([make_fb_payment(699, 5), record]) == Found(payment=record)


def test_the_live_one_of_two_twins_is_found() -> None:
    twins = [make_our_fb_payment(700, vis_state=VisState.DELETED), make_our_fb_payment(701)]
    assert search(twins) == Found(payment=twins[1])


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(make_our_fb_payment(700, generation=2), id="another generation"),
        pytest.param(make_our_fb_payment(700, payment_id="pay_2"), id="another payment"),
        pytest.param(make_our_fb_payment(700, from_credit=True), id="a credit"),
    ],
)
def test_another_marker_is_no_evidence_of_presence(record: FbPayment) -> None:
    assert search([record]) == Absent()


def test_the_stored_id_is_found_without_a_marker() -> None:
    record = make_fb_payment(700, 60)
    assert search([record], replace(UNCERTAIN, fb_payment_id=FbPaymentId(700))) == Found(payment=record)


def test_a_same_amount_candidate_without_a_marker_goes_to_a_person() -> None:
    candidate = make_fb_payment(700, updated_at=SINCE)
    assert search([candidate]) == Ambiguous(candidates=(candidate,))
    deleted = make_fb_payment(700, updated_at=SINCE, vis_state=VisState.DELETED)
    assert search([deleted]) == Ambiguous(candidates=(deleted,))


def test_a_candidate_is_seen_even_when_the_clocks_differ_a_little() -> None:
    candidate = make_fb_payment(700, updated_at=CLAIMED - timedelta(minutes=5))
    assert search([candidate]) == Ambiguous(candidates=(candidate,))


@pytest.mark.parametrize(
    "change",
    [
        {"amount": usd(99)},
        {"currency": "CAD"},
        {"from_credit": True},
        {"note": "AP:pay_2:1"},
        {"updated_at": CLAIMED - timedelta(minutes=5, seconds=1)},
    ],
)
def test_what_cannot_be_it_is_no_candidate(change: dict[str, Any]) -> None:
    assert search([replace(make_fb_payment(700, updated_at=SINCE), **change)]) == Absent()


@pytest.mark.parametrize("choice", [Choice.NOT_THIS, Choice.REFUND_IN_AP, Choice.SETTLED_BY_HAND, Choice.STAND_IN])
def test_a_candidate_that_a_person_has_judged_is_not_asked_about_again(choice: Choice) -> None:
    judged = replace(UNCERTAIN, choice=choice, fb_payment_id=FbPaymentId(700))
    named = replace(UNCERTAIN, choice=choice)
    candidate = make_fb_payment(700, updated_at=SINCE)
    assert search([candidate], named) == Absent()
    if choice in {Choice.SETTLED_BY_HAND, Choice.STAND_IN}:
        assert search([candidate], judged) == Absent()


# ---- after a look-up -------------------------------------------------------------------------------------------------


def after(verdict: LookupVerdict, push: Push = UNCERTAIN, status: PaymentStatus = PaymentStatus.PROCESSING) -> Push:
    return after_lookup(push, replace(PAYMENT, status=status), verdict, NOW, POLICY)


def test_what_is_found_is_done() -> None:
    done = after(Found(payment=make_our_fb_payment(700, 60)))
    assert done.state is PushState.DONE
    assert done.fb_payment_id == 700
    assert done.recorded_amount == 100


def test_what_is_found_split_is_done_with_what_was_applied() -> None:
    assert after(Found(payment=make_our_fb_payment(700, 60, overpayment_id=701))).recorded_amount == 60


def test_what_is_found_after_a_person_named_something_else_is_ours_all_the_same() -> None:
    by_hand = replace(UNCERTAIN, choice=Choice.SETTLED_BY_HAND, fb_payment_id=FbPaymentId(9))
    done = after(Found(payment=make_our_fb_payment(700)), by_hand)
    assert done.choice is None
    assert done.reason is None
    assert done.fb_payment_id == 700
    kept = after(Found(payment=make_our_fb_payment(700)), replace(UNCERTAIN, choice=Choice.STILL_OWES))
    assert kept.choice is Choice.STILL_OWES


def test_an_ambiguous_look_up_needs_a_person_who_sees_the_candidates() -> None:
    asked = after(Ambiguous(candidates=(make_fb_payment(700),)))
    assert asked.state is PushState.NEEDS_PERSON
    assert asked.reason is Reason.AMBIGUOUS_LOOKUP
    assert asked.candidates == (700,)
    assert "#700 of 100.00 USD on 2025-11-12" in asked.detail


def test_absent_once_is_looked_up_again_a_delay_later() -> None:
    again = after(Absent())
    assert again.state is PushState.UNCERTAIN
    assert again.checked_absent == 1
    assert again.not_before == NOW + POLICY.lookup_again_after


def test_absent_twice_may_be_sent_again() -> None:
    ready = after(Absent(), replace(UNCERTAIN, checked_absent=1))
    assert ready.state is PushState.READY
    assert ready.not_before is None


def test_absent_twice_after_the_last_attempt_needs_a_person() -> None:
    spent = after(Absent(), replace(UNCERTAIN, checked_absent=1, attempts=POLICY.attempts_max))
    assert spent.state is PushState.NEEDS_PERSON
    assert spent.reason is Reason.ATTEMPTS_EXHAUSTED
    unspent = after(Absent(), replace(UNCERTAIN, checked_absent=1, attempts=POLICY.attempts_max - 1))
    assert unspent.state is PushState.READY


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (PaymentStatus.FAILED, Reason.FAILED_BEFORE_PUSH),
        (PaymentStatus.CHARGEBACK, Reason.FAILED_BEFORE_PUSH),
        (PaymentStatus.REFUNDED, Reason.REFUNDED_BEFORE_PUSH),
    ],
)
def test_a_payment_that_fails_while_uncertain_is_looked_up_and_never_sent_again(
    status: PaymentStatus, reason: Reason
) -> None:
    once = after(Absent(), status=status)
    assert once.state is PushState.UNCERTAIN
    twice = after(Absent(), once, status)
    assert twice.state is PushState.CANCELLED
    assert twice.reason is reason
    assert after(Found(payment=make_our_fb_payment(700)), once, status).state is PushState.DONE
