"""Claims, fences, sends and their records, and what people choose (W4, W5)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

from daemon.core.errors import FenceLost
from daemon.core.exchange import Claim
from daemon.core.invoice_rules import decide_without_read
from daemon.core.markers import marker
from daemon.core.model import (
    Choice,
    FbPaymentId,
    InvoiceDecision,
    InvoiceId,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reason,
    Scope,
)
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import INVOICE, NOW, OTHER_INVOICE, make_fb_invoice, make_our_fb_payment, usd
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres
MINUTE = timedelta(minutes=1)


async def claim(books: Books, after: timedelta = timedelta(0), scope: Scope = SCOPE) -> Claim | None:
    now = NOW + after
    return await books.store.claim(scope, now, now + MINUTE)


async def claimed(books: Books, after: timedelta = timedelta(0)) -> Claim:
    found = await claim(books, after)
    assert found is not None
    return found


def changed(push: Push, state: PushState, **values: Any) -> Push:
    return replace(push, state=state, **values)


async def test_a_new_payment_is_claimed_with_its_invoice_and_link(books: Books) -> None:
    await books.merge(make_fb_invoice())
    await books.pay()
    found = await claimed(books)
    assert (found.invoice_id, found.first, found.fence) == (INVOICE, True, 1)
    assert found.push.deadline_at == NOW + MINUTE
    assert found.push.marker == marker(PaymentId("pay_1"), 1)
    assert found.link.payment.amount == usd(100)
    assert found.context.invoice is not None
    assert found.context.links == (found.link,)


async def test_a_payment_on_an_invoice_never_read_is_claimed_without_a_row(books: Books) -> None:
    await books.pay()
    assert (await claimed(books)).context.invoice is None


async def test_a_claimed_push_is_not_claimed_again_before_its_deadline(books: Books) -> None:
    await books.pay()
    await claimed(books)
    assert await claim(books, MINUTE - timedelta(seconds=1)) is None
    again = await claimed(books, MINUTE)
    assert again.fence == 2


async def test_of_many_claimers_at_once_each_payment_has_one(books: Books) -> None:
    for number in range(8):
        await books.pay(f"pay_{number}", invoice_id=InvoiceId(900 + number))
    found: list[str] = []

    async def take() -> None:
        while (got := await claim(books)) is not None:
            found.append(got.push.payment_id)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(take)
    # A claimer may leave early because all that was left was being claimed by others; nobody claims twice.
    while (got := await claim(books)) is not None:
        found.append(got.push.payment_id)
    assert sorted(found) == [f"pay_{number}" for number in range(8)]


async def test_two_claimers_never_work_on_one_invoice_at_once(books: Books) -> None:
    for number in range(6):
        await books.pay(f"pay_{number}")
    found: list[Claim | None] = []

    async def take() -> None:
        found.append(await claim(books))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(take)
    assert [got.push.payment_id for got in found if got] in ([], ["pay_0"])
    found.append(await claim(books))
    assert [got.push.payment_id for got in found if got] == ["pay_0"]


async def test_payments_of_one_invoice_go_in_the_order_they_came(books: Books) -> None:
    for number in (1, 2):
        await books.pay(f"pay_{number}")
    first = await claimed(books)
    assert first.push.payment_id == "pay_1"
    assert await claim(books) is None
    await books.store.record(first, changed(first.push, PushState.UNCERTAIN, not_before=NOW + 5 * MINUTE))
    assert await claim(books, 2 * MINUTE) is None
    assert await books.store.next_push_at(SCOPE, NOW) == NOW + 5 * MINUTE
    again = await claimed(books, 5 * MINUTE)
    await books.store.record(again, changed(again.push, PushState.DONE, fb_payment_id=FbPaymentId(501)))
    assert (await claimed(books)).push.payment_id == "pay_2"


async def test_a_waiting_payment_lets_the_next_one_go(books: Books) -> None:
    for number in (1, 2):
        await books.pay(f"pay_{number}")
    first = await claimed(books)
    await books.store.record(first, changed(first.push, PushState.WAITING, reason=Reason.UNTIL_REVERTED))
    assert (await claimed(books)).push.payment_id == "pay_2"


async def test_two_lost_answers_on_one_invoice_do_not_block_each_other(books: Books) -> None:
    for number in (1, 2):
        await books.pay(f"pay_{number}")
    await books.execute("UPDATE sync.push SET state = 'uncertain', claimed_at = now(), not_before = $1", NOW)
    assert (await claimed(books)).push.payment_id == "pay_1"
    assert await claim(books) is None


async def test_another_invoice_does_not_wait(books: Books) -> None:
    await books.pay("pay_1")
    await books.pay("pay_2", invoice_id=OTHER_INVOICE)
    assert (await claimed(books)).push.payment_id == "pay_1"
    assert (await claimed(books)).push.payment_id == "pay_2"


async def test_another_partner_or_account_claims_nothing_of_ours(books: Books) -> None:
    await books.pay()
    other = await books.add_partner("other", "Zz9")
    assert await claim(books, scope=other) is None
    assert await claim(books, scope=Scope(partner_id=PARTNER, account_id=other.account_id)) is None
    assert await books.store.next_push_at(other, NOW) is None


async def test_a_payment_that_must_wait_until_later_is_not_due_before(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    await books.store.record(found, changed(found.push, PushState.READY, not_before=NOW + 3 * MINUTE))
    assert await claim(books, 2 * MINUTE) is None
    assert await books.store.next_push_at(SCOPE, NOW) == NOW + 3 * MINUTE
    assert await claim(books, 3 * MINUTE) is not None


async def test_what_waits_without_a_time_waits_to_be_woken(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    await books.store.record(found, changed(found.push, PushState.WAITING, reason=Reason.UNTIL_REVERTED))
    assert await books.store.next_push_at(SCOPE, NOW) is None
    assert await claim(books, 1000 * MINUTE) is None


async def test_a_send_is_stored_before_it_begins_and_counted_once(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    sending = await books.store.begin_send(found, NOW + 2 * MINUTE)
    assert (sending.state, sending.attempts, sending.claimed_at) == (PushState.SENDING, 1, NOW)
    row = await books.push()
    assert (row["state"], row["attempts"], row["claimed_at"], row["deadline_at"]) == (
        "sending",
        1,
        NOW,
        NOW + 2 * MINUTE,
    )


async def test_a_send_whose_process_died_is_claimed_after_its_deadline_as_not_the_first(books: Books) -> None:
    await books.pay()
    await books.store.begin_send(await claimed(books), NOW + 2 * MINUTE)
    assert await claim(books, MINUTE) is None
    assert await books.store.next_push_at(SCOPE, NOW) == NOW + 2 * MINUTE
    found = await claimed(books, 2 * MINUTE)
    assert (found.push.state, found.first, found.push.claimed_at) == (PushState.SENDING, False, NOW)
    again = await books.store.begin_send(found, NOW + 4 * MINUTE)
    assert (again.claimed_at, again.attempts) == (NOW, 2)


async def test_who_lost_the_fence_neither_sends_nor_records(books: Books) -> None:
    await books.pay()
    slow = await claimed(books)
    await claimed(books, MINUTE)
    with pytest.raises(FenceLost):
        await books.store.begin_send(slow, NOW + 3 * MINUTE)
    with pytest.raises(FenceLost):
        await books.store.record(slow, changed(slow.push, PushState.DONE, fb_payment_id=FbPaymentId(501)))
    assert (await books.push())["state"] == "ready"


async def test_a_payment_that_fails_while_it_is_claimed_is_not_sent(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    await books.set_status("pay_1", PaymentStatus.FAILED)
    with pytest.raises(FenceLost):
        await books.store.begin_send(found, NOW + MINUTE)
    row = await books.push()
    assert (row["state"], row["reason"]) == ("cancelled", "failed_before_push")


async def test_a_record_is_audited_and_decides_its_invoice_in_the_same_transaction(books: Books) -> None:
    await books.merge(make_fb_invoice())
    await books.pay(amount=40)
    found = await claimed(books)
    sending = await books.store.begin_send(found, NOW + 2 * MINUTE)
    done = changed(sending, PushState.DONE, fb_payment_id=FbPaymentId(501), recorded_amount=usd(40))
    await books.store.record(found, done, decide_without_read)
    row = await books.push()
    assert (row["state"], row["fb_payment_id"], row["recorded_amount"]) == ("done", 501, usd(40))
    assert row["deadline_at"] == NOW + 2 * MINUTE
    assert (await books.invoice())["amount_due"] == usd(60)
    (line,) = await books.fetch("SELECT * FROM sync.audit")
    assert (line["who"], line["subject"], line["after"]["fb_payment_id"]) == ("freshbooks-syncd", "payment/pay_1", 501)


async def test_a_record_whose_decision_fails_stores_nothing(books: Books) -> None:
    await books.pay()
    found = await claimed(books)

    def explode(_: object) -> InvoiceDecision:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await books.store.record(found, changed(found.push, PushState.DONE), explode)
    assert (await books.push())["state"] == "ready"
    assert await books.fetch("SELECT FROM sync.audit") == []


async def test_a_claim_given_back_can_be_taken_again_at_once(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    await books.store.record(found, found.push)
    assert await books.store.next_push_at(SCOPE, NOW) is not None
    assert (await claimed(books)).fence == 2


async def test_a_choice_makes_a_stopped_push_due_and_is_audited(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    stopped = changed(found.push, PushState.NEEDS_PERSON, reason=Reason.ALREADY_PAID, attempts=3)
    await books.store.record(found, stopped)
    assert await claim(books, 10 * MINUTE) is None
    await books.store.choose(SCOPE, PaymentId("pay_1"), Choice.SETTLED_BY_HAND, FbPaymentId(77), "ada@acme.example")
    again = await claimed(books, 10 * MINUTE)
    assert (again.push.choice, again.push.fb_payment_id, again.push.attempts) == (Choice.SETTLED_BY_HAND, 77, 0)
    (line,) = await books.fetch("SELECT * FROM sync.audit")
    assert (line["who"], line["what"], line["before"]["reason"]) == (
        "ada@acme.example",
        "chose settled_by_hand",
        "already_paid",
    )
    assert await books.rereads() == {("invoices", INVOICE): "platform"}


async def test_a_choice_made_while_a_push_is_worked_on_is_not_overwritten(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    await books.store.choose(SCOPE, PaymentId("pay_1"), Choice.POST_ANYWAY, None, "ada")
    await books.store.record(found, changed(found.push, PushState.NEEDS_PERSON, reason=Reason.LESS_OUTSTANDING))
    again = await claimed(books, 10 * MINUTE)
    assert again.push.choice is Choice.POST_ANYWAY


async def test_a_choice_about_a_lost_answer_waits_for_the_lookup(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    sending = await books.store.begin_send(found, NOW + MINUTE)
    await books.store.record(found, changed(sending, PushState.UNCERTAIN, not_before=NOW + 5 * MINUTE))
    await books.store.choose(SCOPE, PaymentId("pay_1"), Choice.REFUND_IN_AP, None, "ada")
    row = await books.push()
    assert (row["state"], row["not_before"], row["choice"]) == ("uncertain", NOW + 5 * MINUTE, "refund_in_ap")


async def test_a_choice_about_an_unknown_payment_is_refused(books: Books) -> None:
    with pytest.raises(LookupError, match="pay_9"):
        await books.store.choose(SCOPE, PaymentId("pay_9"), Choice.ACCEPT, None, "ada")


async def test_a_snapshot_without_our_paid_record_wakes_what_waited_for_it(books: Books) -> None:
    await books.pay("pay_a")
    first = await claimed(books)
    await books.store.record(
        first, changed(first.push, PushState.DONE, fb_payment_id=FbPaymentId(501), recorded_amount=usd(100))
    )
    await books.set_status("pay_a", PaymentStatus.FAILED)
    await books.pay("pay_b")
    second = await claimed(books)
    await books.store.record(second, changed(second.push, PushState.WAITING, reason=Reason.UNTIL_REVERTED))
    ours = make_our_fb_payment(501, 100, "pay_a")
    await books.snapshot(make_fb_invoice(), (ours,))
    assert await books.store.next_push_at(SCOPE, NOW) is None
    assert ("revert_failed_payment", "payment", "pay_a") in await books.open_issues()
    await books.snapshot(make_fb_invoice(updated_at=NOW + MINUTE), ())
    assert (await claimed(books)).push.payment_id == "pay_b"
