"""What an attacker would try, each refused (operations.md, security)."""

import pytest
from yarl import URL

from daemon.adapters.http.security import BODY_BYTES_MAX, CONTENT_SECURITY_POLICY
from tests.web.rows import (
    OTHER,
    make_detail,
    make_fb_payment,
    make_history,
    make_invoice,
    make_issue,
    make_line,
    make_payment,
)
from tests.web.site import Browser, Site, serve

CHANGES = [
    "/sign-out",
    "/integrations/freshbooks/sync",
    "/integrations/freshbooks/disconnect",
    "/integrations/freshbooks/business",
    "/integrations/freshbooks/accounts",
    "/integrations/freshbooks/accounts/create",
    "/integrations/freshbooks/options/delete_payments",
    "/invoices/812/archive",
    "/issues/31",
    "/demo/payouts",
    "/demo/invoices/812/pay",
    "/demo/payments/pay_4f1c09/failed",
]


@pytest.fixture
async def furnished(site: Site) -> Browser:
    site.desk.details = [make_detail(payments=(make_payment(),))]
    site.desk.payment_rows = [make_payment()]
    site.desk.issue_rows = [make_issue()]
    return await site.browser()


def _nothing_happened(site: Site) -> bool:
    desk, platform = site.desk, site.platform
    pressed = (desk.synced, desk.acted, desk.switched, desk.archived, site.consent.disconnected)
    done = (*pressed, platform.paid, platform.moved, platform.paid_out)
    return not any(done) and site.accounts.chosen is None


# ---- forged requests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_without_the_sessions_token_is_refused(site: Site, furnished: Browser, path: str) -> None:
    answer = await furnished.post_raw(path, {"action": "post_anyway", "amount": "1", "method": "card"}, Origin=site.url)
    assert answer.status == 403
    assert _nothing_happened(site)


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_from_another_site_is_refused(site: Site, furnished: Browser, path: str) -> None:
    assert (await furnished.post(path, Origin="https://evil.example")).status == 403
    assert (await furnished.post(path, Origin="null")).status == 403
    assert (await furnished.post(path, Sec_Fetch_Site="cross-site")).status == 403
    assert (await furnished.post(path, Sec_Fetch_Site="same-site")).status == 403
    assert _nothing_happened(site)


async def test_another_sessions_token_does_not_count(site: Site, furnished: Browser) -> None:
    stolen = await (await site.browser(OTHER)).token()
    answer = await furnished.post_raw("/integrations/freshbooks/sync", {"csrf": stolen}, Origin=site.url)
    assert answer.status == 403
    assert _nothing_happened(site)


async def test_a_form_in_another_encoding_is_refused(site: Site, furnished: Browser) -> None:
    token = await furnished.token()
    body = f"csrf={token}".encode()
    for content_type in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        answer = await furnished.post_raw(
            "/integrations/freshbooks/sync", body, Content_Type=content_type, Origin=site.url
        )
        assert answer.status == 415
    assert _nothing_happened(site)


@pytest.mark.parametrize("charset", ["no-such-charset", "utf-16"])
async def test_a_form_in_another_charset_is_no_server_error(site: Site, furnished: Browser, charset: str) -> None:
    content_type = f"application/x-www-form-urlencoded; charset={charset}"
    answer = await furnished.post_raw(
        "/integrations/freshbooks/sync", b"csrf=abc", Content_Type=content_type, Origin=site.url
    )
    assert answer.status in {400, 403}


async def test_another_site_cannot_press_connect(site: Site, furnished: Browser) -> None:
    answer = await furnished.get("/integrations/freshbooks/connect", Sec_Fetch_Site="cross-site")
    assert answer.location == "/integrations"
    assert (await furnished.get("/integrations/freshbooks/connect")).location.startswith(
        "https://auth.freshbooks.test/"
    )


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_cannot_be_made_by_a_link(site: Site, furnished: Browser, path: str) -> None:
    answer = await furnished.get(path)
    assert answer.status in {200, 303, 404, 405}
    assert _nothing_happened(site)


# ---- stolen and replayed ---------------------------------------------------------------------------------------------


async def test_a_link_that_was_followed_signs_nobody_else_in(site: Site) -> None:
    link = site.link()
    assert (await (await site.browser(None)).get(link)).status == 303
    thief = await site.browser(None)
    page = await thief.get(link)
    assert page.status == 401
    assert "This link was used before." in page.text
    assert (await thief.get("/integrations")).status == 401
    stranger = await site.browser(OTHER)
    assert (await stranger.get(link)).status == 401


async def test_a_session_id_that_was_planted_is_never_taken_over(site: Site) -> None:
    victim = await site.browser(None)
    victim.client.cookie_jar.update_cookies({"syncd": "planted"}, URL(site.url))
    answer = await victim.get(site.link())
    assert "syncd=planted" not in answer.headers["Set-Cookie"]
    attacker = await site.browser(None)
    attacker.client.cookie_jar.update_cookies({"syncd": "planted"}, URL(site.url))
    assert (await attacker.get("/integrations")).status == 401


async def test_what_comes_back_from_freshbooks_is_judged_by_the_state_of_this_session(site: Site) -> None:
    browser = await site.browser()
    for query in ("code=c&state=forged", "code=c", "state=s", "code=c&state=%0d%0aSet-Cookie:a=b"):
        answer = await browser.get(f"/oauth/freshbooks/callback?{query}")
        assert answer.location == "/integrations/freshbooks/done"
        assert "a=b" not in str(answer.headers)
        assert "is connected" not in (await browser.get("/integrations")).text
    stranger = await site.browser(None)
    assert (await stranger.get("/oauth/freshbooks/callback?code=c&state=s")).status == 401


@pytest.mark.parametrize("name", ["next", "to", "url", "return", "redirect", "back"])
async def test_no_parameter_leads_to_another_site(site: Site, name: str) -> None:
    evil = "https://evil.example/"
    browser = await site.browser(None)
    assert (await browser.get(f"{site.link()}&{name}={evil}")).location == "/integrations"
    for path in ("/", "/integrations/freshbooks/done", "/oauth/freshbooks/callback"):
        answer = await browser.get(f"{path}?{name}={evil}")
        assert "evil.example" not in answer.headers.get("Location", "")
    for path in ("/integrations/freshbooks/sync", "/invoices/812/archive", "/sign-out"):
        assert "evil" not in (await browser.post(path, {name: evil})).headers.get("Location", "")
        browser = await site.browser()


# ---- another partner's rows ------------------------------------------------------------------------------------------


async def test_another_partners_ids_are_not_found(site: Site, furnished: Browser) -> None:
    stranger = await site.browser(OTHER)
    assert (await furnished.get("/invoices/812")).status == 200
    assert (await stranger.get("/invoices/812")).status == 404
    assert (await stranger.post("/issues/31", {"action": "post_anyway"})).status == 404
    assert (await stranger.post("/demo/invoices/812/pay", {"amount": "1", "method": "card"})).status == 404
    assert (await stranger.post("/demo/payments/pay_4f1c09/failed")).status == 404
    assert _nothing_happened(site)
    for path in ("/invoices", "/payments", "/issues", "/integrations"):
        page = await stranger.get(path)
        assert page.status == 200
        assert "Contoso Dental" not in page.text
        assert "INV-0812" not in page.text


@pytest.mark.parametrize("name", ["x", "-1", "812x", "9" * 19, "%00", "812%2F..", "٨١٢"])
async def test_an_id_that_is_none_is_not_found(furnished: Browser, name: str) -> None:
    assert (await furnished.get(f"/invoices/{name}")).status in {400, 404}
    assert (await furnished.post(f"/issues/{name}")).status in {400, 404}


# ---- what FreshBooks or a person typed -------------------------------------------------------------------------------

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"


async def test_scripts_in_freshbooks_data_are_shown_as_text(site: Site) -> None:
    row = make_invoice(number=SCRIPT, customer_name=SCRIPT, same_number_as_ap_invoice=SCRIPT)
    payment = make_payment(invoice_number=SCRIPT, customer_name=SCRIPT, method=SCRIPT)
    issue = make_issue(
        reason=SCRIPT, next_step=SCRIPT, actions=(SCRIPT, "settled_by_hand"), data={"candidates": SCRIPT}
    )
    site.desk.details = [
        make_detail(
            row,
            description=SCRIPT,
            lines=(make_line(name=SCRIPT, description=SCRIPT, tax_name1=SCRIPT),),
            payments=(payment,),
            fb_payments=(make_fb_payment(note=SCRIPT, type=SCRIPT),),
            history=(make_history(what=SCRIPT, detail=SCRIPT),),
            issues=(issue,),
        )
    ]
    site.desk.payment_rows, site.desk.issue_rows = [payment], [issue]
    browser = await site.browser()
    for path in ("/invoices", "/invoices/812", "/payments", "/issues"):
        page = await browser.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert "49" not in page.text.split("<main")[1].split("&lt;img")[1][:40]


@pytest.mark.parametrize(
    "path", ["/invoices?q={}", "/payments?q={}", "/invoices?status={}&flag={}", "/enter?partner={}"]
)
async def test_what_is_typed_into_an_address_comes_back_as_text(furnished: Browser, path: str) -> None:
    page = await furnished.get(path.format(*["%3Cscript%3Ealert(1)%3C/script%3E%22%27"] * 2))
    assert "<script>alert" not in page.text
    assert "\"'" not in page.text


async def test_a_flash_that_was_not_signed_by_this_session_is_not_shown(site: Site, furnished: Browser) -> None:
    furnished.client.cookie_jar.update_cookies({"syncd_said": "b2sgWW91IGFyZSBoYWNrZWQ=.00"})
    assert "hacked" not in (await furnished.get("/integrations")).text


async def test_a_line_break_in_what_is_said_cannot_add_a_header(site: Site, furnished: Browser) -> None:
    site.desk.issue_rows = [make_issue(actions=("x\r\nSet-Cookie: a=b",))]
    answer = await furnished.post("/issues/31", {"action": "x\r\nSet-Cookie: a=b"})
    assert "a=b" not in str(answer.headers)


async def test_a_form_leads_nowhere_else(furnished: Browser) -> None:
    form = {"invoice_id": "//evil.example/1"}
    assert (await furnished.post("/demo/payments/pay_4f1c09/failed", form)).location == "/payments"


# ---- sizes -----------------------------------------------------------------------------------------------------------


async def test_a_body_beyond_the_limit_is_refused(site: Site, furnished: Browser) -> None:
    answer = await furnished.post("/issues/31", {"action": "x" * BODY_BYTES_MAX})
    assert answer.status == 413
    assert "too large" in answer.text
    assert _nothing_happened(site)


async def test_an_address_or_a_header_beyond_the_limit_is_refused(furnished: Browser) -> None:
    assert (await furnished.get("/invoices?q=" + "x" * 9000)).status == 400
    assert (await furnished.get("/invoices", X_Long="x" * 9000)).status == 400


async def test_a_null_character_is_refused_everywhere(furnished: Browser) -> None:
    assert (await furnished.get("/invoices?q=a%00b")).status == 400
    assert (await furnished.get("/invoices/%00")).status == 400
    assert (await furnished.post("/issues/31", {"action": "a\x00b"})).status == 400


# ---- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/integrations", "/invoices/812", "/nowhere", "/static/app.js", "/invoices?q=a%00b"])
async def test_every_answer_carries_the_security_headers(furnished: Browser, path: str) -> None:
    headers = (await furnished.get(path)).headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers


def test_the_policy_allows_nothing_but_our_own() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("frame-ancestors") == rules.pop("base-uri") == "'none'"
    assert set(rules.values()) == {"'self'"}


async def test_without_the_demo_its_addresses_do_not_exist() -> None:
    async with serve(demo=False) as site:
        site.desk.details = [make_detail(payments=(make_payment(),))]
        browser = await site.browser()
        assert (await browser.post("/demo/invoices/812/pay", {"amount": "1", "method": "card"})).status == 404
        assert (await browser.post("/demo/payments/pay_4f1c09/failed")).status == 404
        page = await browser.get("/invoices/812")
        assert "Demo" not in page.text
