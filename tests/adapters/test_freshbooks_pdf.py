"""Only a PDF, and none that is too large, comes in (O4)."""

import pytest

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.pdf import PDF_BYTES_MAX, checked_pdf
from daemon.core.backfill import Pass
from daemon.core.errors import FreshBooksAnswerInvalid, FreshBooksNotFound
from daemon.core.model import FbPaymentId, InvoiceId, Resource, VisState
from tests.adapters.freshbooks_servers import a_sandbox, account_of

PDF = b"%PDF-1.7 ..."


@pytest.mark.parametrize("kind", ["application/pdf", "Application/PDF; charset=binary"])
def test_a_pdf_comes_in(kind: str) -> None:
    assert checked_pdf(Answer(status=200, headers={"Content-Type": kind}, body=PDF)) == PDF


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", PDF),
        ("application/pdf", b"<script>"),
        ("application/pdf", b""),
        ("application/pdf", PDF + bytes(PDF_BYTES_MAX)),
    ],
    ids=["type", "content", "empty", "size"],
)
def test_anything_else_does_not(kind: str, body: bytes) -> None:
    with pytest.raises(FreshBooksAnswerInvalid):
        checked_pdf(Answer(status=200, headers={"Content-Type": kind}, body=body))


def test_an_answer_without_a_type_does_not_come_in() -> None:
    with pytest.raises(FreshBooksAnswerInvalid):
        checked_pdf(Answer(status=200, headers={}, body=PDF))


async def test_freshbooks_hands_out_an_invoice_s_pdf_and_deletes_a_payment_once_and_again() -> None:
    """Through the sandbox's own HTTP, as O3 and O4 use it."""
    async with a_sandbox(invoices=(12,)) as started, account_of(started) as account:
        listed = await account.list_page(Pass(resource=Resource.PAYMENTS), 1, 100)
        record = FbPaymentId(listed.items[0].id)
        payment = await account.payment(record)
        assert (await account.invoice_pdf(payment.invoice_id)).startswith(b"%PDF-")
        with pytest.raises(FreshBooksNotFound):
            await account.invoice_pdf(InvoiceId(1))
        for _ in range(2):
            await account.delete_payment(record)
            assert (await account.payment(record)).vis_state is VisState.DELETED
