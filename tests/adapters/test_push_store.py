"""Sends, their records, and what people choose (W4, W5)."""

from datetime import timedelta

import pytest

from daemon.core.choices import NotOffered
from daemon.core.errors import FenceLost
from daemon.core.invoice_rules import decide_without_read
from daemon.core.model import (
    Choice,
    FbPaymentId,
    InvoiceDecision,
    PaymentId,
    PaymentStatus,
    PushState,
    Reason,
)
from tests.adapters.postgres_rows import SCOPE, Books, changed, claim, claimed
from tests.builders import NOW, make_fb_invoice, make_our_fb_payment, usd
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres

MINUTE = timedelta(minutes=1)
PAYMENT = PaymentId("pay_1")


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
    assert (found.push.state, found.push.claimed_at) == (PushState.SENDING, NOW)
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


async def test_of_two_who_hold_the_same_claim_because_postgres_lost_it_one_sends(books: Books) -> None:
    await books.pay()
    first = await claimed(books)
    # The commit of a claim does not wait for the disk: a crash of Postgres may take it back, its number included.
    await books.execute("UPDATE sync.push SET fence = fence - 1, deadline_at = NULL, worked_at = NULL")
    second = await claimed(books)
    assert second.push.fence == first.push.fence
    sent = await books.store.begin_send(second, NOW + MINUTE)
    with pytest.raises(FenceLost):
        await books.store.begin_send(first, NOW + MINUTE)
    with pytest.raises(FenceLost):
        await books.store.record(first, changed(first.push, PushState.WAITING))
    await books.store.record(second, changed(sent, PushState.DONE, fb_payment_id=FbPaymentId(501)))


async def test_after_a_claim_every_commit_waits_for_the_disk_again(books: Books) -> None:
    await books.execute("SET synchronous_commit = on")
    await books.pay()
    await claimed(books)
    assert await books.value("SHOW synchronous_commit") == "on"


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
    assert (await claimed(books)).push.fence == 2


async def test_a_choice_makes_a_stopped_push_due_is_audited_and_decides_the_invoice(books: Books) -> None:
    await books.pay()
    await books.merge(make_fb_invoice(100, 0))
    found = await claimed(books)
    stopped = changed(found.push, PushState.NEEDS_PERSON, reason=Reason.ALREADY_PAID, attempts=3)
    await books.store.record(found, stopped, decide_without_read)
    assert ("push_stopped", "payment", "pay_1") in await books.open_issues()
    assert await claim(books, 10 * MINUTE) is None
    who = "ada@acme.example"
    assert await books.store.choose(SCOPE, PAYMENT, Choice.SETTLED_BY_HAND, FbPaymentId(77), who) is None
    assert ("push_stopped", "payment", "pay_1") not in await books.open_issues()
    again = await claimed(books, 10 * MINUTE)
    assert (again.push.choice, again.push.fb_payment_id) == (Choice.SETTLED_BY_HAND, 77)
    (line,) = await books.fetch("SELECT * FROM sync.audit")
    assert (line["who"], line["what"]) == (who, "chose settled_by_hand")
    assert (line["before"]["reason"], line["after"]["state"]) == ("already_paid", "ready")


async def test_a_choice_takes_a_push_out_of_the_hands_of_who_is_about_to_send_it(books: Books) -> None:
    await books.pay()
    first = await claimed(books)
    await books.store.record(
        first, changed(first.push, PushState.WAITING, reason=Reason.UNTIL_REFUNDED, not_before=NOW)
    )
    slow = await claimed(books)
    assert await books.store.choose(SCOPE, PAYMENT, Choice.RECORD_AGAIN, None, "ada") is None
    with pytest.raises(FenceLost):
        await books.store.begin_send(slow, NOW + MINUTE)
    assert (await claimed(books)).push.state is PushState.READY


async def test_a_choice_about_a_lost_answer_waits_for_the_lookup(books: Books) -> None:
    await books.pay()
    found = await claimed(books)
    sending = await books.store.begin_send(found, NOW + MINUTE)
    await books.store.record(found, changed(sending, PushState.UNCERTAIN, not_before=NOW + 5 * MINUTE))
    await books.set_status("pay_1", PaymentStatus.REFUNDED)
    late = await claimed(books, 6 * MINUTE)
    assert await books.store.choose(SCOPE, PAYMENT, Choice.OWES_NOTHING, None, "ada") is None
    row = await books.push()
    assert (row["state"], row["not_before"], row["choice"]) == ("uncertain", NOW + 5 * MINUTE, "owes_nothing")
    found_it = changed(late.push, PushState.DONE, fb_payment_id=FbPaymentId(501), recorded_amount=usd(100))
    await books.store.record(late, found_it)
    assert (await books.push())["choice"] == "owes_nothing"


async def test_a_choice_that_is_not_offered_says_why_and_stores_nothing(books: Books) -> None:
    await books.pay()
    refused = await books.store.choose(SCOPE, PAYMENT, Choice.POST_ANYWAY, None, "ada")
    assert refused == NotOffered(why="This is not offered any more: the payment or its record has changed meanwhile.")
    assert (await books.push())["choice"] is None
    await books.pay("pay_2", invoice_id=None)
    on_platform = await books.store.choose(SCOPE, PaymentId("pay_2"), Choice.RECORD_AGAIN, None, "ada")
    assert on_platform == NotOffered(why="There is nothing to choose for this payment.")
    assert await books.fetch("SELECT FROM sync.audit") == []


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
    detail = "It goes by itself once pay_a is reverted."
    waiting = changed(second.push, PushState.WAITING, reason=Reason.UNTIL_REVERTED, detail=detail)
    await books.store.record(second, waiting)
    ours = make_our_fb_payment(501, 100, "pay_a")
    await books.snapshot(make_fb_invoice(outstanding=0), (ours,))
    assert await books.store.next_push_at(SCOPE, NOW) is None
    assert ("revert_failed_payment", "payment", "pay_a") in await books.open_issues()
    await books.snapshot(make_fb_invoice(updated_at=NOW + MINUTE), ())
    assert (await claimed(books)).push.payment_id == "pay_b"


async def test_a_snapshot_that_shows_room_is_not_forgotten_by_who_looks_on_an_older_one(books: Books) -> None:
    """What is looked at once an hour must not be put off by a look that saw less than what has just woken it."""
    await books.pay("pay_b")
    first = await claimed(books)
    waiting = changed(first.push, PushState.WAITING, reason=Reason.UNTIL_REVERTED, not_before=NOW)
    await books.store.record(first, waiting)
    look = await claimed(books)
    await books.snapshot(make_fb_invoice(), ())
    with pytest.raises(FenceLost):
        await books.store.record(look, changed(waiting, PushState.WAITING, not_before=NOW + 60 * MINUTE))
    assert (await claimed(books)).push.payment_id == "pay_b"
