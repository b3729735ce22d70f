"""The partner's switches and archiving by hand (O1-O4, P6)."""

import pytest

from daemon.adapters.http.wording_options import OPTIONS
from daemon.core.model import InvoiceId
from daemon.core.options import Option
from tests.web.module_rows import make_module, make_unconnected
from tests.web.rows import NOW, OTHER, PARTNER, make_detail, make_invoice
from tests.web.site import Browser, Site

SWITCH = "/integrations/freshbooks/options/"


def test_every_option_has_its_words() -> None:
    assert {words.option for words in OPTIONS} == set(Option)


async def test_every_option_is_off_until_it_is_switched_on(site: Site, browser: Browser) -> None:
    page = (await browser.get("/integrations")).text
    assert page.count('role="switch" aria-checked="false"') == len(Option)
    site.desk.module_row = make_module(options={Option.DELETE_PAYMENTS.value: True})
    page = (await browser.get("/integrations")).text
    assert page.count('role="switch" aria-checked="true"') == 1


@pytest.mark.parametrize("option", Option)
async def test_what_an_option_does_is_said_before_it_is_switched_on(
    site: Site, browser: Browser, option: Option
) -> None:
    words = next(words for words in OPTIONS if words.option is option)
    page = (await browser.get(SWITCH + option)).text
    for sentence in (words.on, words.before.replace("'", "&#39;")):
        assert sentence.replace("FreshBooks' ", "FreshBooks&#39; ") in page
    assert not site.desk.switched
    page = (await browser.follow(await browser.post(SWITCH + option, {"on": "yes"}))).text
    assert f"{words.name} is on." in page
    assert site.desk.switched == [(PARTNER, option, True)]


async def test_an_option_is_switched_off_again(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_module(options={Option.PDF_INVOICES.value: True})
    assert "Switch off: Invoice PDFs?" in (await browser.get(f"{SWITCH}pdf_invoices")).text
    await browser.post(f"{SWITCH}pdf_invoices", {"on": "no"})
    assert site.desk.switched == [(PARTNER, Option.PDF_INVOICES, False)]


async def test_an_option_that_there_is_not_is_not_found(browser: Browser) -> None:
    assert (await browser.get(f"{SWITCH}everything")).status == 404
    assert (await browser.post(f"{SWITCH}everything", {"on": "yes"})).status == 404


async def test_without_a_connection_there_is_nothing_to_switch(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_unconnected()
    assert 'role="switch"' not in (await browser.get("/integrations")).text
    page = await browser.follow(await browser.post(f"{SWITCH}pdf_invoices", {"on": "yes"}))
    assert "There is no connection to set this for." in page.text


# ---- archiving by hand -----------------------------------------------------------------------------------------------


async def test_an_invoice_is_archived_by_hand_and_brought_back(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail()]
    page = await browser.follow(await browser.post("/invoices/812/archive"))
    assert "The invoice is archived." in page.text
    site.desk.details = [make_detail(make_invoice(archived_at=NOW))]
    assert "Bring it back" in (await browser.get("/invoices/812")).text
    await browser.post("/invoices/812/archive", {"back": "yes"})
    assert site.desk.archived == [(PARTNER, InvoiceId(812), True), (PARTNER, InvoiceId(812), False)]


async def test_archiving_is_refused_with_the_sentence_why(site: Site, browser: Browser) -> None:
    site.desk.details = [make_detail()]
    site.desk.archive_refusal = "This invoice is active in FreshBooks. Archive or delete it there first, then here."
    page = await browser.follow(await browser.post("/invoices/812/archive"))
    assert site.desk.archive_refusal in page.text


async def test_another_partners_invoice_cannot_be_archived(site: Site) -> None:
    site.desk.details = [make_detail()]
    assert (await (await site.browser(OTHER)).post("/invoices/812/archive")).status == 404
    assert not site.desk.archived
