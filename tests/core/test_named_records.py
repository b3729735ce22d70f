"""W5: what a person named as the payment is adopted, as long as it is what it was."""

import pytest

from daemon.core.model import (
    Choice,
    FbPayment,
    FbPaymentId,
    PaymentStatus,
    Push,
    Reason,
    VisState,
)
from daemon.core.payment_rules import Adopt
from tests.builders import (
    make_done,
    make_fb_payment,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    usd,
)
from tests.core.deciding import failed_owner, judge, stopped


def named(choice: Choice = Choice.SETTLED_BY_HAND) -> Push:
    return make_push(choice=choice, fb_payment_id=FbPaymentId(700))


@pytest.mark.parametrize(("typed", "amount"), [(100, 100), (70, 70), (130, 100)])
def test_settled_by_hand_adopts_the_named_payment_up_to_our_amount(typed: int, amount: int) -> None:
    seen = [make_fb_payment(700, typed)]
    assert judge(push=named(), seen=seen, amount=130) == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(amount))


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([], id="not on this invoice"),
        pytest.param([make_fb_payment(700, vis_state=VisState.DELETED)], id="deleted"),
        pytest.param([make_fb_payment(700, currency="CAD")], id="in another currency"),
        pytest.param([make_fb_payment(700, from_credit=True)], id="a credit"),
    ],
)
def test_a_named_payment_that_is_gone_asks_the_person_again(seen: list[FbPayment]) -> None:
    assert stopped(judge(push=named(), seen=seen)) is Reason.NAMED_PAYMENT_GONE


def test_a_named_payment_that_stands_for_another_of_ours_asks_the_person_again() -> None:
    other = make_link(make_payment("pay_2"), make_done("pay_2", 700))
    verdict = judge(push=named(), seen=[make_fb_payment(700)], others=[other])
    assert stopped(verdict) is Reason.NAMED_PAYMENT_GONE


def test_a_failed_payments_record_can_stand_in() -> None:
    seen = [make_our_fb_payment(700, 100, "pay_2")]
    verdict = judge(push=named(Choice.STAND_IN), seen=seen, others=[failed_owner()])
    assert verdict == Adopt(fb_payment_id=FbPaymentId(700), amount=usd(100))


def test_a_record_does_not_stand_in_when_its_payment_came_back_or_its_amount_changed() -> None:
    seen = [make_our_fb_payment(700, 100, "pay_2")]
    won = judge(push=named(Choice.STAND_IN), seen=seen, others=[failed_owner(PaymentStatus.SUCCEEDED)])
    assert stopped(won) is Reason.NAMED_PAYMENT_GONE
    edited = [make_our_fb_payment(700, 60, "pay_2")]
    changed = judge(push=named(Choice.STAND_IN), seen=edited, others=[failed_owner()])
    assert stopped(changed) is Reason.NAMED_PAYMENT_GONE
