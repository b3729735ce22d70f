"""Payments through one partner's supervisor: recorded within seconds, looked up when an answer is lost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import InvoiceId, IssueKind, PaymentId, PaymentStatus, PushState, Reason
from daemon.core.state import ConnectionStatus
from tests.actors.stage import ActorStage, connected, running
from tests.direct_freshbooks import is_post, once

SECONDS = timedelta(seconds=1)


async def test_a_payment_is_recorded_at_initiation_within_seconds() -> None:
    async with connected(5) as stage:
        invoice = stage.bill("250.00")
        stage.pay(invoice, "250.00", method="ach")
        await stage.until(lambda: stage.fb_payments(invoice), 2 * SECONDS)
        (recorded,) = stage.fb_payments(invoice)
        assert (recorded.amount, recorded.type, recorded.send_client_notification) == (Decimal("250.00"), "ACH", False)
        assert recorded.note.endswith("AP:pay_1:1")
        await stage.until(lambda: invoice in stage.rows().invoices and stage.invoice(invoice).amount_due == 0)


async def test_what_we_pushed_is_recognised_when_read_back() -> None:
    async with connected(0) as stage:
        invoice = stage.bill("100.00")
        stage.pay(invoice, "60.00")
        await stage.until(lambda: stage.fb_payments(invoice))
        await anyio.sleep(3 * 3600)
        assert stage.invoice(invoice).amount_due == 40
        assert stage.invoice(invoice).fb_outstanding == 40


async def test_a_lost_answer_is_looked_up_and_never_sent_again() -> None:
    weather = once(is_post, FreshBooksUnavailable("the connection broke"))
    async with connected(5, after=weather) as stage:
        invoice = stage.bill("80.00")
        payment = stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.push(payment).state is PushState.UNCERTAIN, 5 * SECONDS)
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, timedelta(minutes=5))
        assert sum(is_post(call) for call in stage.caller.asked) == 1
    assert len(stage.fb_payments(invoice)) == 1


async def test_a_lost_record_is_found_though_its_invoice_has_another_customer_and_it_was_moved_to_another() -> None:
    """Absence is proven only by what could have shown it: the client that we know of need not be the record's."""
    async with connected(5) as stage:
        other = stage.bill("200.00", customerid=stage.book("client.create", None, {"organization": "Other"}).id)
        invoice = stage.bill("80.00")
        await stage.until(lambda: {invoice, other} <= stage.rows().invoices.keys(), timedelta(hours=2))
        lost = once(is_post, FreshBooksUnavailable("the connection broke"))

        def lose_and_move(call: Call) -> None:
            if is_post(call) and not moved:
                client = stage.book("client.create", None, {"organization": "A third one"})
                stage.book("invoice.update", invoice, {"customerid": client.id})
                moved.extend(stage.fb_payments(invoice))
                stage.book("payment.update", moved[0].id, {"invoiceid": other})
            lost(call)

        moved: list[Any] = []
        object.__setattr__(stage.caller, "after", lose_and_move)
        payment = stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, timedelta(minutes=10))
        assert sum(is_post(call) for call in stage.caller.asked) == 1
        assert stage.push(payment).fb_payment_id == moved[0].id


async def test_an_answer_lost_before_the_commit_is_sent_again_only_after_two_look_ups() -> None:
    weather = once(is_post, FreshBooksUnavailable("no answer in time"))
    async with connected(5, before=weather) as stage:
        invoice = stage.bill("80.00")
        payment = stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, timedelta(minutes=10))
        posts = [index for index, call in enumerate(stage.caller.asked) if is_post(call)]
        between = stage.caller.asked[posts[0] + 1 : posts[1]]
        look_ups = [call for call in between if any(key == "search[clientid]" for key, _ in call.params)]
        assert len(posts) == 2
        assert len(look_ups) >= 4
    assert len(stage.fb_payments(invoice)) == 1


async def test_what_was_provably_unsent_is_sent_again_without_a_person() -> None:
    weather = once(is_post, FreshBooksUnavailable("connection refused", unsent=True))
    async with connected(5, before=weather) as stage:
        invoice = stage.bill("80.00")
        stage.pay(invoice, "80.00")
        await stage.until(lambda: stage.fb_payments(invoice), timedelta(minutes=5))
        assert not [call for call in stage.caller.asked if any(key == "search[clientid]" for key, _ in call.params)]
    assert len(stage.fb_payments(invoice)) == 1


async def test_a_payment_that_fails_after_its_push_stays_in_freshbooks_and_the_invoice_is_due_again() -> None:
    async with connected(0) as stage:
        invoice = stage.bill("100.00")
        payment = stage.pay(invoice, "100.00", method="ach")
        await stage.until(lambda: invoice in stage.rows().invoices and stage.invoice(invoice).is_frozen)
        stage.move(payment, PaymentStatus.FAILED)
        await stage.until(lambda: stage.invoice(invoice).amount_due == 100, 5 * SECONDS)
        assert (IssueKind.REVERT_FAILED_PAYMENT, ("payment", payment)) in stage.rows().issues
        (recorded,) = stage.fb_payments(invoice)
        assert recorded.vis_state == 0
        stage.book("payment.update", recorded.id, {"vis_state": 1})
        await stage.until(lambda: not stage.rows().issues, timedelta(minutes=5))
        assert stage.invoice(invoice).amount_due == 100


async def behind_a_failed_one(stage: ActorStage, status: PaymentStatus) -> tuple[InvoiceId, PaymentId]:
    """Let pay_2 wait for half a day until pay_1, which stands in FreshBooks without its money, is reverted."""
    invoice = stage.bill("100.00")
    lost = stage.pay(invoice, "100.00", method="ach")
    await stage.until(lambda: stage.push(lost).state is PushState.DONE)
    stage.move(lost, status)
    waiting = stage.pay(invoice, "100.00", payment_id="pay_2")
    await stage.until(lambda: stage.push(waiting).reason is Reason.UNTIL_REVERTED, 5 * SECONDS)
    await anyio.sleep(12 * 3600)
    return invoice, waiting


async def test_what_waits_for_long_is_seldom_looked_at_and_goes_by_itself_within_the_poll_once_there_is_room() -> None:
    async with connected(0) as stage:
        invoice, waiting = await behind_a_failed_one(stage, PaymentStatus.FAILED)
        stage.caller.asked.clear()
        await anyio.sleep(6 * 3600)
        looks = [call for call in stage.caller.asked if call.path.endswith(f"/invoices/{invoice}")]
        assert 5 <= len(looks) <= 7
        (record,) = stage.fb_payments(invoice)
        await anyio.sleep(60)
        stage.book("payment.update", record.id, {"vis_state": 1})
        poll = stage.policy.pull.payments_interval
        await stage.until(lambda: stage.push(waiting).state is PushState.DONE, poll + 10 * SECONDS)
    assert [row.amount for row in stage.fb_payments(invoice) if row.vis_state == 0] == [Decimal("100.00")]


async def test_what_waits_until_a_is_reverted_goes_to_a_person_at_once_when_a_is_won() -> None:
    async with connected(0) as stage:
        _, waiting = await behind_a_failed_one(stage, PaymentStatus.CHARGEBACK)
        stage.move(PaymentId("pay_1"), PaymentStatus.SUCCEEDED)
        await stage.until(lambda: stage.push(waiting).reason is Reason.ALREADY_PAID, 10 * SECONDS)
        assert stage.push(waiting).state is PushState.NEEDS_PERSON


@pytest.mark.parametrize("calls", range(1, 16))
async def test_killed_after_any_call_a_payment_stands_exactly_once(calls: int) -> None:
    """Cut the process off after the n-th call since the payment, start it again, and count in FreshBooks' books."""
    stage = ActorStage(0)
    invoice = stage.bill("55.00")
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        stage.pay(invoice, "55.00")
        stage.caller.cut_after(calls, group.cancel_scope.cancel)
        await anyio.sleep(600)
    ActorStage.restarted(stage)
    async with running(stage):
        await stage.until(lambda: stage.push_of("pay_1").state is PushState.DONE, timedelta(minutes=30))
        await stage.until(lambda: stage.invoice(invoice).amount_due == 0, timedelta(minutes=5))
    assert [row.amount for row in stage.fb_payments(invoice)] == [Decimal("55.00")]
