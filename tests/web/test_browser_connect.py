"""Connect in a real Chromium: the pop-up to FreshBooks and back, and life without scripts (C1, C2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from daemon.core.consent import ChooseBusiness, ConsentConnected
from tests.polling import eventually
from tests.requirements import needs_chromium
from tests.web.chromium import Window, open_window, serving
from tests.web.fakes import TWO_BUSINESSES, make_business
from tests.web.module_rows import make_module, make_pending, make_unconnected
from tests.web.site import Site

pytestmark = [needs_chromium, pytest.mark.timeout(90)]


# ---- Connect in a pop-up ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def _login_page(site: Site, **headers: str) -> AsyncIterator[str]:
    """A login page of another origin, as FreshBooks has; Allow leads back to the dashboard."""

    async def show(_: web.Request) -> web.Response:
        back = f"{site.url}/oauth/freshbooks/callback?code=c&state=s"
        return web.Response(text=f'<a href="{back}">Allow</a>', content_type="text/html", headers=headers)

    async with serving(show) as url:
        yield url


@pytest.mark.parametrize("policy", ["unsafe-none", "same-origin"])
async def test_connect_opens_a_pop_up_that_closes_after_allow_and_the_module_shows_pending(
    site: Site, window: Window, policy: str
) -> None:
    # With `same-origin` the login page cuts the pop-up off from the page that opened it.
    site.desk.module_row = make_unconnected()
    site.consent.outcome = ConsentConnected(business=make_business())
    async with _login_page(site, **{"Cross-Origin-Opener-Policy": policy}) as login:
        site.consent.begun = login
        await window.page.goto(f"{site.url}/integrations")
        async with window.context.expect_page() as opening:
            await window.page.get_by_role("link", name="Connect").click()
        popup = await opening.value
        await popup.wait_for_load_state()
        assert popup.url == login
        site.desk.module_row = make_pending()
        await popup.get_by_role("link", name="Allow").click()
        await expect(window.page.locator("#module .pill")).to_have_text("Pending")
        await expect(window.page.locator(".said")).to_contain_text("Northwind Managed IT is connected")
        await eventually(popup.is_closed)


async def test_in_the_pop_up_one_of_several_businesses_is_picked(site: Site, window: Window) -> None:
    site.desk.module_row = make_unconnected()
    site.consent.begun = f"{site.url}/oauth/freshbooks/callback?code=c&state=s"
    site.consent.outcome = ChooseBusiness(offer=TWO_BUSINESSES)
    site.consent.offer = TWO_BUSINESSES
    await window.page.goto(f"{site.url}/integrations")
    async with window.context.expect_page() as opening:
        await window.page.get_by_role("link", name="Connect", exact=True).click()
    popup = await opening.value
    await popup.get_by_role("button", name="Northwind Cabling").click()
    await expect(window.page.locator(".said")).to_contain_text("Northwind Cabling is connected")
    await eventually(popup.is_closed)


async def test_without_scripts_connect_and_set_up_accounts_work_all_the_same(site: Site, chromium: Browser) -> None:
    async with open_window(site, chromium, java_script_enabled=False) as plain:
        site.desk.module_row = make_unconnected()
        site.consent.begun = f"{site.url}/oauth/freshbooks/callback?code=c&state=s"
        site.consent.outcome = ConsentConnected(business=make_business())
        await plain.page.goto(f"{site.url}/integrations")
        await plain.page.get_by_role("link", name="Connect").click()
        site.desk.module_row = make_module(payments_account_id=None)
        await plain.page.get_by_role("link", name="Back to Integrations").click()
        await plain.page.get_by_role("link", name="Set Up Accounts").click()
        await plain.page.get_by_label("Payouts arrive in").select_option("acc-bank")
        await plain.page.get_by_role("button", name="Save").click()
        await expect(plain.page.locator(".said")).to_contain_text("Your accounts are set up.")
