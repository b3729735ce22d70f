"""W5: a push goes by itself when a snapshot shows that what held it is gone."""

import pytest

from daemon.core.model import (
    Link,
    PaymentStatus,
    PushState,
    Reason,
)
from tests.builders import (
    OTHER_INVOICE,
    make_done,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
)
from tests.core.deciding import decide


@pytest.mark.parametrize(
    ("state", "reason", "woken"),
    [
        (PushState.WAITING, Reason.UNTIL_REVERTED, True),
        (PushState.WAITING, Reason.INVOICE_UNKNOWN, True),
        (PushState.WAITING, Reason.NO_ACCOUNTS, False),
        (PushState.WAITING, Reason.RETRY_LATER, False),
        (PushState.NEEDS_PERSON, Reason.ALREADY_PAID, True),
        (PushState.NEEDS_PERSON, Reason.LESS_OUTSTANDING, True),
        (PushState.NEEDS_PERSON, Reason.INVOICE_DRAFT, True),
        (PushState.NEEDS_PERSON, Reason.INVOICE_DELETED, True),
        (PushState.NEEDS_PERSON, Reason.OTHER_CURRENCY, True),
        (PushState.NEEDS_PERSON, Reason.IS_THIS_IT, True),
        (PushState.NEEDS_PERSON, Reason.REFUSED_BY_FRESHBOOKS, False),
        (PushState.NEEDS_PERSON, Reason.ATTEMPTS_EXHAUSTED, False),
        (PushState.READY, None, False),
        (PushState.UNCERTAIN, None, False),
        (PushState.DONE, None, False),
    ],
)
def test_a_push_goes_by_itself_when_a_snapshot_shows_that_what_held_it_is_gone(
    state: PushState, reason: Reason | None, *, woken: bool
) -> None:
    push = make_push(state=state, reason=reason, recorded_amount=None)
    decision = decide([make_link(make_payment(), push)])
    assert decision.woken == (("pay_1",) if woken else ())
    assert not woken or decision.issues == frozenset()


def test_a_push_that_is_still_held_is_not_woken() -> None:
    waiting = make_push("pay_1", PushState.WAITING, reason=Reason.UNTIL_REVERTED)
    failed = make_link(make_payment("pay_2", status=PaymentStatus.FAILED), make_done("pay_2"))
    seen = [make_our_fb_payment(501, 100, "pay_2")]
    assert decide([make_link(make_payment(), waiting), failed], seen).woken == ()


def test_a_stopped_push_whose_record_turns_up_is_woken_whatever_stopped_it() -> None:
    spent = make_push(state=PushState.NEEDS_PERSON, reason=Reason.ATTEMPTS_EXHAUSTED)
    assert decide([make_link(make_payment(), spent)], [make_our_fb_payment()]).woken == ("pay_1",)


def test_a_payment_of_another_invoice_is_never_woken_from_here() -> None:
    waiting = make_push(state=PushState.WAITING, reason=Reason.INVOICE_UNKNOWN)
    assert decide([make_link(make_payment(invoice_id=OTHER_INVOICE), waiting)]).woken == ()


def test_a_payment_without_a_push_is_never_woken() -> None:
    bare = Link(payment=make_payment())
    assert decide([bare]).woken == ()
