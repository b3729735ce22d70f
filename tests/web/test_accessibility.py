"""Every page and state for people who use a keyboard or a screen reader, judged by axe-core and by Tab."""

from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Page

from daemon.core.model import IssueKind, NotPayable, PushState, Reason, VisState
from tests.requirements import needs_chromium
from tests.web.chromium import Window, barriers, open_window
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
from tests.web.site import Site
from tests.web.test_activity import make_day, make_line, make_run
from tests.web.test_payouts import DONE, SUMS, payout

pytestmark = [needs_chromium, pytest.mark.timeout(180)]


def furnish(site: Site) -> None:
    """Rows of every kind and state."""
    waiting = make_place(PushState.WAITING, reason=Reason.NO_ACCOUNTS)
    payments = (make_payment(), make_payment(place=waiting), make_payment(place=make_place(PushState.UNCERTAIN)))
    rows = (
        make_invoice(vis_state=VisState.DELETED, not_payable=NotPayable.DELETED),
        make_paid(vis_state=VisState.ARCHIVED, issues=1),
        make_invoice(id=813, amount_due=None, not_payable=NotPayable.UNKNOWN_DUE, disputed=True),
        make_invoice(id=814, archived_at=NOW),
    )
    history = (make_history(), make_history(entry_id=2, ignored=True))
    site.desk.details = [
        make_detail(row, payments=payments, fb_payments=(make_fb_payment(),), history=history) for row in rows
    ]
    site.desk.payment_rows = list(payments)
    site.desk.payout_rows = [payout(DONE), payout(SUMS)]
    changed = make_issue(issue_id=32, kind=IssueKind.PAID_INVOICE_CHANGED, actions=("take_freshbooks_version",))
    site.desk.issue_rows = [make_issue(), changed, make_issue(issue_id=33, closed_at=NOW)]
    site.desk.run_rows = [make_run(), make_run(run_id=8, outcome="call_failed")]
    site.desk.audit_rows = [make_line()]
    site.desk.days = [make_day(), make_day(1)]


PAGES = (
    "/integrations",
    "/integrations/freshbooks/accounts",
    "/integrations/freshbooks/disconnect",
    "/integrations/freshbooks/options/delete_payments",
    "/invoices",
    "/invoices/812",
    "/invoices/813",
    "/payments",
    "/issues?closed=1",
    "/issues/32/take_freshbooks_version",
    "/activity",
    "/activity?show=audit",
    "/nowhere",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_barrier(site: Site, chromium: Browser, scheme: str) -> None:
    furnish(site)
    async with open_window(site, chromium, color_scheme=scheme) as window:
        for path in PAGES:
            await window.page.goto(site.url + path)
            assert await barriers(window.page) == [], path


STATES: dict[str, Callable[[Site], None]] = {
    "not connected": lambda site: setattr(site.desk, "module_row", make_unconnected()),
    "pending": lambda site: setattr(site.desk, "module_row", make_pending()),
    "reconnect needed": lambda site: setattr(site.desk, "module_row", make_module(parked_reason="It was revoked.")),
    "disconnecting": lambda site: setattr(site.desk, "module_row", make_module(disconnecting=True)),
}


async def test_no_state_of_the_module_and_no_empty_page_has_a_barrier(site: Site, window: Window) -> None:
    for name, put in STATES.items():
        put(site)
        for path in ("/integrations", "/invoices"):
            await window.page.goto(site.url + path)
            assert await barriers(window.page) == [], (name, path)
    for path in ("/payments", "/issues", "/activity", "/activity?show=audit&only=people"):
        await window.page.goto(site.url + path)
        assert await barriers(window.page) == [], path
    site.sessions.rows.clear()
    await window.page.goto(f"{site.url}/integrations")
    assert await barriers(window.page) == []


async def test_a_barrier_would_be_found(site: Site, window: Window) -> None:
    await window.page.goto(f"{site.url}/invoices")
    await window.page.evaluate("document.querySelectorAll('label').forEach(label => label.remove())")
    assert any(found.startswith("label") for found in await barriers(window.page))
    await window.page.goto(f"{site.url}/integrations")
    await window.page.evaluate("document.querySelector('.lead').style.color = '#bbb'")
    assert any(found.startswith("color-contrast") for found in await barriers(window.page))


async def test_an_open_dialog_has_no_barrier_and_gives_the_focus_back(site: Site, window: Window) -> None:
    furnish(site)
    await window.page.goto(f"{site.url}/integrations")
    for link in ("Set Up Accounts", "Disconnect"):
        opener = window.page.get_by_role("link", name=link)
        await opener.press("Enter")
        await window.page.get_by_role("dialog").wait_for()
        assert await barriers(window.page) == [], link
        await window.page.keyboard.press("Escape")
        assert await opener.evaluate("element => element === document.activeElement"), link
    await window.page.get_by_role("switch").first.press(" ")
    await window.page.get_by_role("dialog", name="Switch on").wait_for()


# ---- the keyboard ----------------------------------------------------------------------------------------------------

_USABLE = "a[href], button, input:not([type=hidden]), select, summary"
_VISIBLE = f"""() => [...document.querySelectorAll({_USABLE!r})].filter(element => element.checkVisibility())
    .map((element, at) => (element.dataset.at = at))"""
_FOCUSED = """() => {
    const style = getComputedStyle(document.activeElement);
    return [document.activeElement.dataset.at ?? null, style.outlineStyle !== 'none' && style.outlineWidth !== '0px'];
}"""


async def _walk_by_tab(page: Page) -> tuple[set[str], set[str], list[str]]:
    """Press Tab through a page: what can be used there, what was reached, and what showed no focus."""
    usable = {str(at) for at in await page.evaluate(_VISIBLE)}
    reached: set[str] = set()
    unseen: list[str] = []
    for _ in range(len(usable) + 2):
        await page.keyboard.press("Tab")
        at, is_seen = await page.evaluate(_FOCUSED)
        if at is not None:
            reached.add(str(at))
            unseen += [] if is_seen else [str(at)]
    return usable, reached, unseen


@pytest.mark.parametrize("path", ["/integrations", "/invoices", "/invoices/812", "/payments", "/issues", "/activity"])
async def test_everything_on_a_page_is_reached_by_tab_and_shows_it(site: Site, window: Window, path: str) -> None:
    furnish(site)
    await window.page.goto(site.url + path)
    usable, reached, unseen = await _walk_by_tab(window.page)
    assert reached == usable
    assert unseen == []
