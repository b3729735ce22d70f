"""Several payments of a partner at once: what may overlap, and what never does (W1, W4)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.actors.crash_points import CrashPoint
from daemon.core.model import PushState, VisState
from daemon.core.payment_rules import guard
from daemon.core.policy import PushPolicy
from tests.builders import (
    make_fb_invoice,
    make_fb_payment,
    make_link,
    make_payment,
    make_push,
    make_snapshot,
)
from tests.push_stage import PATIENCE, STEP, PushStage, push_stage

SLOW = {"kind": "latency", "seconds": 0.4}
TOO_MANY = {"kind": "status", "status": 429}


@pytest.fixture
async def stage(database: str) -> AsyncIterator[PushStage]:
    async with push_stage(database) as made:
        yield made


def most_at_once(points: list[CrashPoint]) -> int:
    """How many POSTs were under way together."""
    under_way = [points[:n].count(CrashPoint.FENCED) - points[:n].count(CrashPoint.KNOWN) for n in range(len(points))]
    return max(under_way)


async def paid(stage: PushStage, invoices: int, payments: int) -> list[CrashPoint]:
    """Queue payments, let FreshBooks be slow, push them all, and give the points that were passed."""
    points: list[CrashPoint] = []
    stage.world = replace(stage.world, reached=points.append)
    bills = [stage.bill(100) for _ in range(invoices)]
    for bill in bills:
        await stage.read(bill)
    for number in range(payments):
        await stage.pay(bills[number % invoices], 1, f"pay_{number:02}")
    stage.fault(SLOW, match={"method": "POST"})
    await stage.push()
    assert points.count(CrashPoint.STORED) == payments
    for index, bill in enumerate(bills):
        notes = [row.note.split(":")[-2] for row in sorted(stage.records(bill), key=lambda row: row.id)]
        assert notes == [f"pay_{number:02}" for number in range(payments) if number % invoices == index]
    return points


async def test_payments_of_several_invoices_are_recorded_at_once_up_to_the_limit(stage: PushStage) -> None:
    assert most_at_once(await paid(stage, invoices=8, payments=12)) == PATIENCE.in_flight


async def test_payments_of_one_invoice_are_recorded_one_after_another_in_their_order(stage: PushStage) -> None:
    assert most_at_once(await paid(stage, invoices=1, payments=4)) == 1


async def test_a_payment_that_cannot_be_read_holds_up_no_other(stage: PushStage) -> None:
    good, bad = stage.bill(100), stage.bill(100)
    for bill in (good, bad):
        await stage.read(bill)
    stage.fault({"kind": "status", "status": 503}, match={"path": f"invoices/{bad}"})
    await stage.pay(bad, 100, "pay_1")
    await stage.pay(good, 100, "pay_2")
    await stage.push()
    assert (await stage.latest("pay_1")).state is PushState.READY
    assert (await stage.latest("pay_2")).state is PushState.DONE


async def test_a_payment_costs_a_first_post_three_calls_before_its_invoice_is_read_anew(stage: PushStage) -> None:
    bill = stage.bill(100)
    await stage.read(bill)
    await stage.pay(bill, 100)
    before = stage.sandbox.log.counters()["requests"]
    await stage.push()
    assert stage.sandbox.log.counters()["requests"] - before == 3


async def test_a_payment_refused_unread_is_sent_again_without_a_look_up(stage: PushStage) -> None:
    bill = stage.bill(100)
    await stage.read(bill)
    await stage.pay(bill, 100)
    before = stage.sandbox.log.counters()["requests"]
    stage.fault(TOO_MANY, match={"method": "POST"})
    await stage.push()
    refused = await stage.latest()
    assert (refused.state, refused.claimed_at, refused.attempts) == (PushState.READY, None, 0)
    stage.fault({})
    stage.clock.ahead += STEP
    await stage.push()
    assert (await stage.latest()).state is PushState.DONE
    assert stage.sandbox.log.counters()["requests"] - before == 2 * 3
    assert len(stage.records(bill)) == 1


async def test_what_may_have_landed_before_is_looked_for_after_a_429_too(stage: PushStage) -> None:
    bill = stage.bill(100)
    await stage.read(bill)
    await stage.pay(bill, 100)
    stage.fault({"kind": "status", "status": 503}, match={"method": "POST"})
    await stage.push()
    lost = await stage.latest()
    stage.fault(TOO_MANY, match={"method": "POST"})
    for _ in range(3):
        stage.clock.ahead += STEP
        await stage.push()
    refused = await stage.latest()
    assert (lost.state, refused.state) == (PushState.UNCERTAIN, PushState.READY)
    assert refused.claimed_at == lost.claimed_at is not None


AMOUNTS = st.sampled_from([40, 60, 100])
NOTES = st.sampled_from(["", "AP:pay_2:1", "AP:pay_1:2", "cheque"])


@given(
    live=st.lists(st.tuples(AMOUNTS, NOTES), max_size=2),
    deleted=st.lists(st.tuples(AMOUNTS, NOTES), max_size=3),
    other=st.sampled_from([None, PushState.READY, PushState.SENDING, PushState.UNCERTAIN]),
)
def test_what_was_never_sent_is_judged_the_same_with_and_without_deleted_payments(
    live: list[tuple[int, str]], deleted: list[tuple[int, str]], other: PushState | None
) -> None:
    """So its guard need not read them (W5): none of this generation can stand deleted."""
    payment = make_payment()
    links = [make_link(payment, make_push())]
    if other is not None:
        links.append(make_link(make_payment("pay_2", 60), make_push("pay_2", state=other)))
    shown = [make_fb_payment(501 + n, amount, note=note) for n, (amount, note) in enumerate(live)]
    gone = [
        make_fb_payment(601 + n, amount, note=note, vis_state=VisState.DELETED)
        for n, (amount, note) in enumerate(deleted)
    ]
    verdicts = [
        guard(payment, make_push(), make_snapshot(make_fb_invoice(200), payments), links, PushPolicy())
        for payments in (shown, [*shown, *gone])
    ]
    assert verdicts[0] == verdicts[1]
