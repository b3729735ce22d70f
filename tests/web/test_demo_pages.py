from decimal import Decimal

import pytest

from daemon.core.model import InvoiceId, NotPayable, PaymentId, PaymentStatus
from tests.web.rows import PARTNER, make_detail, make_invoice, make_payment
from tests.web.site import Browser, Site


@pytest.fixture
def payable(site: Site) -> None:
    site.desk.details = [make_detail(make_invoice(amount_due=Decimal("850.00")), payments=(make_payment(),))]


@pytest.mark.usefixtures("payable")
async def test_the_customer_is_offered_to_pay_what_is_due(browser: Browser) -> None:
    page = await browser.get("/invoices/812")
    assert "As the customer and their bank" in page.text
    assert 'name="amount" inputmode="decimal" required value="850.00"' in page.text


@pytest.mark.usefixtures("payable")
@pytest.mark.parametrize(("amount", "method"), [("850.00", "card"), ("100", "ach"), ("0.01", "card")])
async def test_a_payment_is_made_as_the_customer_chose(site: Site, browser: Browser, amount: str, method: str) -> None:
    answer = await browser.post("/demo/invoices/812/pay", {"amount": amount, "method": method})
    assert answer.location == "/invoices/812"
    assert site.platform.paid == [(PARTNER, InvoiceId(812), Decimal(amount), method)]


@pytest.mark.usefixtures("payable")
@pytest.mark.parametrize(
    ("amount", "method", "words"),
    [
        ("850.01", "card", "No more than"),
        ("0", "card", "Type an amount"),
        ("-5", "card", "Type an amount"),
        ("1e3", "card", "Type an amount"),
        ("NaN", "card", "Type an amount"),
        ("1.005", "card", "Type an amount"),
        ("", "card", "Type an amount"),
        ("5", "cash", "Choose card or ACH"),
    ],
)
async def test_a_payment_that_the_platform_would_not_take_is_explained(
    site: Site, browser: Browser, amount: str, method: str, words: str
) -> None:
    page = await browser.post("/demo/invoices/812/pay", {"amount": amount, "method": method})
    assert page.status == 422
    assert words in page.text
    assert not site.platform.paid


async def test_an_invoice_that_is_not_payable_cannot_be_paid(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail(make_invoice(not_payable=NotPayable.DISPUTED))]
    assert "Pay this invoice" not in (await browser.get("/invoices/812")).text
    page = await browser.post("/demo/invoices/812/pay", {"amount": "1", "method": "card"})
    assert page.status == 422
    assert not site.platform.paid


@pytest.mark.usefixtures("payable")
@pytest.mark.parametrize("status", ["succeeded", "failed", "chargeback", "refunded"])
async def test_a_payment_is_moved_on_as_a_bank_would(site: Site, browser: Browser, status: str) -> None:
    answer = await browser.post(f"/demo/payments/pay_4f1c09/{status}", {"invoice_id": "812"})
    assert answer.location == "/invoices/812"
    assert site.platform.moved == [(PARTNER, PaymentId("pay_4f1c09"), PaymentStatus(status))]


@pytest.mark.parametrize("status", ["processing", "nonsense"])
async def test_a_payment_moves_to_no_other_status(site: Site, browser: Browser, status: str) -> None:
    assert (await browser.post(f"/demo/payments/pay_4f1c09/{status}")).status == 404
    assert not site.platform.moved
