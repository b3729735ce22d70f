"""The pages in a real Chromium: the pop-up, live parts, dialogs by keyboard, phones, and life without scripts."""

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from daemon.core.desk import Topic
from daemon.core.model import PaymentId, PushState, Reason
from tests.polling import eventually
from tests.requirements import needs_chromium
from tests.web.chromium import Window, open_window, serving
from tests.web.module_rows import make_module, make_pending
from tests.web.rows import (
    PARTNER,
    make_detail,
    make_fb_payment,
    make_history,
    make_invoice,
    make_issue,
    make_payment,
    make_place,
)
from tests.web.site import Site

pytestmark = [needs_chromium, pytest.mark.timeout(90)]
PAGES = ["/integrations", "/invoices", "/invoices/812", "/payments", "/issues", "/integrations/freshbooks/accounts"]
LONG = "Verylongname" * 12


def _furnish(site: Site, name: str = "Contoso Dental") -> None:
    waiting = make_place(PushState.WAITING, reason=Reason.NO_ACCOUNTS)
    payments = (make_payment(customer_name=name), make_payment(payment_id=PaymentId("pay_2"), place=waiting))
    site.desk.details = [
        make_detail(
            make_invoice(customer_name=name, number=name[:40]),
            payments=payments,
            fb_payments=(make_fb_payment(note=name),),
            history=(make_history(detail=name),),
        )
    ]
    site.desk.payment_rows = list(payments)
    site.desk.issue_rows = [make_issue(reason=name)]


# ---- live parts ------------------------------------------------------------------------------------------------------


async def test_progress_moves_by_itself_until_connected(site: Site, window: Window) -> None:
    site.desk.module_row = make_pending(12)
    await window.page.goto(f"{site.url}/integrations")
    await eventually(lambda: site.hub.open_streams >= 1)
    progress = window.page.get_by_role("progressbar")
    await expect(progress).to_have_attribute("value", "12")
    for percent in (31, 77):
        site.desk.module_row = make_pending(percent)
        site.hub.publish(PARTNER, frozenset({Topic.CONNECTION}))
        await expect(progress).to_have_attribute("value", str(percent))
    site.desk.module_row = make_module()
    site.hub.publish(PARTNER, frozenset({Topic.CONNECTION}))
    await expect(window.page.locator("#module .pill")).to_have_text("Connected")
    await expect(window.page.locator("#announcer")).to_have_text("FreshBooks: Connected")


async def test_the_count_of_open_issues_is_live_on_every_page(site: Site, window: Window) -> None:
    await window.page.goto(f"{site.url}/payments")
    await eventually(lambda: site.hub.open_streams >= 1)
    counts = site.desk.module_row.counts
    site.desk.module_row = make_module(counts=type(counts)(issues=7))
    site.hub.publish(PARTNER, frozenset({Topic.ISSUES}))
    await expect(window.page.locator("#nav-count")).to_contain_text("7")
    await expect(window.page.locator("#nav [aria-current]")).to_have_text("Payments")


async def test_what_is_being_typed_survives_a_live_change(site: Site, window: Window) -> None:
    site.desk.issue_rows = [make_issue()]
    await window.page.goto(f"{site.url}/issues")
    await eventually(lambda: site.hub.open_streams >= 1)
    field = window.page.get_by_label("Payment number in FreshBooks")
    await field.fill("90")
    asked = len(site.desk.asked)
    site.desk.issue_rows = [make_issue(), make_issue(issue_id=32, reason="Another one.")]
    site.hub.publish(PARTNER, frozenset({Topic.ISSUES}))
    await eventually(lambda: len(site.desk.asked) > asked)
    await expect(field).to_have_value("90")
    await field.blur()
    await expect(window.page.get_by_text("Another one.")).to_be_visible()


async def test_a_search_narrows_the_list_while_typing(site: Site, window: Window) -> None:
    site.desk.details = [make_detail(), make_detail(make_invoice(id=813, number="INV-0813"))]
    await window.page.goto(f"{site.url}/invoices")
    await expect(window.page.locator("tbody tr")).to_have_count(2)
    await window.page.get_by_label("Search").press_sequentially("0813")
    await expect(window.page.locator("tbody tr")).to_have_count(1)
    assert "q=0813" in window.page.url


@pytest.mark.parametrize("how", ["at the next change", "when its stream ends"])
async def test_when_the_session_ends_a_live_page_says_so(site: Site, window: Window, how: str) -> None:
    await window.page.goto(f"{site.url}/invoices")
    await eventually(lambda: site.hub.open_streams == 1)
    site.sessions.rows.clear()
    if how == "at the next change":
        site.hub.publish(PARTNER)
    else:
        site.hub.close()
    await expect(window.page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("when", ["while it is open", "before it is opened"])
async def test_a_page_whose_live_updates_stop_says_so(site: Site, window: Window, when: str) -> None:
    trouble = window.page.locator("#trouble")
    if when == "before it is opened":
        site.hub.close()
    async with window.page.expect_response("**/nav?**") as nav:
        await window.page.goto(f"{site.url}/invoices")
        await expect(window.page.get_by_role("heading", level=1)).to_have_text("Invoices")
        site.hub.close()
    await (await nav.value).finished()
    # The navigation is read again to learn whether the session still lives; that it could be is no end of the trouble.
    await window.page.wait_for_function("document.getElementById('nav').matches(':not(.htmx-request, .htmx-settling)')")
    for _ in range(5):
        await expect(trouble).to_contain_text("Live updates are interrupted")
        await window.page.evaluate("new Promise(requestAnimationFrame)")


# ---- dialogs and the keyboard ----------------------------------------------------------------------------------------


async def test_set_up_accounts_is_done_with_the_keyboard_alone(site: Site, window: Window) -> None:
    await window.page.goto(f"{site.url}/integrations")
    button = window.page.get_by_role("link", name="Set Up Accounts")
    await button.focus()
    await window.page.keyboard.press("Enter")
    dialog = window.page.get_by_role("dialog", name="Set Up Accounts")
    await expect(dialog).to_be_visible()
    await expect(dialog.get_by_label("Payments are recorded in")).to_be_focused()
    await window.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()
    await window.page.keyboard.press("Enter")
    await dialog.get_by_label("Payouts arrive in").select_option("acc-bank")
    await dialog.get_by_role("switch", name="Record deposits").press("Space")
    await dialog.get_by_role("button", name="Save").press("Enter")
    await expect(window.page.locator(".said")).to_contain_text("Your accounts are set up.")
    assert site.accounts.chosen
    assert site.accounts.chosen.record_deposits


async def test_a_wrong_choice_is_shown_inside_the_dialog(site: Site, window: Window) -> None:
    await window.page.goto(f"{site.url}/integrations")
    await window.page.get_by_role("link", name="Set Up Accounts").click()
    dialog = window.page.get_by_role("dialog")
    await dialog.get_by_label("Payments are recorded in").select_option("acc-bank")
    await dialog.get_by_label("Payouts arrive in").select_option("acc-bank")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_label("Payouts arrive in")).to_have_attribute("aria-invalid", "true")
    await expect(dialog.locator("#problem-deposits")).to_be_visible()


async def test_disconnect_can_be_thought_better_of(site: Site, window: Window) -> None:
    await window.page.goto(f"{site.url}/integrations")
    await window.page.get_by_role("link", name="Disconnect").click()
    dialog = window.page.get_by_role("dialog", name="Disconnect FreshBooks?")
    await dialog.get_by_role("link", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert not site.consent.disconnected
    await window.page.get_by_role("link", name="Disconnect").click()
    await dialog.get_by_role("button", name="Disconnect").click()
    await eventually(lambda: site.consent.disconnected)


# ---- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_complains_and_every_page_fits_a_phone(site: Site, chromium: Browser, scheme: str) -> None:
    _furnish(site, LONG)
    site.desk.module_row = make_module(partner_name=LONG, business_name=LONG)
    phone = {"width": 360, "height": 740}
    async with open_window(site, chromium, viewport=phone, color_scheme=scheme) as small:
        for path in PAGES:
            await small.page.goto(site.url + path)
            width = await small.page.evaluate("document.documentElement.scrollWidth")
            assert width == phone["width"], path
        assert not small.complaints


async def test_scripts_in_the_books_never_run(site: Site, window: Window) -> None:
    _furnish(site, "<img src=x onerror=alert(1)><script>alert(2)</script>")
    for path in PAGES:
        await window.page.goto(site.url + path)
        assert not await window.page.locator("main img, main script").count()
    assert not window.complaints


async def test_a_frame_of_another_site_stays_empty(site: Site, window: Window) -> None:
    async def frame(request: web.Request) -> web.Response:
        text = f'<iframe src="{site.url}/integrations"></iframe>'
        return web.Response(text=text, content_type="text/html")

    async with serving(frame) as url:
        await window.page.goto(url)
        await eventually(lambda: any("frame-ancestors" in said for said in window.complaints))
        assert not await window.page.frame_locator("iframe").locator("#main").count()
