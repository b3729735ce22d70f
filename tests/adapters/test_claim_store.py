"""Who may work on which push, and in what order (W4)."""

from datetime import timedelta

import anyio

from daemon.core.exchange import Claim
from daemon.core.markers import marker
from daemon.core.model import (
    FbPaymentId,
    InvoiceId,
    Link,
    PaymentId,
    PushState,
    Reason,
    Scope,
)
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books, changed, claim, claimed
from tests.builders import INVOICE, NOW, OTHER_INVOICE, make_fb_invoice, usd
from tests.postgres import on_every_postgres

pytestmark = on_every_postgres

MINUTE = timedelta(minutes=1)


async def test_a_new_payment_is_claimed_with_its_invoice_and_payment(books: Books) -> None:
    await books.merge(make_fb_invoice())
    await books.pay()
    found = await claimed(books)
    assert (found.invoice_id, found.push.claimed_at, found.push.fence) == (INVOICE, None, 1)
    assert found.push.deadline_at == NOW + MINUTE
    assert found.push.marker == marker(PaymentId("pay_1"), 1)
    assert found.payment.amount == usd(100)
    assert found.customer_id == make_fb_invoice().customer_id
    assert await books.store.links(found) == (Link(payment=found.payment, pushes=(found.push,)),)


async def test_a_payment_on_an_invoice_never_read_is_claimed_without_a_row(books: Books) -> None:
    await books.pay()
    assert (await claimed(books)).customer_id is None


async def test_a_claimed_push_is_not_claimed_again_before_its_deadline(books: Books) -> None:
    await books.pay()
    await claimed(books)
    assert await claim(books, MINUTE - timedelta(seconds=1)) is None
    again = await claimed(books, MINUTE)
    assert again.push.fence == 2


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
