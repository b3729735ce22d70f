"""The shelf of PDFs: fetched once, kept within limits, and fetched anew when the invoice changed (O4)."""

from datetime import timedelta

import anyio
import pytest

from daemon.actors.invoice_pdfs import KEPT_FOR, InvoicePdfs
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import InvoiceId, PartnerId
from tests.virtual_time import START, VirtualClock

ANN, BOB = PartnerId("ann"), PartnerId("bob")
ONE, TWO = InvoiceId(1), InvoiceId(2)


class Shop:
    """Makes PDFs, slowly."""

    def __init__(self) -> None:
        self.asked: list[tuple[PartnerId, InvoiceId]] = []
        self.fails = False

    async def fetch(self, partner_id: PartnerId, invoice_id: InvoiceId) -> bytes:
        self.asked.append((partner_id, invoice_id))
        await anyio.sleep(1)
        if self.fails:
            raise FreshBooksUnavailable("503")
        return b"%PDF-" + bytes(35)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def shelf(shop: Shop, bytes_max: int = 100) -> InvoicePdfs:
    return InvoicePdfs(clock=VirtualClock(), fetch=shop.fetch, bytes_max=bytes_max)


async def test_a_pdf_is_fetched_once_however_many_ask(shop: Shop) -> None:
    pdfs = shelf(shop)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(pdfs.pdf, ANN, ONE, START)
    assert shop.asked == [(ANN, ONE)]
    assert not pdfs._locks


async def test_another_partner_s_invoice_of_the_same_number_is_another_pdf(shop: Shop) -> None:
    pdfs = shelf(shop)
    await pdfs.pdf(ANN, ONE, START)
    await pdfs.pdf(BOB, ONE, START)
    assert shop.asked == [(ANN, ONE), (BOB, ONE)]


async def test_a_changed_invoice_and_an_old_pdf_are_fetched_anew(shop: Shop) -> None:
    pdfs = shelf(shop)
    await pdfs.pdf(ANN, ONE, START)
    await pdfs.pdf(ANN, ONE, START + timedelta(seconds=1))
    assert len(shop.asked) == 2
    await anyio.sleep(KEPT_FOR.total_seconds() + 1)
    await pdfs.pdf(ANN, ONE, START + timedelta(seconds=1))
    assert len(shop.asked) == 3


async def test_what_was_used_least_goes_when_the_shelf_is_full(shop: Shop) -> None:
    pdfs = shelf(shop, bytes_max=85)
    await pdfs.pdf(ANN, ONE, START)
    await pdfs.pdf(ANN, TWO, START)
    await pdfs.pdf(ANN, ONE, START)
    await pdfs.pdf(BOB, ONE, START)
    assert set(pdfs._kept) == {(ANN, ONE), (BOB, ONE)}
    assert pdfs._bytes == 80


async def test_a_pdf_larger_than_the_shelf_is_handed_out_and_not_kept(shop: Shop) -> None:
    pdfs = shelf(shop, bytes_max=10)
    assert len(await pdfs.pdf(ANN, ONE, START)) == 40
    assert not pdfs._kept


async def test_a_failure_is_told_and_not_kept(shop: Shop) -> None:
    pdfs = shelf(shop)
    shop.fails = True
    with pytest.raises(FreshBooksUnavailable):
        await pdfs.pdf(ANN, ONE, START)
    shop.fails = False
    assert (await pdfs.pdf(ANN, ONE, START)).startswith(b"%PDF-")
    assert not pdfs._locks
