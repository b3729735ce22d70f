from datetime import timedelta

import pytest

from daemon.core.backfill import Feed
from daemon.core.consent import ChooseBusiness, ConsentConnected, Refusal
from daemon.core.consent_rules import refuse
from tests.web.fakes import TWO_BUSINESSES, make_business
from tests.web.module_rows import make_feed, make_module, make_pending, make_unconnected
from tests.web.rows import NOW, PARTNER
from tests.web.site import Browser, Site

CALLBACK = "/oauth/freshbooks/callback?code=c&state=s"


# ---- the module ------------------------------------------------------------------------------------------------------


async def test_before_connecting_the_module_offers_connect_in_a_pop_up(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_unconnected()
    page = await browser.get("/integrations")
    assert "Not connected" in page.text
    assert 'href="/integrations/freshbooks/connect" data-popup>Connect</a>' in page.text
    assert "Disconnect" not in page.text


async def test_pending_shows_percent_time_left_counts_and_stage(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_pending(42)
    page = await browser.get("/integrations")
    assert "Pending" in page.text
    assert '<progress max="100" value="42"' in page.text
    assert "about 41 s left" in page.text
    assert "Reading deleted invoices." in page.text
    assert ">612<" in page.text


async def test_set_up_accounts_is_not_offered_before_connected(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_pending()
    assert 'aria-disabled="true"' in (await browser.get("/integrations")).text
    assert (await browser.get("/integrations/freshbooks/accounts")).status == 409
    assert (await browser.post("/integrations/freshbooks/accounts", {"payments": "x"})).status == 409
    assert (await browser.post("/integrations/freshbooks/accounts/create")).status == 409


async def test_a_pending_module_never_shows_a_hundred_percent(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_pending(feeds=(make_feed(Feed.BACKFILL, percent=100, finished_at=NOW),))
    page = await browser.get("/integrations")
    assert '<progress max="100" value="99"' in page.text
    assert "Checking that nothing changed meanwhile" in page.text


async def test_no_time_is_promised_before_some_pages_were_read(site: Site, browser: Browser) -> None:
    early = make_feed(Feed.BACKFILL, percent=1, pages_done=1, pages_expected=90, finished_at=None)
    site.desk.module_row = make_pending(feeds=(early,))
    assert " left" not in (await browser.get("/integrations")).text


async def test_connected_shows_last_and_next_sync_of_every_item(browser: Browser) -> None:
    page = await browser.get("/integrations")
    items = page.text.split('id="items"')[1]
    for name, frequency, last, following in [
        ("Invoice details", "Hourly", "20 min ago", "in 39 min"),
        ("Invoice line items", "Hourly", "20 min ago", "in 39 min"),
        ("Customers", "Hourly", "20 min ago", "in 39 min"),
        ("Payments", "Few minutes", "1 min ago", "in 2 min"),
    ]:
        row = items.split(f'<th scope="row">{name}</th>')[1].split("</tr>")[0]
        assert frequency in row
        assert last in row
        assert following in row


async def test_reconnect_needed_stands_beside_the_status_with_its_reason(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_module(parked_reason="access was revoked.")
    page = await browser.get("/integrations")
    assert "Connected</span>" in page.text
    assert "Reconnect needed" in page.text
    assert "access was revoked." in page.text
    assert "data-popup>Reconnect</a>" in page.text
    assert "Sync now" not in page.text


async def test_a_pending_connection_can_need_reconnecting_too(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_pending(parked_reason="access was revoked.")
    page = await browser.get("/integrations")
    assert "Pending</span>" in page.text
    assert "Reconnect needed" in page.text


# ---- to FreshBooks and back ------------------------------------------------------------------------------------------


async def test_connect_leads_to_freshbooks_login(site: Site, browser: Browser) -> None:
    answer = await browser.get("/integrations/freshbooks/connect")
    assert (answer.status, answer.location) == (303, site.consent.begun)


async def test_connect_that_cannot_begin_says_why(site: Site, browser: Browser) -> None:
    site.consent.begun = refuse(Refusal.DISCONNECTING)
    answer = await browser.get("/integrations/freshbooks/connect")
    assert answer.location == "/integrations/freshbooks/done"
    assert "still being ended" in (await browser.get("/integrations")).text


async def test_after_allow_the_pop_up_closes_and_the_module_tells(site: Site, browser: Browser) -> None:
    site.consent.outcome = ConsentConnected(business=make_business())
    answer = await browser.get(CALLBACK)
    assert site.consent.completed == [("s", "c", None)]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    closing = await browser.follow(answer)
    assert "data-connect-done" in closing.text
    page = await browser.get("/integrations")
    assert "Northwind Managed IT is connected. The initial sync has begun." in page.text
    assert "only one live connection per login" in page.text


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_a_consent_that_failed_says_why_on_the_integrations_page(
    site: Site, browser: Browser, refusal: Refusal
) -> None:
    site.consent.outcome = refuse(refusal, "<b>Old Books</b>")
    await browser.follow(await browser.get(CALLBACK))
    page = await browser.get("/integrations")
    said = page.text.split('class="said attention" role="alert">')[1].split("</p>")[0]
    assert said.endswith(".")
    assert "<b>" not in said


async def test_what_was_said_is_said_once(site: Site, browser: Browser) -> None:
    site.consent.outcome = refuse(Refusal.DECLINED)
    await browser.get(CALLBACK)
    assert "You did not allow access" in (await browser.get("/integrations")).text
    assert "You did not allow access" not in (await browser.get("/integrations")).text


async def test_a_part_that_reads_itself_again_leaves_what_is_said_for_the_page(site: Site, browser: Browser) -> None:
    site.consent.outcome = refuse(Refusal.DECLINED)
    await browser.get(CALLBACK)
    assert "You did not allow access" not in (await browser.get("/integrations", HX_Request="true")).text
    assert "You did not allow access" in (await browser.get("/integrations")).text


async def test_freshbooks_own_error_is_handed_on(site: Site, browser: Browser) -> None:
    await browser.get("/oauth/freshbooks/callback?error=access_denied&state=s")
    assert site.consent.completed == [("s", None, "access_denied")]


# ---- several businesses ----------------------------------------------------------------------------------------------


async def test_several_businesses_are_offered_by_name_and_the_others_with_the_reason(
    site: Site, browser: Browser
) -> None:
    site.consent.outcome = ChooseBusiness(offer=TWO_BUSINESSES)
    site.consent.offer = TWO_BUSINESSES
    page = await browser.follow(await browser.get(CALLBACK))
    assert "Northwind Managed IT" in page.text
    assert "Northwind Cabling" in page.text
    assert "<strong>Old Practice</strong>: it has no accounting account in FreshBooks." in page.text
    assert 'value="abc123"' in page.text


async def test_a_choice_that_was_put_off_is_offered_on_the_integrations_page(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_unconnected()
    site.consent.offer = TWO_BUSINESSES
    assert "/integrations/freshbooks/business" in (await browser.get("/integrations")).text


async def test_the_business_that_was_picked_is_connected(site: Site, browser: Browser) -> None:
    site.consent.offer = TWO_BUSINESSES
    answer = await browser.post("/integrations/freshbooks/business", {"account_id": "def456"})
    assert "data-connect-done" in (await browser.follow(answer)).text
    assert "Northwind Cabling is connected" in (await browser.get("/integrations")).text


async def test_a_business_that_was_not_offered_is_refused(site: Site, browser: Browser) -> None:
    site.consent.offer = TWO_BUSINESSES
    await browser.post("/integrations/freshbooks/business", {"account_id": "someone-elses"})
    assert "not among those offered" in (await browser.get("/integrations")).text


async def test_without_an_offer_there_is_nothing_to_choose(browser: Browser) -> None:
    assert (await browser.get("/integrations/freshbooks/business")).location == "/integrations"


# ---- sync now, disconnect --------------------------------------------------------------------------------------------


async def test_sync_now_asks_for_a_sync(site: Site, browser: Browser) -> None:
    answer = await browser.post("/integrations/freshbooks/sync")
    assert site.desk.synced == [PARTNER]
    assert "A sync was started." in (await browser.follow(answer)).text


async def test_disconnect_asks_first_and_says_what_it_means(site: Site, browser: Browser) -> None:
    page = await browser.get("/integrations/freshbooks/disconnect")
    assert "Disconnect FreshBooks?" in page.text
    assert "Your data stay here." in page.text
    assert not site.consent.disconnected
    await browser.post("/integrations/freshbooks/disconnect")
    assert site.consent.disconnected == [(PARTNER, "partner")]


async def test_while_disconnecting_nothing_can_be_pressed(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_module(disconnecting=True)
    module = (await browser.get("/integrations")).text.split('id="module"')[1].split("</section>")[0]
    assert "Disconnecting" in module
    assert "<button" not in module
    assert 'class="button' not in module


async def test_after_disconnecting_the_module_says_that_the_data_are_kept(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_unconnected(
        disconnected_at=NOW - timedelta(minutes=3), business_name="Northwind Managed IT"
    )
    page = await browser.get("/integrations")
    assert "The data of Northwind Managed IT are kept" in page.text
    assert "data-popup>Connect</a>" in page.text
