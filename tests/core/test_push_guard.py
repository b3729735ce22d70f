"""W5: before a POST the snapshot is read again, and only what it has room for is posted."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from daemon.core.model import (
    Choice,
    FbPayment,
    FbPaymentId,
    Link,
    PaymentStatus,
    PushState,
    Reason,
    VisState,
)
from daemon.core.payment_rules import Adopt, Cancel, GuardVerdict, Post, Stop, Wait, guard
from daemon.core.policy import PushPolicy
from tests.builders import (
    NOW,
    make_done,
    make_fb_payment,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_snapshot,
    usd,
)
from tests.core.deciding import failed_owner, judge, stopped

POLICY = PushPolicy()
INITIATED = make_payment().initiated_at
TYPED_LATER = INITIATED + timedelta(minutes=5)


def test_a_payment_that_fits_is_posted_whole() -> None:
    assert judge() == Post(amount=usd(100))


def test_already_paid_is_not_posted() -> None:
    verdict = judge(seen=[make_fb_payment(amount=100, updated_at=NOW - timedelta(days=9))])
    assert verdict == Stop(reason=Reason.ALREADY_PAID, detail="Outstanding 0.00 USD.")


def test_less_outstanding_than_the_payment_is_not_posted() -> None:
    verdict = judge(seen=[make_fb_payment(amount=40)])
    assert verdict == Stop(reason=Reason.LESS_OUTSTANDING, detail="Outstanding 60.00 USD.")


@pytest.mark.parametrize(
    ("invoice", "reason"),
    [
        ({"status": 1}, Reason.INVOICE_DRAFT),
        ({"vis_state": VisState.DELETED}, Reason.INVOICE_DELETED),
        ({"currency": "CAD"}, Reason.OTHER_CURRENCY),
    ],
)
def test_a_draft_a_deleted_invoice_and_another_currency_are_not_posted(invoice: dict[str, Any], reason: Reason) -> None:
    assert stopped(judge(**invoice)) is reason


@pytest.mark.parametrize(
    ("seen", "invoice", "verdict"),
    [
        ([make_fb_payment(amount=100)], {}, Post(amount=usd(100), split=usd(100))),
        ([make_fb_payment(amount=40)], {}, Post(amount=usd(100), split=usd(40))),
        ([], {"status": 1}, Post(amount=usd(100))),
        ([make_fb_payment(amount=100, updated_at=TYPED_LATER)], {}, Post(amount=usd(100), split=usd(100))),
    ],
)
def test_post_anyway_posts_and_shows_the_split(
    seen: list[FbPayment], invoice: dict[str, Any], verdict: GuardVerdict
) -> None:
    assert judge(push=make_push(choice=Choice.POST_ANYWAY), seen=seen, **invoice) == verdict


@pytest.mark.parametrize("invoice", [{"vis_state": VisState.DELETED}, {"currency": "CAD"}])
def test_post_anyway_never_posts_on_a_deleted_invoice_or_in_another_currency(invoice: dict[str, Any]) -> None:
    assert isinstance(judge(push=make_push(choice=Choice.POST_ANYWAY), **invoice), Stop)


LOOK_ALIKE = make_fb_payment(700, amount=100, updated_at=TYPED_LATER, paid_on=INITIATED.date())


def test_an_unmarked_payment_of_the_same_amount_made_after_initiation_stops_the_post() -> None:
    verdict = judge(seen=[LOOK_ALIKE], amount=300)
    assert verdict == Stop(
        reason=Reason.IS_THIS_IT, detail="#700 of 100.00 USD on 2025-11-12", candidates=(LOOK_ALIKE,)
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"amount": usd(99)}, id="another amount"),
        pytest.param({"currency": "CAD"}, id="another currency"),
        pytest.param({"updated_at": INITIATED - timedelta(seconds=1)}, id="made before the initiation"),
        pytest.param({"paid_on": INITIATED.date() - timedelta(days=4)}, id="a date long before"),
        pytest.param({"paid_on": INITIATED.date() + timedelta(days=4)}, id="a date long after"),
        pytest.param({"note": "AP:pay_9:1"}, id="a marker of another payment"),
        pytest.param({"from_credit": True}, id="a credit"),
        pytest.param({"vis_state": VisState.DELETED}, id="deleted"),
        pytest.param({"invoice_id": 813}, id="another invoice"),
    ],
)
def test_what_cannot_be_this_payment_does_not_stop_the_post(change: dict[str, Any]) -> None:
    assert judge(seen=[replace(LOOK_ALIKE, **change)], amount=300) == Post(amount=usd(100))


@pytest.mark.parametrize(
    "change",
    [
        {"paid_on": INITIATED.date() - timedelta(days=3)},
        {"paid_on": INITIATED.date() + timedelta(days=3)},
        {"updated_at": INITIATED.replace(microsecond=0)},
        {"updated_at": INITIATED - timedelta(minutes=59), "updated_is_ambiguous": True},
    ],
)
def test_what_may_just_be_this_payment_stops_the_post(change: dict[str, Any]) -> None:
    push, payment = make_push(), make_payment(initiated_at=INITIATED + timedelta(milliseconds=900))
    assert stopped(judge(payment, push, seen=[replace(LOOK_ALIKE, **change)], amount=300)) is Reason.IS_THIS_IT


def test_a_payment_that_already_stands_for_another_of_ours_is_no_look_alike() -> None:
    other = make_link(make_payment("pay_2"), make_done("pay_2", 700, reason=Reason.SETTLED_BY_HAND))
    assert judge(seen=[LOOK_ALIKE], others=[other], amount=300) == Post(amount=usd(100))


def test_a_look_alike_that_a_person_called_another_payment_does_not_stop_the_post() -> None:
    assert judge(push=make_push(choice=Choice.NOT_THIS), seen=[LOOK_ALIKE], amount=300) == Post(amount=usd(100))


# ---- what stands already ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", PaymentStatus)
def test_our_own_marker_is_adopted_whatever_became_of_the_payment(status: PaymentStatus) -> None:
    verdict = judge(make_payment(status=status), seen=[make_our_fb_payment(700)])
    assert verdict == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(100))


def test_our_own_record_is_adopted_even_if_it_was_edited_or_deleted_since() -> None:
    assert judge(seen=[make_our_fb_payment(700, 60)]) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(100))
    deleted = make_our_fb_payment(700, vis_state=VisState.DELETED)
    assert judge(seen=[deleted]) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(100))


def test_a_record_that_freshbooks_split_is_adopted_with_what_was_applied() -> None:
    split = make_our_fb_payment(700, 60, overpayment_id=701)
    assert judge(seen=[split]) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(60))


def test_the_live_one_of_two_records_is_adopted() -> None:
    seen = [make_our_fb_payment(700, vis_state=VisState.DELETED), make_our_fb_payment(702), make_our_fb_payment(701)]
    assert judge(seen=seen, amount=300) == Adopt(fb_payment_id=FbPaymentId(701), amount=usd(100))


def test_a_record_of_an_older_generation_is_adopted_only_while_it_is_live() -> None:
    payment, first = make_payment(), make_done(fb_id=700, reason=Reason.CHARGEBACK_REVERTED)
    again = make_push(generation=2)
    links = [Link(payment=payment, pushes=(first, again))]
    live = make_snapshot(payments=[make_our_fb_payment(700)])
    assert guard(payment, again, live, links, POLICY) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(100))
    gone = make_snapshot(payments=[make_our_fb_payment(700, vis_state=VisState.DELETED)])
    assert guard(payment, again, gone, links, POLICY) == Post(amount=usd(100))


def test_a_record_of_an_older_generation_is_adopted_with_what_was_recorded_then() -> None:
    payment, first = make_payment(), make_done(fb_id=700, recorded=80, choice=Choice.RECORD_AGAIN)
    again = make_push(generation=2)
    links = [Link(payment=payment, pushes=(first, again))]
    edited = make_snapshot(payments=[make_our_fb_payment(700, 60, overpayment_id=701)])
    assert guard(payment, again, edited, links, POLICY) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(80))


def test_a_typed_record_that_was_named_once_and_is_live_again_is_adopted_with_what_it_shows() -> None:
    payment, first = make_payment(), make_done(fb_id=700, recorded=60, choice=Choice.RECORD_AGAIN)
    again = make_push(generation=2)
    links = [Link(payment=payment, pushes=(first, again))]
    live = make_snapshot(payments=[make_fb_payment(700, 60)])
    assert guard(payment, again, live, links, POLICY) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(60))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (PaymentStatus.FAILED, Reason.FAILED_BEFORE_PUSH),
        (PaymentStatus.CHARGEBACK, Reason.FAILED_BEFORE_PUSH),
        (PaymentStatus.REFUNDED, Reason.REFUNDED_BEFORE_PUSH),
    ],
)
def test_a_payment_that_failed_or_was_refunded_before_its_push_is_never_pushed(
    status: PaymentStatus, reason: Reason
) -> None:
    assert judge(make_payment(status=status)) == Cancel(reason=reason)


def test_a_payment_on_an_invoice_made_on_the_platform_never_goes_to_freshbooks() -> None:
    payment = make_payment(invoice_id=None, ap_invoice_id="inv_1")
    assert judge(payment) == Cancel(reason=Reason.MADE_ON_PLATFORM)


def test_a_payment_that_is_to_be_refunded_is_not_posted() -> None:
    assert judge(push=make_push(choice=Choice.REFUND_IN_AP)) == Wait(reason=Reason.UNTIL_REFUNDED)


# ---- others on the same invoice --------------------------------------------------------------------------------------


def test_a_failed_payment_of_ours_that_keeps_it_paid_makes_the_new_one_wait() -> None:
    verdict = judge(seen=[make_our_fb_payment(700, 100, "pay_2")], others=[failed_owner()])
    assert verdict == Wait(reason=Reason.UNTIL_REVERTED, detail="It goes by itself once pay_2 is reverted.")


def test_a_failed_payment_of_ours_that_would_not_make_room_enough_does_not_make_it_wait() -> None:
    seen = [make_our_fb_payment(700, 50, "pay_2"), make_fb_payment(701, 50)]
    assert stopped(judge(seen=seen, others=[failed_owner()])) is Reason.ALREADY_PAID


@pytest.mark.parametrize("state", [PushState.SENDING, PushState.UNCERTAIN])
def test_a_payment_waits_for_the_room_that_another_one_may_be_taking(state: PushState) -> None:
    other = make_link(make_payment("pay_2", 60), make_push("pay_2", state))
    assert judge(others=[other]) == Wait(
        reason=Reason.RETRY_LATER, detail="Another payment on this invoice is being recorded first."
    )
    assert judge(others=[other], amount=160) == Post(amount=usd(100))


def test_another_payment_that_is_shown_already_takes_no_more_room() -> None:
    other = make_link(make_payment("pay_2", 60), make_push("pay_2", PushState.UNCERTAIN))
    assert judge(seen=[make_our_fb_payment(700, 60, "pay_2")], others=[other], amount=160) == Post(amount=usd(100))


def test_a_date_in_another_year_is_near_when_it_is_near() -> None:
    payment = make_payment(initiated_at=NOW.replace(month=12, day=31))
    typed = make_fb_payment(700, paid_on=date(2026, 1, 2), updated_at=payment.initiated_at + timedelta(hours=1))
    assert stopped(judge(payment, seen=[typed], amount=300)) is Reason.IS_THIS_IT
