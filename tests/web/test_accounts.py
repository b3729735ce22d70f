import pytest

from daemon.core.consent import AccountChoice
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from tests.web.module_rows import BANK, FEES, PETTY_CASH, make_module
from tests.web.site import Browser, Site

ACCOUNTS = "/integrations/freshbooks/accounts"
CHOICE = {"payments": "acc-undeposited", "deposits": "acc-bank"}


async def test_undeposited_funds_is_preselected(browser: Browser) -> None:
    page = await browser.get(ACCOUNTS)
    assert '<option value="acc-undeposited" selected>Undeposited Funds (1000-3)</option>' in page.text
    assert "Create Undeposited Funds" not in page.text


async def test_books_without_undeposited_funds_are_offered_to_have_it_made(site: Site, browser: Browser) -> None:
    site.accounts.accounts = [BANK, PETTY_CASH, FEES]
    assert "Create Undeposited Funds" in (await browser.get(ACCOUNTS)).text
    page = await browser.follow(await browser.post(f"{ACCOUNTS}/create"))
    assert '<option value="acc-undeposited" selected>' in page.text


async def test_from_the_dialog_the_made_account_is_shown_at_once(site: Site, browser: Browser) -> None:
    site.accounts.accounts = [BANK, PETTY_CASH, FEES]
    page = await browser.post(f"{ACCOUNTS}/create", HX_Request="true")
    assert page.status == 200
    assert '<option value="acc-undeposited" selected>' in page.text


async def test_the_choice_is_saved(site: Site, browser: Browser) -> None:
    answer = await browser.post(ACCOUNTS, {**CHOICE, "fees": "acc-fees", "record_deposits": "on"})
    assert site.accounts.chosen == AccountChoice(
        payments="acc-undeposited", deposits="acc-bank", fees="acc-fees", record_deposits=True
    )
    assert "Your accounts are set up." in (await browser.follow(answer)).text


async def test_fees_and_deposits_are_left_out_unless_chosen(site: Site, browser: Browser) -> None:
    await browser.post(ACCOUNTS, CHOICE)
    assert site.accounts.chosen == AccountChoice(payments="acc-undeposited", deposits="acc-bank")


async def test_the_deposits_switch_is_off_and_says_what_it_means(browser: Browser) -> None:
    page = await browser.get(ACCOUNTS)
    switch = page.text.split('id="record-deposits"')[1].split(">")[0]
    assert "checked" not in switch
    assert "<strong>matched</strong> with this entry, not added" in page.text


async def test_what_is_chosen_is_shown_again(site: Site, browser: Browser) -> None:
    site.accounts.chosen = AccountChoice(payments="acc-petty", deposits="acc-bank", record_deposits=True)
    page = await browser.get(ACCOUNTS)
    assert '<option value="acc-petty" selected>' in page.text
    assert "checked" in page.text.split('id="record-deposits"')[1].split(">")[0]


async def test_a_wrong_choice_is_named_at_its_field_and_nothing_is_stored(site: Site, browser: Browser) -> None:
    page = await browser.post(ACCOUNTS, {"payments": "acc-bank", "deposits": "acc-bank"})
    assert page.status == 422
    assert 'id="problem-deposits"' in page.text
    assert 'aria-describedby="problem-deposits hint-deposits"' in page.text
    assert site.accounts.chosen is None


@pytest.mark.parametrize(
    "error",
    [
        FreshBooksUnavailable("no answer"),
        FreshBooksAnswerInvalid("no json"),
        FreshBooksRefused("plan expired", status=402),
        AuthorizationExpired("401"),
        AuthorizationLost("invalid_grant"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_when_freshbooks_cannot_be_asked_the_dialog_says_so(
    site: Site, browser: Browser, error: Exception
) -> None:
    site.accounts.failure = error
    page = await browser.get(ACCOUNTS)
    assert page.status == 502
    assert 'role="alert"' in page.text
    assert "Try again" in page.text


async def test_until_accounts_are_set_up_the_module_asks_for_them(site: Site, browser: Browser) -> None:
    site.desk.module_row = make_module(payments_account_id=None)
    page = await browser.get("/integrations")
    assert "One step is left" in page.text
