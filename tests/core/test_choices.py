"""A person's choice does exactly what its issue offered, and nothing that it did not."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.core.choices import Chosen, NotOffered, apply_choice
from daemon.core.model import (
    Choice,
    FbPaymentId,
    InvoiceContext,
    Link,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reason,
)
from tests.builders import (
    NOW,
    make_applied,
    make_context,
    make_done,
    make_invoice,
    make_link,
    make_payment,
    make_push,
)

ME = PaymentId("pay_1")
STOPPED = make_push(
    state=PushState.NEEDS_PERSON,
    reason=Reason.LESS_OUTSTANDING,
    detail="x",
    candidates=(FbPaymentId(7),),
    attempts=3,
    checked_absent=2,
    not_before=NOW,
)


def context(
    push: Push, *others: Link, status: PaymentStatus = PaymentStatus.PROCESSING, **facts: Any
) -> InvoiceContext:
    return make_context(make_invoice(), [make_link(make_payment(status=status), push), *others], **facts)


def chosen(push: Push, choice: Choice, *others: Link, named: int | None = None, **facts: Any) -> Chosen:
    name = FbPaymentId(named) if named is not None else None
    result = apply_choice(context(push, *others, **facts), ME, choice, name)
    assert isinstance(result, Chosen), result
    return result


def refused(push: Push, choice: Choice, *others: Link, named: int | None = None, **facts: Any) -> str:
    name = FbPaymentId(named) if named is not None else None
    result = apply_choice(context(push, *others, **facts), ME, choice, name)
    assert isinstance(result, NotOffered), result
    return result.why


FRESH = replace(
    STOPPED, state=PushState.READY, reason=None, detail="", candidates=(), checked_absent=0, not_before=None
)


def test_post_anyway_makes_the_push_due_with_all_its_attempts() -> None:
    assert chosen(STOPPED, Choice.POST_ANYWAY) == Chosen(changed=replace(FRESH, choice=Choice.POST_ANYWAY, attempts=0))


@pytest.mark.parametrize("reason", [Reason.REFUSED_BY_FRESHBOOKS, Reason.ATTEMPTS_EXHAUSTED])
def test_trying_again_overrides_nothing_that_the_books_say(reason: Reason) -> None:
    stopped = replace(STOPPED, reason=reason, choice=Choice.POST_ANYWAY)
    assert chosen(stopped, Choice.RETRY) == Chosen(changed=replace(FRESH, choice=None, attempts=0))
    assert "not offered" in refused(stopped, Choice.POST_ANYWAY)


def test_settled_by_hand_names_the_freshbooks_payment() -> None:
    assert chosen(STOPPED, Choice.SETTLED_BY_HAND, named=700) == Chosen(
        changed=replace(FRESH, choice=Choice.SETTLED_BY_HAND, fb_payment_id=FbPaymentId(700))
    )


def test_settled_by_hand_without_a_name_is_refused() -> None:
    assert refused(STOPPED, Choice.SETTLED_BY_HAND) == "Name the FreshBooks payment that it is."


def test_a_record_that_stands_for_another_payment_cannot_be_named() -> None:
    other = make_link(make_payment("pay_2"), make_done("pay_2", 700))
    assert "stands for another payment" in refused(STOPPED, Choice.SETTLED_BY_HAND, other, named=700)


def test_not_this_lets_a_look_alike_be_another_payment() -> None:
    asked = replace(STOPPED, reason=Reason.IS_THIS_IT)
    assert chosen(asked, Choice.NOT_THIS) == Chosen(changed=replace(FRESH, choice=Choice.NOT_THIS))


def test_not_this_after_a_lost_answer_looks_up_again_before_anything_is_sent() -> None:
    asked = replace(STOPPED, reason=Reason.AMBIGUOUS_LOOKUP)
    looked_up = replace(FRESH, choice=Choice.NOT_THIS, state=PushState.UNCERTAIN)
    assert chosen(asked, Choice.NOT_THIS) == Chosen(changed=looked_up)


def test_refund_in_ap_of_what_was_never_recorded_waits_for_the_refund() -> None:
    waiting = replace(FRESH, choice=Choice.REFUND_IN_AP, state=PushState.WAITING, reason=Reason.UNTIL_REFUNDED)
    assert chosen(STOPPED, Choice.REFUND_IN_AP) == Chosen(changed=waiting)


def test_a_refund_that_was_chosen_can_be_taken_back_before_it_happened() -> None:
    waiting = replace(FRESH, choice=Choice.REFUND_IN_AP, state=PushState.WAITING, reason=Reason.UNTIL_REFUNDED)
    assert chosen(waiting, Choice.RECORD_AGAIN) == Chosen(changed=FRESH)
    assert "not offered" in refused(waiting, Choice.POST_ANYWAY)


DELETED: dict[str, Any] = {"applied": (make_applied(amount=0),)}
EDITED: dict[str, Any] = {"applied": (make_applied(amount=60),)}


@pytest.mark.parametrize("choice", [Choice.REOPEN, Choice.REFUND_IN_AP])
@pytest.mark.parametrize("facts", [DELETED, EDITED])
def test_what_a_bookkeeper_changed_can_be_let_go_or_refunded(choice: Choice, facts: dict[str, Any]) -> None:
    assert chosen(make_done(), choice, **facts) == Chosen(changed=make_done(choice=choice))


def test_record_again_opens_the_next_generation_of_what_is_gone() -> None:
    result = chosen(make_done(), Choice.RECORD_AGAIN, **DELETED)
    assert result.changed == make_done(choice=Choice.RECORD_AGAIN)
    assert result.opened == make_push(generation=2)


def test_record_again_is_not_offered_for_what_was_only_edited() -> None:
    assert "not offered" in refused(make_done(), Choice.RECORD_AGAIN, **EDITED)


def test_a_choice_can_be_changed_while_the_facts_still_offer_it() -> None:
    reopened = make_done(choice=Choice.REOPEN)
    assert chosen(reopened, Choice.REFUND_IN_AP, **DELETED).changed.choice is Choice.REFUND_IN_AP
    assert "not offered" in refused(reopened, Choice.REFUND_IN_AP, applied=(make_applied(),))


@pytest.mark.parametrize("choice", [Choice.STILL_OWES, Choice.OWES_NOTHING])
def test_a_refund_is_answered_on_its_push(choice: Choice) -> None:
    facts: dict[str, Any] = {"status": PaymentStatus.REFUNDED, "applied": (make_applied(),)}
    assert chosen(make_done(), choice, **facts) == Chosen(changed=make_done(choice=choice))


def test_a_difference_after_a_post_is_accepted_on_its_push() -> None:
    split = make_done(recorded=60)
    assert chosen(split, Choice.ACCEPT, **EDITED) == Chosen(changed=replace(split, choice=Choice.ACCEPT))


WAITING = make_push(state=PushState.WAITING, reason=Reason.UNTIL_REVERTED)


def failed_owner(status: PaymentStatus = PaymentStatus.FAILED) -> Link:
    return make_link(make_payment("pay_2", status=status), make_done("pay_2", 700))


SHOWN: dict[str, Any] = {"applied": (make_applied(700, payment_id="pay_2"),)}


def test_a_failed_payments_record_can_stand_in_for_the_one_that_waits() -> None:
    result = chosen(WAITING, Choice.STAND_IN, failed_owner(), named=700, **SHOWN)
    assert result == Chosen(changed=make_push(choice=Choice.STAND_IN, fb_payment_id=FbPaymentId(700)))


def test_nothing_can_stand_in_that_is_not_offered() -> None:
    assert "not offered" in refused(WAITING, Choice.STAND_IN, failed_owner(PaymentStatus.SUCCEEDED), named=700, **SHOWN)
    lower: dict[str, Any] = {"applied": (make_applied(700, 60, payment_id="pay_2"),)}
    assert "not offered" in refused(WAITING, Choice.STAND_IN, failed_owner(), named=700, **lower)
    assert "not offered" in refused(STOPPED, Choice.STAND_IN, failed_owner(), named=700, **SHOWN)


def test_a_record_that_another_waiting_payment_was_given_cannot_be_given_twice() -> None:
    taken = make_link(make_payment("pay_3"), make_push("pay_3", choice=Choice.STAND_IN, fb_payment_id=FbPaymentId(700)))
    assert "stands for another" in refused(WAITING, Choice.STAND_IN, failed_owner(), taken, named=700, **SHOWN)


@pytest.mark.parametrize("reason", [Reason.INVOICE_DELETED, Reason.OTHER_CURRENCY])
def test_post_anyway_is_not_offered_for_a_deleted_invoice_or_another_currency(reason: Reason) -> None:
    assert "not offered" in refused(replace(STOPPED, reason=reason), Choice.POST_ANYWAY)


def test_there_is_nothing_to_choose_for_what_is_unknown_or_never_pushed() -> None:
    unknown = apply_choice(make_context(make_invoice()), ME, Choice.REOPEN)
    bare = apply_choice(make_context(make_invoice(), [Link(payment=make_payment())]), ME, Choice.REOPEN)
    on_platform = make_link(make_payment(invoice_id=None, ap_invoice_id="inv_1"))
    own = apply_choice(make_context(make_invoice(), [on_platform]), ME, Choice.REOPEN)
    assert unknown == bare == own == NotOffered(why="There is nothing to choose for this payment.")
