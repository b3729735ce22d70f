"""W4: never lost: what a push becomes after its POST, answered or not, and after the guard's verdict."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from daemon.core.model import Choice, FbPaymentId, PaymentStatus, Push, PushState, Reason
from daemon.core.payment_rules import (
    Adopt,
    Cancel,
    Failure,
    GuardVerdict,
    Post,
    Stop,
    Wait,
    after_failure,
    after_guard,
    after_post,
)
from daemon.core.policy import PushPolicy
from daemon.core.write_back import never_sent
from tests.builders import NOW, make_fb_payment, make_our_fb_payment, make_payment, make_push, usd

POLICY = PushPolicy()
CLAIMED = NOW - timedelta(minutes=2)
PAYMENT = make_payment()
SENT = make_push(state=PushState.SENDING, attempts=1, claimed_at=CLAIMED, deadline_at=NOW, fence=7)


# ---- after a POST ----------------------------------------------------------------------------------------------------


def test_a_2xx_is_done_with_what_freshbooks_applied() -> None:
    done = after_post(replace(SENT, reason=Reason.RETRY_LATER), PAYMENT, make_our_fb_payment(700))
    assert done == replace(
        SENT, state=PushState.DONE, fb_payment_id=FbPaymentId(700), recorded_amount=usd(100), reason=None
    )


def test_a_2xx_with_another_amount_says_so() -> None:
    done = after_post(SENT, PAYMENT, make_our_fb_payment(700, 60))
    assert done.recorded_amount == 60
    assert done.detail == "FreshBooks applied 60.00 USD."


def test_a_lost_answer_is_uncertain_until_the_post_cannot_land_any_more() -> None:
    lost = after_failure(replace(SENT, checked_absent=2), PAYMENT, Failure.MAYBE_LANDED, NOW, POLICY)
    assert lost.state is PushState.UNCERTAIN
    assert lost.not_before == NOW + POLICY.post_timeout + POLICY.lookup_margin
    assert lost.checked_absent == 0
    assert lost.attempts == 1


def test_what_provably_was_not_sent_is_no_attempt() -> None:
    unsent = after_failure(SENT, PAYMENT, Failure.UNSENT, NOW, POLICY)
    assert unsent.state is PushState.READY
    assert unsent.reason is Reason.RETRY_LATER
    assert unsent.attempts == 0
    assert unsent.not_before == NOW + POLICY.lookup_again_after
    assert after_failure(replace(SENT, attempts=0), PAYMENT, Failure.UNSENT, NOW, POLICY).attempts == 0


@pytest.mark.parametrize("before", [None, CLAIMED - timedelta(hours=1)], ids=["never sent", "sent before"])
def test_a_send_that_never_was_leaves_nothing_to_be_looked_for_but_what_earlier_ones_left(
    before: datetime | None,
) -> None:
    claimed = make_push(claimed_at=before)
    assert never_sent(replace(SENT, claimed_at=before or CLAIMED), claimed) == replace(SENT, claimed_at=before)


def test_a_refusal_needs_a_person_who_reads_freshbooks_own_words() -> None:
    refused = after_failure(SENT, PAYMENT, Failure.REFUSED, NOW, POLICY, "Invoice not found.")
    assert refused.state is PushState.NEEDS_PERSON
    assert refused.reason is Reason.REFUSED_BY_FRESHBOOKS
    assert refused.detail == "Invoice not found."


@pytest.mark.parametrize("kind", [Failure.UNSENT, Failure.REFUSED])
def test_a_payment_that_failed_while_nothing_was_written_is_cancelled(kind: Failure) -> None:
    failed = replace(PAYMENT, status=PaymentStatus.FAILED)
    cancelled = after_failure(SENT, failed, kind, NOW, POLICY)
    assert cancelled.state is PushState.CANCELLED
    assert cancelled.reason is Reason.FAILED_BEFORE_PUSH
    assert after_failure(SENT, failed, Failure.MAYBE_LANDED, NOW, POLICY).state is PushState.UNCERTAIN


# ---- after the guard -------------------------------------------------------------------------------------------------

CLAIM = make_push(claimed_at=CLAIMED)


@pytest.mark.parametrize(
    ("verdict", "becomes"),
    [
        pytest.param(Post(amount=usd(100)), CLAIM, id="post"),
        pytest.param(
            Wait(reason=Reason.UNTIL_REVERTED, detail="A"),
            replace(
                CLAIM,
                state=PushState.WAITING,
                reason=Reason.UNTIL_REVERTED,
                detail="A",
                not_before=NOW + POLICY.waiting_interval,
            ),
            id="wait",
        ),
        pytest.param(
            Stop(reason=Reason.IS_THIS_IT, detail="A", candidates=(make_fb_payment(700),)),
            replace(
                CLAIM,
                state=PushState.NEEDS_PERSON,
                reason=Reason.IS_THIS_IT,
                detail="A",
                candidates=(FbPaymentId(700),),
            ),
            id="stop",
        ),
        pytest.param(
            Adopt(fb_payment_id=FbPaymentId(700), amount=usd(60)),
            replace(CLAIM, state=PushState.DONE, fb_payment_id=FbPaymentId(700), recorded_amount=usd(60)),
            id="adopt",
        ),
        pytest.param(
            Cancel(reason=Reason.FAILED_BEFORE_PUSH),
            replace(CLAIM, state=PushState.CANCELLED, reason=Reason.FAILED_BEFORE_PUSH),
            id="cancel",
        ),
    ],
)
def test_the_guards_verdict_becomes_the_pushs_state(verdict: GuardVerdict, becomes: Push) -> None:
    assert after_guard(CLAIM, PAYMENT, verdict, NOW, POLICY) == becomes


WAITING = replace(CLAIM, state=PushState.WAITING, reason=Reason.UNTIL_REVERTED)
DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("age", "push", "reason", "policy", "looked_at_after"),
    [
        # What was shown while it came to wait may have been missed, however old the payment is.
        (30 * DAYS, CLAIM, Reason.UNTIL_REVERTED, POLICY, timedelta(minutes=3)),
        (30 * DAYS, replace(WAITING, reason=Reason.RETRY_LATER), Reason.UNTIL_REVERTED, POLICY, timedelta(minutes=3)),
        (timedelta(0), WAITING, Reason.UNTIL_REVERTED, POLICY, timedelta(minutes=3)),
        (timedelta(minutes=30), WAITING, Reason.UNTIL_REVERTED, POLICY, timedelta(minutes=3)),
        (timedelta(hours=2), WAITING, Reason.UNTIL_REVERTED, POLICY, timedelta(minutes=12)),
        (timedelta(hours=10), WAITING, Reason.UNTIL_REVERTED, POLICY, timedelta(hours=1)),
        (365 * DAYS, WAITING, Reason.UNTIL_REVERTED, POLICY, timedelta(hours=1)),
        (365 * DAYS, WAITING, Reason.UNTIL_REVERTED, PushPolicy(waiting_interval=6 * DAYS), 6 * DAYS),
        # Initiated on a clock ahead of ours.
        (-DAYS, WAITING, Reason.UNTIL_REVERTED, POLICY, timedelta(minutes=3)),
        # Another push on the invoice goes first; nothing tells when it has gone.
        (365 * DAYS, replace(WAITING, reason=Reason.RETRY_LATER), Reason.RETRY_LATER, POLICY, timedelta(minutes=3)),
        # The platform's refund, or a person, wakes it; FreshBooks is asked in vain.
        (timedelta(0), CLAIM, Reason.UNTIL_REFUNDED, POLICY, None),
        (365 * DAYS, replace(WAITING, reason=Reason.UNTIL_REFUNDED), Reason.UNTIL_REFUNDED, POLICY, None),
    ],
)
def test_what_waits_is_looked_at_the_more_seldom_the_older_it_is_and_every_hour_at_least(
    age: timedelta, push: Push, reason: Reason, policy: PushPolicy, looked_at_after: timedelta | None
) -> None:
    payment = replace(PAYMENT, initiated_at=NOW - age)
    waits = after_guard(push, payment, Wait(reason=reason), NOW, policy)
    assert (waits.state, waits.reason) == (PushState.WAITING, reason)
    assert waits.not_before == (None if looked_at_after is None else NOW + looked_at_after)


def test_what_a_person_settled_by_hand_says_so() -> None:
    by_hand = replace(CLAIM, choice=Choice.SETTLED_BY_HAND)
    done = after_guard(by_hand, PAYMENT, Adopt(fb_payment_id=FbPaymentId(700), amount=usd(60)), NOW, POLICY)
    assert done.reason is Reason.SETTLED_BY_HAND
