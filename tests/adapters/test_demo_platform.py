from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.adapters.postgres.demo_platform import DemoPlatform
from daemon.core.model import InvoiceId, PartnerId, PaymentId, PaymentStatus
from tests.adapters.postgres_rows import PARTNER, Books
from tests.builders import INVOICE, NOW

DUE = Decimal("100.00")


@pytest.fixture
async def platform(books: Books) -> DemoPlatform:
    """The platform's own side over books with one invoice that is due."""
    await books.snapshot()
    return DemoPlatform(books.pool)


async def test_a_payment_that_was_made_is_queued_for_freshbooks(books: Books, platform: DemoPlatform) -> None:
    payment_id = await platform.pay(PARTNER, INVOICE, DUE, "card", NOW)
    assert payment_id is not None
    (row,) = await books.fetch("SELECT * FROM platform.payment")
    assert (row["payment_id"], row["status"], row["method"], row["amount"]) == (payment_id, "processing", "card", DUE)
    assert (row["account_id"], row["currency"], row["initiated_at"]) == (books.scope.account_id, "USD", NOW)
    assert await books.value("SELECT state FROM sync.push WHERE subject = $1", payment_id) == "ready"


async def test_no_more_than_is_due_can_be_paid(books: Books, platform: DemoPlatform) -> None:
    assert await platform.pay(PARTNER, INVOICE, DUE + Decimal("0.01"), "card", NOW) is None
    assert await books.value("SELECT count(*) FROM platform.payment") == 0


async def test_an_invoice_that_is_not_payable_is_not_paid(books: Books, platform: DemoPlatform) -> None:
    await books.execute("UPDATE sync.invoice SET not_payable = 'disputed'")
    assert await platform.pay(PARTNER, INVOICE, DUE, "card", NOW) is None


async def test_another_partners_invoice_is_not_paid(platform: DemoPlatform) -> None:
    assert await platform.pay(PartnerId("other"), INVOICE, DUE, "card", NOW) is None
    assert await platform.pay(PARTNER, InvoiceId(999), DUE, "card", NOW) is None


@pytest.mark.parametrize(
    "path",
    [
        [PaymentStatus.SUCCEEDED, PaymentStatus.CHARGEBACK, PaymentStatus.SUCCEEDED],
        [PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED],
        [PaymentStatus.SUCCEEDED, PaymentStatus.FAILED],
        [PaymentStatus.FAILED],
    ],
    ids=" ".join,
)
async def test_a_payment_moves_on_as_on_the_platform(
    books: Books, platform: DemoPlatform, path: list[PaymentStatus]
) -> None:
    payment_id = await platform.pay(PARTNER, INVOICE, DUE, "ach", NOW)
    assert payment_id is not None
    for status in path:
        assert await platform.set_status(PARTNER, payment_id, status, NOW + timedelta(minutes=1))
    row = (await books.fetch("SELECT status, updated_at FROM platform.payment"))[0]
    assert (row["status"], row["updated_at"]) == (path[-1], NOW + timedelta(minutes=1))


@pytest.mark.parametrize("status", [PaymentStatus.CHARGEBACK, PaymentStatus.REFUNDED, PaymentStatus.PROCESSING])
async def test_a_payment_in_process_goes_nowhere_else(platform: DemoPlatform, status: PaymentStatus) -> None:
    payment_id = await platform.pay(PARTNER, INVOICE, DUE, "ach", NOW)
    assert payment_id is not None
    assert not await platform.set_status(PARTNER, payment_id, status, NOW)


async def test_another_partners_payment_does_not_move(platform: DemoPlatform) -> None:
    payment_id = await platform.pay(PARTNER, INVOICE, DUE, "ach", NOW)
    assert payment_id is not None
    assert not await platform.set_status(PartnerId("other"), payment_id, PaymentStatus.FAILED, NOW)
    assert not await platform.set_status(PARTNER, PaymentId("pay_none"), PaymentStatus.FAILED, NOW)


async def test_the_partners_are_listed_by_name(books: Books, platform: DemoPlatform) -> None:
    await books.add_partner("zenith", None)
    assert await platform.partners() == ((PARTNER, "Acme IT"), (PartnerId("zenith"), "Acme IT"))
