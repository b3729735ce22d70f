"""Every choice of a person, pressed on its issue, through real Postgres and the real sandbox (P8, P11, W5, T2)."""

from collections.abc import AsyncIterator
from datetime import datetime
from unittest.mock import patch

import pytest

from daemon.core.choices import NotOffered
from daemon.core.exchange import Claim
from daemon.core.model import Choice, InvoiceId, PaymentId, PaymentStatus, Push, PushState, Reason
from tests.push_stage import WHO, PushStage, push_stage

PAYMENT = PaymentId("pay_1")


@pytest.fixture
async def stage(database: str) -> AsyncIterator[PushStage]:
    async with push_stage(database) as made:
        yield made


async def recorded(stage: PushStage, amount: int = 100) -> InvoiceId:
    """A payment that stands in FreshBooks."""
    invoice = stage.bill(amount)
    await stage.read(invoice)
    await stage.pay(invoice, amount)
    await stage.settle()
    assert (await stage.latest()).state is PushState.DONE
    return invoice


async def expect(stage: PushStage, invoice: InvoiceId, due: int, *kinds: str) -> None:
    """Assert what is due, and exactly which kinds of issues stand."""
    assert await stage.due(invoice) == due
    assert await stage.kinds() == set(kinds)


def amounts(stage: PushStage, invoice: InvoiceId) -> list[tuple[int, int, bool]]:
    """FreshBooks' records on an invoice in order: whose they are (1 ours, 0 typed), how much, whether they live."""
    rows = sorted(stage.records(invoice), key=lambda row: row.id)
    return [(int("AP:" in row.note), int(row.amount), row.vis_state == 0) for row in rows]


async def test_post_anyway_records_the_payment_and_shows_what_became_a_credit(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    await stage.pay(invoice, 100)
    stage.enter(invoice, 60)
    await stage.settle(invoice)
    issue = next(row for row in await stage.issues() if "post_anyway" in row.actions)
    assert (issue.data["applied"], issue.data["credit"]) == ("40.00", "60.00")
    assert await stage.press("post_anyway") is True
    assert await stage.kinds() == {"overpaid"}
    await stage.settle(invoice)
    push = await stage.latest()
    assert push.state is PushState.DONE
    assert push.recorded_amount == 40
    assert amounts(stage, invoice) == [(0, 60, True), (1, 40, True)]


async def test_settled_by_hand_takes_the_named_payment_and_sends_nothing(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    await stage.pay(invoice, 40)
    cheque = stage.enter(invoice, 70)
    await stage.settle(invoice)
    assert await stage.kinds() == {"push_stopped", "overpaid"}
    assert await stage.press("settled_by_hand", cheque) is True
    await stage.settle(invoice)
    push = await stage.latest()
    assert (push.state, push.reason, push.fb_payment_id) == (PushState.DONE, Reason.SETTLED_BY_HAND, cheque)
    await expect(stage, invoice, 30)
    assert amounts(stage, invoice) == [(0, 70, True)]


async def test_a_payment_that_stands_for_another_one_cannot_be_named_twice(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    cheque = stage.enter(invoice, 90)
    await stage.pay(invoice, 40, "pay_1")
    await stage.pay(invoice, 50, "pay_2")
    await stage.settle(invoice)
    first, second = sorted(await stage.issues(), key=lambda issue: issue.subject)[-2:]
    assert await stage.press("settled_by_hand", cheque, issue=first) is True
    refused = await stage.press("settled_by_hand", cheque, issue=second)
    assert refused == NotOffered(why=f"FreshBooks payment #{cheque} stands for another payment already.")
    assert (await stage.latest("pay_2")).state is PushState.NEEDS_PERSON


async def test_not_this_records_the_payment_beside_the_one_that_looks_like_it(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    await stage.pay(invoice, 40)
    stage.enter(invoice, 40)
    await stage.settle(invoice)
    assert (await stage.latest()).reason is Reason.IS_THIS_IT
    assert await stage.press("not_this") is True
    await stage.settle(invoice)
    assert amounts(stage, invoice) == [(0, 40, True), (1, 40, True)]
    await expect(stage, invoice, 20)


async def test_trying_again_after_a_refusal_reads_the_books_anew(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    refuse = {"kind": "status", "status": 422, "errno": 10001, "message": "Locked.", "body": "json"}
    stage.fault(refuse, match={"method": "POST"})
    await stage.pay(invoice)
    await stage.settle()
    (issue,) = await stage.issues()
    assert "Locked." in issue.reason
    stage.fault({})
    stage.enter(invoice, 100)
    assert await stage.press("retry") is True
    await stage.settle()
    assert (await stage.latest()).reason is Reason.AMBIGUOUS_LOOKUP
    assert amounts(stage, invoice) == [(0, 100, True)]


async def test_refund_in_ap_of_what_was_never_recorded_can_be_taken_back(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    typed = stage.enter(invoice, 100, date="2026-01-02")
    await stage.pay(invoice)
    await stage.settle(invoice)
    assert await stage.press("refund_in_ap") is True
    await stage.settle()
    assert (await stage.latest()).reason is Reason.UNTIL_REFUNDED
    assert await stage.store.choose(stage.scope, PAYMENT, Choice.RECORD_AGAIN, None, WHO) is None
    stage.delete(typed)
    await stage.settle(invoice)
    assert amounts(stage, invoice) == [(0, 100, False), (1, 100, True)]


async def test_refund_in_ap_of_what_was_never_recorded_ends_with_the_refund(stage: PushStage) -> None:
    invoice = stage.bill(100)
    await stage.read(invoice)
    stage.enter(invoice, 100, date="2026-01-02")
    await stage.pay(invoice)
    await stage.settle(invoice)
    assert await stage.press("refund_in_ap") is True
    await stage.becomes("pay_1", PaymentStatus.REFUNDED)
    await stage.settle(invoice)
    assert (await stage.latest()).reason is Reason.REFUNDED_BEFORE_PUSH
    await expect(stage, invoice, 0)


async def test_record_again_opens_a_generation_that_is_recorded_under_a_marker_of_its_own(stage: PushStage) -> None:
    invoice = await recorded(stage)
    stage.delete((await stage.latest()).fb_payment_id)
    await stage.settle(invoice)
    assert await stage.kinds() == {"ours_changed_in_freshbooks"}
    assert await stage.due(invoice) == 0
    assert amounts(stage, invoice) == [(1, 100, False)]
    assert await stage.press("record_again") is True
    await stage.settle(invoice)
    push = await stage.latest()
    assert (push.generation, push.state) == (2, PushState.DONE)
    (note,) = [row.note for row in stage.records(invoice) if row.vis_state == 0]
    assert note.endswith("AP:pay_1:2")
    await expect(stage, invoice, 0)


async def test_reopen_lets_the_invoice_be_due_again_and_sends_nothing(stage: PushStage) -> None:
    invoice = await recorded(stage)
    stage.delete((await stage.latest()).fb_payment_id)
    await stage.settle(invoice)
    assert await stage.press("reopen") is True
    await expect(stage, invoice, 100)
    await stage.settle(invoice)
    assert await stage.due(invoice) == 100
    assert amounts(stage, invoice) == [(1, 100, False)]


async def test_an_edited_record_is_refunded_in_ap_by_choice(stage: PushStage) -> None:
    invoice = await recorded(stage)
    stage.book("payment.update", (await stage.latest()).fb_payment_id, {"amount": {"amount": "60.00", "code": "USD"}})
    await stage.settle(invoice)
    (issue,) = await stage.issues()
    assert issue.actions == ("reopen", "refund_in_ap")
    assert await stage.press("refund_in_ap") is True
    assert await stage.kinds() == set()
    await stage.becomes("pay_1", PaymentStatus.REFUNDED)
    await stage.settle(invoice)
    assert await stage.kinds() == {"revert_failed_payment"}
    assert await stage.due(invoice) == 100


async def test_a_failed_payment_s_record_stands_in_for_the_one_that_waits(stage: PushStage) -> None:
    invoice = await recorded(stage)
    await stage.becomes("pay_1", PaymentStatus.FAILED)
    await stage.settle(invoice)
    await stage.pay(invoice, 100, "pay_2")
    await stage.settle(invoice)
    assert (await stage.latest("pay_2")).reason is Reason.UNTIL_REVERTED
    record = (await stage.latest("pay_1")).fb_payment_id
    assert await stage.press("stand_in", record, stands_for="pay_2") is True
    await stage.settle(invoice)
    assert ((await stage.latest("pay_2")).state, (await stage.latest("pay_2")).fb_payment_id) == (
        PushState.DONE,
        record,
    )
    assert (await stage.latest("pay_1")).reason is Reason.REPLACED
    await expect(stage, invoice, 0)
    assert amounts(stage, invoice) == [(1, 100, True)]


@pytest.mark.parametrize(
    ("answer", "due", "kinds"), [("still_owes", 100, {"revert_failed_payment"}), ("owes_nothing", 0, set())]
)
async def test_a_refund_is_answered(stage: PushStage, answer: str, due: int, kinds: set[str]) -> None:
    invoice = await recorded(stage)
    await stage.becomes("pay_1", PaymentStatus.REFUNDED)
    await stage.settle(invoice)
    await expect(stage, invoice, 0, "refunded")
    assert await stage.press(answer) is True
    await expect(stage, invoice, due, *kinds)
    await stage.settle(invoice)
    await expect(stage, invoice, due, *kinds)


async def test_a_difference_after_a_post_is_accepted(stage: PushStage) -> None:
    """The bookkeeper typed 60 of it in between our last read and the POST, so FreshBooks split ours."""
    invoice = stage.bill(100)
    await stage.read(invoice)
    await stage.pay(invoice)
    begin = stage.store.begin_send

    async def begin_late(claim: Claim, deadline_at: datetime) -> Push:
        stage.enter(invoice, 60)
        return await begin(claim, deadline_at)

    with patch.object(stage.store, "begin_send", begin_late):
        await stage.push()
    await stage.settle(invoice)
    assert await stage.kinds() == {"amount_differs"}
    assert await stage.press("accept") is True
    await stage.settle(invoice)
    assert await stage.kinds() == set()


async def test_freshbooks_version_of_a_frozen_invoice_is_taken(stage: PushStage) -> None:
    invoice = await recorded(stage)
    line = {"name": "More", "qty": 1, "unit_cost": {"amount": "150.00", "code": "USD"}}
    stage.book("invoice.update", invoice, {"lines": [line]})
    await stage.settle(invoice)
    await expect(stage, invoice, 0, "paid_invoice_changed")
    assert await stage.press("take_freshbooks_version") is True
    await stage.settle()
    await expect(stage, invoice, 50)


async def test_a_choice_that_fits_no_longer_is_refused_with_a_sentence_and_changes_nothing(stage: PushStage) -> None:
    invoice = await recorded(stage)
    record = (await stage.latest()).fb_payment_id
    stage.delete(record)
    await stage.settle(invoice)
    (issue,) = await stage.issues()
    assert await stage.store.choose(stage.scope, PAYMENT, Choice.REOPEN, None, WHO) is None
    before = await stage.latest()
    assert await stage.press("record_again", issue=issue) is False
    stage.book("payment.update", record, {"vis_state": 0})
    await stage.settle(invoice)
    refused = await stage.store.choose(stage.scope, PAYMENT, Choice.RECORD_AGAIN, None, WHO)
    assert refused == NotOffered(why="This is not offered any more: the payment or its record has changed meanwhile.")
    assert (await stage.latest()).generation == before.generation


async def test_every_choice_is_audited_with_who_what_before_and_after(stage: PushStage) -> None:
    invoice = await recorded(stage)
    stage.delete((await stage.latest()).fb_payment_id)
    await stage.settle(invoice)
    await stage.press("record_again")
    line = await stage.row("SELECT * FROM sync.audit WHERE what = 'chose record_again'")
    assert (line["who"], line["subject"]) == (WHO, "payment/pay_1")
    assert (line["before"]["generation"], line["before"]["state"]) == (1, "done")
    assert (line["after"]["generation"], line["after"]["state"], line["after"]["choice"]) == (
        2,
        "ready",
        "record_again",
    )
