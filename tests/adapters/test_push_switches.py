"""What nobody has established about FreshBooks and a push may meet: the sandbox's switches, both ways (W4, W5).

Whatever FreshBooks does, each payment stands once or is asked about, and what is due is right.
"""

from datetime import timedelta
from typing import Any, Final

import pytest

from daemon.core.model import PaymentStatus, PushState, Reason
from daemon.sandbox.options import RateLimits
from tests.push_stage import PushStage, push_stage

BOTH: Final[dict[str, tuple[Any, ...]]] = {
    "overpaymentid_is": ("next_log_id", "credit_id"),
    "overpayment_dies_with_payment": (False, True),
}


async def standing(stage: PushStage, payment_id: str = "pay_1") -> int:
    """How many live records of a payment FreshBooks has."""
    rows = stage.account.books.payments
    return len([row for row in rows if row.vis_state == 0 and f"AP:{payment_id}:" in row.note])


async def is_asked_and_not_sent(stage: PushStage, reason: Reason) -> None:
    push = await stage.latest()
    assert (push.state, push.reason) == (PushState.NEEDS_PERSON, reason)
    assert await standing(stage) == 0
    assert "push_stopped" in await stage.kinds()


@pytest.mark.parametrize("does", ["mark_sent", "keep_draft", "refuse"])
async def test_a_payment_on_a_draft_is_asked_about_and_recorded_by_itself_once_it_is_sent(
    database: str, does: str
) -> None:
    async with push_stage(database, payment_on_draft=does) as stage:
        invoice = stage.bill(100, status=1)
        await stage.read(invoice)
        await stage.pay(invoice)
        await stage.settle(invoice)
        await is_asked_and_not_sent(stage, Reason.INVOICE_DRAFT)
        stage.book("invoice.update", invoice, {"status": 2})
        await stage.settle(invoice)
        assert (await stage.latest()).state is PushState.DONE
        assert (await standing(stage), await stage.kinds()) == (1, set())


@pytest.mark.parametrize("does", ["mark_sent", "keep_draft", "refuse"])
async def test_a_payment_on_a_draft_that_a_person_records_anyway_stands_or_is_refused_with_a_sentence(
    database: str, does: str
) -> None:
    async with push_stage(database, payment_on_draft=does) as stage:
        invoice = stage.bill(100, status=1)
        await stage.read(invoice)
        await stage.pay(invoice)
        await stage.settle(invoice)
        await stage.press("post_anyway")
        await stage.settle(invoice)
        push = await stage.latest()
        if does == "refuse":
            assert (push.state, push.reason) == (PushState.NEEDS_PERSON, Reason.REFUSED_BY_FRESHBOOKS)
            assert "cannot be added to a draft" in push.detail
            stage.book("invoice.update", invoice, {"status": 2})
            await stage.press("retry")
            await stage.settle(invoice)
        assert (await stage.latest()).state is PushState.DONE
        assert await standing(stage) == 1


@pytest.mark.parametrize("does", ["refuse", "accept"])
async def test_a_payment_on_a_deleted_invoice_is_asked_about_and_recorded_by_itself_once_it_is_restored(
    database: str, does: str
) -> None:
    async with push_stage(database, payment_on_deleted=does) as stage:
        invoice = stage.bill(100)
        await stage.read(invoice)
        stage.book("invoice.update", invoice, {"vis_state": 1})
        await stage.pay(invoice)
        await stage.settle(invoice)
        await is_asked_and_not_sent(stage, Reason.INVOICE_DELETED)
        stage.book("invoice.update", invoice, {"vis_state": 0})
        await stage.settle(invoice)
        assert (await standing(stage), await stage.kinds()) == (1, set())


@pytest.mark.parametrize("does", ["refuse", "accept"])
async def test_a_payment_in_another_currency_is_asked_about_and_never_sent(database: str, does: str) -> None:
    async with push_stage(database, payment_other_currency=does) as stage:
        invoice = stage.bill(100)
        await stage.read(invoice)
        await stage.pay(invoice, currency="CAD")
        await stage.settle(invoice)
        await is_asked_and_not_sent(stage, Reason.OTHER_CURRENCY)
        assert await stage.due(invoice) is None


@pytest.mark.parametrize(("switch", "value"), [(name, value) for name, values in BOTH.items() for value in values])
async def test_a_split_payment_that_failed_is_due_again_until_its_record_and_its_credit_are_gone(
    database: str, switch: str, value: object
) -> None:
    turned: dict[str, Any] = {switch: value}
    async with push_stage(database, **turned) as stage:
        invoice = stage.bill(100)
        await stage.read(invoice)
        stage.enter(invoice, 40)
        await stage.read(invoice)
        await stage.pay(invoice)
        await stage.settle(invoice)
        await stage.press("post_anyway")
        await stage.census()
        await stage.settle(invoice)
        await stage.census()
        push = await stage.latest()
        assert push.recorded_amount == 60
        await stage.becomes("pay_1", PaymentStatus.FAILED)
        await stage.settle(invoice)
        assert await stage.due(invoice) == 60
        assert await stage.kinds() == {"revert_failed_payment"}
        stage.delete(push.fb_payment_id)
        await stage.census()
        await stage.settle(invoice)
        credit_is_left = value is not True
        assert (await stage.kinds() == {"revert_failed_payment"}) is credit_is_left
        for credit in [credit for credit in stage.account.books.credits if credit.vis_state == 0]:
            stage.book("credit_note.update", credit.id, {"vis_state": 1})
        await stage.census()
        await stage.settle(invoice)
        assert await stage.kinds() == set()
        assert await stage.due(invoice) == 60


@pytest.mark.parametrize(("longest", "fits"), [(0, True), (255, True), (40, False)])
async def test_a_note_that_freshbooks_finds_too_long_is_a_refusal_and_never_sent_without_its_marker(
    database: str, longest: int, *, fits: bool
) -> None:
    async with push_stage(database, note_max_length=longest) as stage:
        invoice = stage.bill(100)
        await stage.read(invoice)
        await stage.pay(invoice)
        await stage.settle(invoice)
        assert await standing(stage) == int(fits)
        push = await stage.latest()
        assert push.reason is (None if fits else Reason.REFUSED_BY_FRESHBOOKS)


@pytest.mark.parametrize("body", ["accounting", "google", "text", "empty"])
@pytest.mark.parametrize("retry_after", [True, False])
async def test_a_429_in_any_form_is_no_answer_and_the_payment_is_sent_again_without_a_look_up(
    database: str, body: str, *, retry_after: bool
) -> None:
    switches: dict[str, Any] = {"rate_limit_body": body, "rate_limit_retry_after": retry_after}
    async with push_stage(database, limits=RateLimits(calls=0, creates=1, window_s=3600), **switches) as stage:
        for number in (1, 2):
            invoice = stage.bill(100)
            await stage.read(invoice)
            await stage.pay(invoice, payment_id=f"pay_{number}")
        await stage.push()
        states = {(await stage.latest(name)).state for name in ("pay_1", "pay_2")}
        assert states == {PushState.DONE, PushState.READY}
        throttled = next(push for push in [await stage.latest("pay_1"), await stage.latest("pay_2")] if push.reason)
        assert (throttled.reason, throttled.attempts) == (Reason.RETRY_LATER, 0)
        stage.clock.ahead += timedelta(hours=1)
        await stage.settle()
        assert [await standing(stage, name) for name in ("pay_1", "pay_2")] == [1, 1]
        assert await stage.issues() == ()
