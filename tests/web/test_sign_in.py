from datetime import timedelta
from http.cookies import SimpleCookie

import pytest

from daemon.adapters.http.links import sign_link
from daemon.adapters.http.security import SESSION_LIFETIME, hash_id
from daemon.core.model import PartnerId
from tests.web.rows import OTHER, PARTNER
from tests.web.site import KEYS, Browser, Site, serve


async def test_a_signed_link_opens_the_dashboard_of_its_partner(browser: Browser) -> None:
    page = await browser.get("/integrations")
    assert page.status == 200
    assert "Northwind IT Services" in page.text


async def test_the_first_page_of_a_demo_offers_a_link_for_every_partner(site: Site) -> None:
    stranger = await site.browser(None)
    page = await stranger.get("/")
    assert page.status == 200
    assert "partner=northwind" in page.text
    link = page.text.split('href="/enter', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    assert (await stranger.get(f"/enter{link}")).status == 303
    assert (await stranger.get("/integrations")).status == 200


async def test_without_the_demo_the_first_page_offers_no_way_in() -> None:
    async with serve(demo=False) as site:
        stranger = await site.browser(None)
        assert "/enter" not in (await stranger.get("/")).text


@pytest.mark.parametrize(
    "path", ["/integrations", "/invoices", "/invoices/812", "/payments", "/issues", "/events", "/nowhere"]
)
async def test_without_a_session_no_page_answers(site: Site, path: str) -> None:
    stranger = await site.browser(None)
    page = await stranger.get(path)
    assert page.status == 401
    assert page.headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partner", "contoso"),
        ("exp", "9999999999"),
        ("sig", "k1." + "0" * 64),
        ("sig", "k2." + "0" * 64),
        ("sig", ""),
        ("sig", "é"),
        ("exp", "soon"),
        ("nonce", "another-nonce"),
        ("nonce", ""),
        ("partner", "north:wind/../"),
    ],
)
async def test_a_link_that_was_changed_signs_nobody_in(site: Site, name: str, value: str) -> None:
    stranger = await site.browser(None)
    parts = dict(part.split("=", 1) for part in site.link().split("?", 1)[1].split("&"))
    query = "&".join(f"{key}={value if key == name else sent}" for key, sent in parts.items())
    page = await stranger.get(f"/enter?{query}")
    assert page.status == 401
    assert "Set-Cookie" not in page.headers
    assert (await stranger.get("/integrations")).status == 401


async def test_a_link_pressed_twice_by_the_same_browser_leads_on_to_its_dashboard(site: Site) -> None:
    browser, link = await site.browser(None), site.link()
    assert (await browser.get(link)).location == "/integrations"
    assert (await browser.get(link)).location == "/integrations"
    assert len(site.sessions.rows) == 1


async def test_a_link_ends_with_its_minutes(site: Site) -> None:
    link = site.link(minutes=5)
    site.clock.advance(timedelta(minutes=5, seconds=1))
    page = await (await site.browser(None)).get(link)
    assert page.status == 401
    assert "expired" in page.text


async def test_a_link_that_claims_to_live_for_hours_is_refused(site: Site) -> None:
    assert (await (await site.browser(None)).get(site.link(minutes=60))).status == 401


async def test_a_link_signed_by_any_of_the_keys_is_accepted(site: Site) -> None:
    expires_at = site.clock.now() + timedelta(minutes=2)
    for key_id, secret in KEYS.items():
        link = sign_link(site.url, PARTNER, expires_at, key_id=key_id, secret=secret)
        assert (await (await site.browser(None)).get(link)).status == 303


async def test_a_link_for_a_partner_that_the_platform_does_not_know_signs_nobody_in(site: Site) -> None:
    page = await (await site.browser(None)).get(site.link(PartnerId("nobody")))
    assert page.status == 401
    assert "Set-Cookie" not in page.headers


async def test_signing_in_never_takes_over_an_id_that_the_browser_brought(site: Site) -> None:
    answer = await (await site.browser(None)).get(site.link(), Cookie="syncd=chosen-by-an-attacker")
    assert SimpleCookie(answer.headers["Set-Cookie"])["syncd"].value != "chosen-by-an-attacker"
    assert hash_id("chosen-by-an-attacker") not in site.sessions.rows


async def test_signing_in_again_ends_the_former_session(site: Site) -> None:
    browser = await site.browser()
    (former,) = list(site.sessions.rows)
    await browser.get(site.link(OTHER))
    assert former not in site.sessions.rows


async def test_the_session_is_stored_by_the_hash_of_its_id(site: Site) -> None:
    browser = await site.browser()
    (cookie,) = [cookie for cookie in browser.client.cookie_jar if cookie.key == "syncd"]
    (stored,) = site.sessions.rows
    assert cookie.value.encode() not in stored
    assert len(stored) == 32


async def test_over_http_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    answer = await (await site.browser(None)).get(site.link())
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["syncd"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["secure"]) == ("Lax", "/", "", "")


async def test_over_https_the_cookie_is_tied_to_its_host_and_to_https() -> None:
    async with serve(public_url="https://pay.example") as site:
        answer = await (await site.browser(None)).get(site.link())
        cookie = SimpleCookie(answer.headers["Set-Cookie"])["__Host-syncd"]
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["path"], cookie["domain"]) == ("/", "")
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_a_session_ends_by_itself(site: Site) -> None:
    browser = await site.browser()
    site.clock.advance(SESSION_LIFETIME)
    assert (await browser.get("/integrations")).status == 401


async def test_signing_out_ends_the_session_on_the_server(site: Site) -> None:
    browser = await site.browser()
    assert (await browser.post("/sign-out")).status == 303
    assert not site.sessions.rows
    assert (await browser.get("/integrations")).status == 401


async def test_a_cookie_that_is_no_text_signs_nobody_in(site: Site) -> None:
    stranger = await site.browser(None)
    assert (await stranger.get("/integrations", Cookie="syncd=\udcff\udcfe")).status == 401
