from datetime import date
from decimal import Decimal

import pytest

from daemon.core.desk import InvoiceQuery, PaymentQuery
from daemon.core.model import (
    InvoiceId,
    InvoiceStatus,
    NotPayable,
    PaymentId,
    PaymentStatus,
    PushState,
    Reason,
    VisState,
)
from tests.web.module_rows import make_module, make_pending, make_unconnected
from tests.web.rows import (
    NOW,
    make_detail,
    make_fb_payment,
    make_history,
    make_invoice,
    make_issue,
    make_paid,
    make_payment,
    make_place,
)
from tests.web.site import Browser, Site

# ---- lists -----------------------------------------------------------------------------------------------------------


async def test_invoices_are_listed_with_number_customer_amounts_and_status(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail(make_invoice(amount_due=Decimal("400.00")))]
    page = await browser.get("/invoices")
    for text in ("INV-0812", "Contoso Dental", "$1,250.00", "$400.00", "Outstanding", "31 Mar 2026"):
        assert text in page.text


async def test_the_invoice_filters_are_handed_to_the_store(site: Site, browser: Browser) -> None:
    await browser.get("/invoices?q=+Contoso+&status=paid&flag=overdue&after=abc")
    (asked,) = site.desk.asked
    assert asked == InvoiceQuery(search="Contoso", status="paid", flag="overdue", today=date(2026, 3, 12), after="abc")


async def test_a_filter_that_does_not_exist_is_no_filter(site: Site, browser: Browser) -> None:
    await browser.get("/invoices?status=nonsense&flag=nonsense")
    (asked,) = site.desk.asked
    assert asked == InvoiceQuery(today=date(2026, 3, 12))


async def test_a_cursor_that_is_not_ours_is_not_found(browser: Browser) -> None:
    assert (await browser.get("/invoices?after=broken")).status == 404


async def test_the_next_page_keeps_the_filters(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail()]
    site.desk.next_cursor = "c&2"
    page = await browser.get("/invoices?q=inv&status=outstanding&after=c1")
    assert 'href="/invoices?q=inv&amp;status=outstanding&amp;after=c%262"' in page.text


@pytest.mark.parametrize(
    ("module", "path", "words"),
    [
        (make_unconnected(), "/invoices", "Connect FreshBooks, and your invoices appear here."),
        (make_pending(), "/invoices", "Invoices are on their way"),
        (make_module(), "/invoices", "FreshBooks has no invoices yet."),
        (make_module(), "/invoices?q=nothing", "No invoice fits"),
        (make_module(), "/payments", "No payments yet"),
        (make_module(), "/payments?place=done", "No payment fits"),
        (make_module(), "/issues", "Nothing to settle"),
    ],
)
async def test_an_empty_list_says_why_it_is_empty(
    site: Site, browser: Browser, module: object, path: str, words: str
) -> None:
    site.desk.module_row = module  # type: ignore[assignment]  # a row of the table
    assert words in (await browser.get(path)).text


async def test_an_invoices_flags_stand_in_the_list(site: Site, browser: Browser) -> None:
    site.desk.details = [
        make_detail(make_paid()),
        make_detail(make_invoice(vis_state=VisState.DELETED, not_payable=NotPayable.DELETED)),
        make_detail(make_invoice(vis_state=VisState.ARCHIVED)),
        make_detail(make_invoice(amount_due=None, not_payable=NotPayable.UNKNOWN_DUE)),
        make_detail(make_invoice(overpaid_by=Decimal(100), amount_due=Decimal(-100))),
        make_detail(make_invoice(same_number_as_ap_invoice="ap_7")),
        make_detail(make_invoice(archived_at=NOW, not_payable=NotPayable.ARCHIVED)),
    ]
    page = await browser.get("/invoices")
    for text in (
        "Frozen",
        "Deleted in FreshBooks",
        "Archived in FreshBooks",
        "Not known",
        "overpaid by",
        "Number used twice",
        ">Archived<",
    ):
        assert text in page.text.split("<tbody>")[1]


# ---- one invoice -----------------------------------------------------------------------------------------------------


async def test_an_invoice_shows_terms_lines_payments_history_and_issues(site: Site, browser: Browser) -> None:
    site.desk.details = [
        make_detail(
            payments=(make_payment(),),
            fb_payments=(make_fb_payment(), make_fb_payment(id=8999, vis_state=VisState.DELETED, payment_id=None)),
            history=(make_history(), make_history(what="edited after it was paid", ignored=True)),
            issues=(make_issue(kind="overpaid", subject=("invoice", "812"), reason="Overpaid by 10.00 USD."),),
        )
    ]
    page = await browser.get("/invoices/812")
    for text in (
        "Managed workstation",
        "Sales tax 6.25 %",
        "pay_4f1c09",
        "Recorded in FreshBooks as payment #9001: 1,250.00 USD.",
        "AP:pay_4f1c09:1",
        "Deleted",
        "Not taken over",
        "Overpaid by 10.00 USD.",
        "as of",
        "2 min ago",
    ):
        assert text in page.text


async def test_an_invoice_that_is_not_payable_says_why(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail(make_invoice(status=InvoiceStatus.DRAFT, not_payable=NotPayable.DRAFT))]
    assert "It is a draft." in (await browser.get("/invoices/812")).text


async def test_a_frozen_invoice_says_that_later_edits_are_not_taken_over(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail(make_paid(id=InvoiceId(812)))]
    assert "later edits in FreshBooks are not taken over" in (await browser.get("/invoices/812")).text


# ---- where payments stand (W8) ---------------------------------------------------------------------------------------

PLACES = [
    (make_payment(), "Recorded", "as payment #9001"),
    (make_payment(place=make_place(PushState.READY)), "Waiting", "To be recorded in FreshBooks next."),
    (make_payment(place=make_place(PushState.SENDING)), "Recording", "Being recorded"),
    (make_payment(place=make_place(PushState.UNCERTAIN)), "Checking", "checking whether it arrived"),
    (make_payment(place=make_place(PushState.WAITING, reason=Reason.NO_ACCOUNTS)), "Waiting", "Set Up Accounts"),
    (
        make_payment(place=make_place(PushState.NEEDS_PERSON, reason=Reason.ALREADY_PAID)),
        "Sync issue",
        "already paid",
    ),
    (
        make_payment(
            status=PaymentStatus.FAILED, place=make_place(PushState.CANCELLED, reason=Reason.FAILED_BEFORE_PUSH)
        ),
        "Nothing to record",
        "failed before it was recorded",
    ),
    (make_payment(status=PaymentStatus.FAILED), "Sync issue", "FreshBooks may still show it as #9001"),
    (
        make_payment(invoice_id=None, ap_invoice_id="ap_1", invoice_number="AP-1", place=None),
        "Nothing to record",
        "made on the platform",
    ),
    (make_payment(place=None), "Waiting", "To be recorded in FreshBooks next."),
]


@pytest.mark.parametrize(
    ("payment", "label", "words"), PLACES, ids=[f"{number} {row[1]}" for number, row in enumerate(PLACES)]
)
async def test_every_payment_stands_in_one_place_with_its_reason(
    site: Site, browser: Browser, payment: object, label: str, words: str
) -> None:
    site.desk.payment_rows = [payment]  # type: ignore[list-item]  # a row of the table
    page = await browser.get("/payments")
    place = page.text.split('class="place">')[1].split("</td>")[0]
    assert f">{label}</span>" in place
    assert words in place


async def test_a_payment_with_an_open_issue_stands_there(site: Site, browser: Browser) -> None:
    site.desk.payment_rows = [make_payment(payment_id=PaymentId("pay_77aa10"))]
    site.desk.issue_rows = [make_issue(kind="ours_changed_in_freshbooks", reason="Its record was deleted.")]
    place = (await browser.get("/payments")).text.split('class="place">')[1].split("</td>")[0]
    assert "Sync issue" in place
    assert "Its record was deleted." in place
    assert 'href="/issues"' in place


async def test_the_payment_filters_are_handed_to_the_store(site: Site, browser: Browser) -> None:
    await browser.get("/payments?q=pay_1&place=waiting&status=failed")
    assert site.desk.asked[0] == PaymentQuery(search="pay_1", place="waiting", status="failed")


# ---- when something is away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/integrations", "/invoices", "/invoices/812", "/payments", "/issues"])
async def test_without_its_records_a_page_says_so_and_asks_to_try_again(
    site: Site, browser: Browser, path: str
) -> None:
    site.desk.is_down = True
    page = await browser.get(path)
    assert page.status == 503
    assert page.headers["Retry-After"] == "10"
    assert "Nothing is lost" in page.text


async def test_a_page_that_does_not_exist_says_so(browser: Browser) -> None:
    page = await browser.get("/nowhere")
    assert page.status == 404
    assert "There is nothing here" in page.text
