"""W5: a push goes by itself when a snapshot shows that what held it is gone; W8: why it waits is never a stale reason.

A look at what waits becomes rare with its age, so whatever can change its reason must wake it.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from daemon.core.invoice_rules import decide_snapshot, decide_without_read
from daemon.core.model import (
    Choice,
    FbInvoice,
    FbPayment,
    Link,
    PaymentStatus,
    Push,
    PushState,
    Reason,
    VisState,
)
from daemon.core.payment_rules import Wait, guard
from daemon.core.policy import PushPolicy
from tests.builders import (
    OTHER_INVOICE,
    make_context,
    make_done,
    make_fb_invoice,
    make_fb_payment,
    make_invoice,
    make_link,
    make_our_fb_payment,
    make_payment,
    make_push,
    make_snapshot,
    usd,
)
from tests.core.deciding import decide

UNTIL_REVERTED = make_push(
    "pay_1", PushState.WAITING, reason=Reason.UNTIL_REVERTED, detail="It goes by itself once pay_2 is reverted."
)
UNTIL_REFUNDED = make_push("pay_1", PushState.WAITING, reason=Reason.UNTIL_REFUNDED, choice=Choice.REFUND_IN_AP)
FAILED = make_link(make_payment("pay_2", status=PaymentStatus.FAILED), make_done("pay_2"))
STANDS = make_our_fb_payment(501, 100, "pay_2")


@pytest.mark.parametrize(
    ("state", "reason", "woken"),
    [
        (PushState.WAITING, Reason.UNTIL_REVERTED, True),
        (PushState.WAITING, Reason.UNTIL_REFUNDED, True),
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
    links = [make_link(make_payment(), UNTIL_REVERTED), FAILED]
    assert decide(links, [STANDS], outstanding=0).woken == ()
    assert decide(links, [replace(STANDS, amount=usd(60))], outstanding=40).woken == ()


@pytest.mark.parametrize(
    ("invoice", "seen"),
    [
        pytest.param(make_fb_invoice(), [], id="A is deleted"),
        pytest.param(make_fb_invoice(), [replace(STANDS, vis_state=VisState.DELETED)], id="A is shown deleted"),
        pytest.param(make_fb_invoice(200, 100), [STANDS], id="the invoice has more room"),
        pytest.param(make_fb_invoice(outstanding=0), [make_fb_payment(700)], id="a cheque took the place of A"),
        pytest.param(make_fb_invoice(outstanding=0, vis_state=VisState.DELETED), [STANDS], id="the invoice is deleted"),
        pytest.param(
            make_fb_invoice(outstanding=0, currency="CAD"), [replace(STANDS, currency="CAD")], id="it is in CAD"
        ),
        pytest.param(make_fb_invoice(outstanding=0), [STANDS, make_our_fb_payment(502, 0)], id="its own record stands"),
    ],
)
def test_whatever_a_snapshot_shows_of_a_wait_that_would_end_or_read_otherwise_wakes_it(
    invoice: FbInvoice, seen: Sequence[FbPayment]
) -> None:
    links = [make_link(make_payment(), UNTIL_REVERTED), FAILED]
    snapshot = make_snapshot(invoice, seen)
    verdict = guard(links[0].payment, UNTIL_REVERTED, snapshot, links, PushPolicy())
    still = Wait(reason=Reason.UNTIL_REVERTED, detail=UNTIL_REVERTED.detail)
    woken = decide_snapshot(snapshot, make_context(None, links)).woken
    assert (verdict == still, woken) == (False, ("pay_1",))


def test_what_waits_for_a_refund_that_was_chosen_is_woken_by_its_record_and_by_no_room() -> None:
    links = [make_link(make_payment(), UNTIL_REFUNDED)]
    assert decide(links).woken == ()
    assert decide(links, [make_our_fb_payment()], outstanding=0).woken == ("pay_1",)


@pytest.mark.parametrize(
    ("status", "push", "woken"),
    [
        (PaymentStatus.FAILED, make_done("pay_2"), ()),
        (PaymentStatus.CHARGEBACK, make_done("pay_2"), ()),
        # The charge-back was won: A will not be reverted, and there will be no room.
        (PaymentStatus.SUCCEEDED, make_done("pay_2"), ("pay_1",)),
        # A person said what A's record is, or that its money went back.
        (PaymentStatus.REFUNDED, make_done("pay_2", choice=Choice.OWES_NOTHING), ("pay_1",)),
        (PaymentStatus.REFUNDED, make_done("pay_2", choice=Choice.STILL_OWES), ()),
    ],
)
def test_what_waits_for_a_is_woken_when_the_platform_or_a_person_changes_what_a_is(
    status: PaymentStatus, push: Push, woken: tuple[str, ...]
) -> None:
    before = [make_link(make_payment(), UNTIL_REVERTED), FAILED]
    snapshot = make_snapshot(make_fb_invoice(outstanding=0), [STANDS])
    stored = decide_snapshot(snapshot, make_context(None, before))
    now = [before[0], make_link(make_payment("pay_2", status=status), push)]
    decision = decide_without_read(make_context(stored.invoice, now, stored.applied or ()))
    assert decision.woken == woken


@pytest.mark.parametrize(
    ("status", "woken"),
    [(PaymentStatus.SUCCEEDED, ()), (PaymentStatus.REFUNDED, ("pay_1",)), (PaymentStatus.FAILED, ("pay_1",))],
)
def test_what_waits_for_a_refund_that_came_while_it_was_chosen_is_woken(
    status: PaymentStatus, woken: tuple[str, ...]
) -> None:
    links = [make_link(make_payment(status=status), UNTIL_REFUNDED)]
    assert decide_without_read(make_context(make_invoice(), links)).woken == woken


@pytest.mark.parametrize("push", [make_push(state=PushState.WAITING, reason=Reason.RETRY_LATER), make_push()])
def test_what_waits_for_no_fact_or_not_at_all_is_woken_by_none(push: Push) -> None:
    assert decide_without_read(make_context(make_invoice(), [make_link(make_payment(), push)])).woken == ()


def test_a_wait_on_another_invoice_is_none_of_this_ones_business() -> None:
    links = [make_link(make_payment(invoice_id=OTHER_INVOICE), UNTIL_REVERTED)]
    assert decide_without_read(make_context(make_invoice(), links)).woken == ()


def test_a_stopped_push_whose_record_turns_up_is_woken_whatever_stopped_it() -> None:
    spent = make_push(state=PushState.NEEDS_PERSON, reason=Reason.ATTEMPTS_EXHAUSTED)
    assert decide([make_link(make_payment(), spent)], [make_our_fb_payment()]).woken == ("pay_1",)


def test_a_payment_of_another_invoice_is_never_woken_from_here() -> None:
    waiting = make_push(state=PushState.WAITING, reason=Reason.UNTIL_REVERTED)
    assert decide([make_link(make_payment(invoice_id=OTHER_INVOICE), waiting)]).woken == ()


def test_a_payment_without_a_push_is_never_woken() -> None:
    bare = Link(payment=make_payment())
    assert decide([bare]).woken == ()
