"""A person's whole way on the real stack: the seed page's steps 1 to 4, then money, issues, an end and a new start."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from daemon.demo.stage import Stage, StageOptions, set_stage
from tests.requirements import needs_chromium
from tests.web.chromium import barriers, listen
from tests.web.site import free_socket

REFUSED = 400
pytestmark = [needs_chromium, pytest.mark.timeout(240), pytest.mark.slow]


def _free_port() -> int:
    with free_socket() as sock:
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The demo as a newcomer starts it: Postgres, FreshBooks' sandbox and the daemon as real processes."""
    options = StageOptions(
        directory=tmp_path,
        invoices=(900, 30),
        port=_free_port(),
        sandbox_port=_free_port(),
        internal_port=_free_port(),
        interval_s=2.0,
        log_level="warning",
    )
    async with set_stage(options) as running:
        yield running


class Walker:
    """Someone at a browser who reads nothing but the pages; every window's complaints are remembered."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self._heard: list[list[str]] = []
        context.on("page", self._watch)

    async def open(self) -> None:
        """Open the first window."""
        self.page = await self.context.new_page()
        await self.page.goto(self.url)

    def _watch(self, page: Page) -> None:
        refused: list[str] = []
        page.on(
            "response",
            lambda answer: refused.append(f"{answer.status} {answer.url}") if answer.status >= REFUSED else None,
        )
        self._heard += [listen(page), refused]

    def heard(self) -> list[str]:
        """Everything that any window complained about, and every request that was refused."""
        return [said for window in self._heard for said in window]

    async def press(self, name: str, *, within: Locator | None = None) -> None:
        """Press the button or link of this name."""
        place = within or self.page.locator("body")
        exact = re.compile(rf"^\s*{re.escape(name)}…?\s*$")
        await place.get_by_role("button", name=exact).or_(place.get_by_role("link", name=exact)).first.click()

    async def shows(self, words: str, where: str = "main") -> None:
        await expect(self.page.locator(where)).to_contain_text(words)

    async def at(self, name: str) -> None:
        """Go to a page by the navigation, and look whether anything bars the way there."""
        await self.page.get_by_role("navigation", name="Dashboard").get_by_role("link", name=name).click()
        await expect(self.page.locator("#nav [aria-current]")).to_contain_text(name.rsplit(maxsplit=1)[-1])
        assert await barriers(self.page) == [], name

    async def allow(self, press: str) -> None:
        """Connect in the pop-up as the seed page says: log in, press Allow, and the pop-up closes."""
        async with self.context.expect_page() as opening:
            await self.press(press)
        popup = await opening.value
        await popup.wait_for_load_state()
        if await popup.get_by_label("Email").count():
            await popup.get_by_label("Email").fill("robin@sandbox.example")
            await popup.get_by_label("Password").fill("sandbox")
            await popup.get_by_role("button", name="Log in", exact=True).click()
        async with popup.expect_event("close"):
            await popup.get_by_role("button", name="Allow").click()

    async def pay(self, method: str, part: str | None = None) -> str:
        """Pay the newest invoice in dollars that the demo's next step leads to, and tell the invoice's address."""
        await self.at("Invoices")
        await self.page.get_by_role("link", name="invoice that can be paid").click()
        await expect(self.page).to_have_url(re.compile("flag=payable"))
        rows = self.page.locator("tbody tr").filter(has_text=re.compile(r"\$[1-9][\d,.]* USD\s*\$[1-9]"))
        plain = rows.filter(has_not_text="Sync issue")
        await plain.first.get_by_role("link").click()
        await self.shows("As the customer and their bank")
        if part:
            await self.page.get_by_label("Amount in").fill(part)
        await self.page.get_by_label("Method").select_option(method)
        await self.press("Pay this invoice")
        await expect(self.page.locator("#invoice .place").first).to_contain_text("Recorded", timeout=20_000)
        return self.page.url


@pytest.fixture
async def walker(stage: Stage, chromium: Browser) -> AsyncIterator[Walker]:
    context = await chromium.new_context()
    walker = Walker(context, stage.public_url)
    await walker.open()
    yield walker
    await context.close()


async def test_a_newcomer_walks_from_the_first_link_to_a_new_start(walker: Walker) -> None:
    await _connect(walker)
    await _set_up_accounts(walker)
    paid = await _pay_and_fail(walker)
    await _pay_out(walker)
    await _settle_a_refund(walker, paid)
    await _look_at_the_activity(walker)
    await _disconnect_and_reconnect(walker)
    assert walker.heard() == []


async def _connect(walker: Walker) -> None:
    """Steps 1 to 4: Integrations, Connect, log in, Allow; Pending until the sync is complete, then Connected."""
    status = walker.page.locator("#module .pill").first
    await walker.page.get_by_role("link", name="Hale Managed IT").click()
    await walker.at("Integrations")
    await expect(status).to_have_text("Not connected")
    await walker.allow("Connect")
    await expect(status).to_have_text("Pending")
    await walker.shows("The initial sync has begun.")
    await expect(walker.page.get_by_role("progressbar")).to_be_visible()
    await expect(status).to_have_text("Connected", timeout=60_000)


async def _set_up_accounts(walker: Walker) -> None:
    """Step 4, when the status is Connected: Undeposited Funds for payments, the bank account for payouts."""
    await walker.press("Set Up Accounts", within=walker.page.locator("#module"))
    dialog = walker.page.get_by_role("dialog", name="Set Up Accounts")
    await walker.press("Create Undeposited Funds", within=dialog)
    await expect(dialog.get_by_label("Payments are recorded in").locator("option:checked")).to_contain_text(
        "Undeposited Funds"
    )
    assert await barriers(walker.page) == []
    await dialog.get_by_label("Payouts arrive in").select_option(index=1)
    await dialog.get_by_label("Processing fees").select_option(index=1)
    await dialog.get_by_role("switch", name="Record deposits").check()
    await walker.press("Save", within=dialog)
    await walker.shows("Your accounts are set up.")


async def _pay_and_fail(walker: Walker) -> str:
    """The first payment, by card; one in part by ACH fails, and its issue clears once the books are put right (W2)."""
    paid = await walker.pay("card")
    await walker.press("Let it succeed")
    await walker.shows("The payment succeeded.")
    await walker.pay("ach", "12.34")
    await walker.press("Let it fail")
    await walker.shows("The payment failed")
    await walker.at("Sync issues")
    issue = walker.page.locator("article", has_text="Revert a failed payment in FreshBooks")
    await expect(issue).to_contain_text("12.34")
    record = re.search(r"payment #(\d+)", await issue.inner_text())
    assert record
    async with walker.context.expect_page() as opening:
        await walker.press("Open in FreshBooks (a new window)", within=issue)
    books = await opening.value
    row = books.locator("tr", has_text=record[1])
    await row.get_by_role("button", name=re.compile("Delete")).first.click()
    await books.wait_for_load_state()
    await books.close()
    await expect(issue).to_have_count(0, timeout=30_000)
    return paid


async def _pay_out(walker: Walker) -> None:
    """A payout of what has succeeded is recorded as a deposit (W6)."""
    await walker.at("Payments")
    await walker.press("Pay out what has succeeded")
    place = walker.page.locator("#payouts .place")
    await expect(place).to_contain_text("Recorded in FreshBooks as journal entry", timeout=20_000)


async def _settle_a_refund(walker: Walker, paid: str) -> None:
    """A refund asks whether the customer still owes; the answer is confirmed, and the invoice is due again (P11)."""
    page = walker.page
    await page.goto(paid)
    await walker.press("Refund it")
    await walker.shows("The payment was refunded.")
    await walker.at("Sync issues")
    await walker.press("The customer still owes")
    await walker.press("The customer still owes", within=page.get_by_role("dialog"))
    await walker.shows("Noted: The customer still owes.")
    await expect(page.locator("article", has_text="Payment refunded")).to_have_count(0, timeout=20_000)
    await page.goto(paid)
    await expect(page.locator("#invoice .big")).not_to_contain_text("$0.00", timeout=20_000)


async def _look_at_the_activity(walker: Walker) -> None:
    """What was done stands in the runs, the charts and the audit log (T2, T3)."""
    await walker.at("Activity")
    await walker.shows("Initial sync")
    await expect(walker.page.locator("figure.is-drawn canvas")).to_have_count(3)
    await walker.press("Audit log")
    await walker.shows("payment recorded in FreshBooks")


async def _disconnect_and_reconnect(walker: Walker) -> None:
    """An end, confirmed, and a new start with the same books, which goes on where it stopped (C6)."""
    module = walker.page.locator("#module")
    await walker.at("Integrations")
    await walker.press("Disconnect", within=module)
    await walker.press("Disconnect", within=walker.page.get_by_role("dialog"))
    await expect(module.locator(".pill").first).to_have_text("Not connected", timeout=20_000)
    await walker.shows("The data of Hale Managed IT are kept")
    await walker.allow("Connect")
    await walker.shows("The sync goes on where it stopped.")
    await expect(module.locator(".pill").first).to_have_text("Connected", timeout=60_000)
