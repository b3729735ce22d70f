import pytest

from daemon.core.choices import NotOffered
from daemon.core.issues import TAKE_FRESHBOOKS_VERSION
from daemon.core.model import Choice, FbPaymentId, IssueKind, PaymentId
from tests.web.rows import NOW, PARTNER, make_issue
from tests.web.site import Browser, Site


async def test_an_issue_shows_reason_next_step_and_its_actions(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue()]
    page = await browser.get("/issues")
    for text in ("Payment not recorded", "less outstanding (60.00)", "Decide how", "Record it anyway", "Refund it"):
        assert text in page.text


async def test_every_kind_of_issue_has_its_title(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue(issue_id=number, kind=kind) for number, kind in enumerate(IssueKind)]
    page = await browser.get("/issues")
    assert page.status == 200
    assert page.text.count("<article") == len(IssueKind)


@pytest.mark.parametrize("choice", [choice for choice in Choice if choice is not Choice.STAND_IN])
async def test_a_pressed_action_becomes_the_choice_for_its_payment(
    site: Site, browser: Browser, choice: Choice
) -> None:
    site.desk.issue_rows = [make_issue(actions=(choice,))]
    answer = await browser.post("/issues/31", {"action": choice, "fb_payment_id": "#9002"})
    assert site.desk.acted == [(PARTNER, 31, choice, FbPaymentId(9002), None)]
    assert "Noted:" in (await browser.follow(answer)).text


async def test_settled_by_hand_must_name_the_payment(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue()]
    for named in ("", "cheque", "1" * 19):
        answer = await browser.post("/issues/31", {"action": "settled_by_hand", "fb_payment_id": named})
        assert "Name the payment in FreshBooks" in (await browser.follow(answer)).text
    assert not site.desk.acted


async def test_candidates_are_offered_by_number(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue(data={"candidates": "8999,9002"})]
    page = await browser.get("/issues")
    assert "<option>8999</option><option>9002</option>" in page.text


async def test_a_record_that_stands_in_is_chosen_for_the_other_payment(site: Site, browser: Browser) -> None:
    data = {"stand_in": "pay_b,pay_c", "fb_payment_ids": "9001"}
    site.desk.issue_rows = [make_issue(kind=IssueKind.REVERT_FAILED_PAYMENT, actions=("stand_in",), data=data)]
    assert "<option>pay_c</option>" in (await browser.get("/issues")).text
    await browser.post("/issues/31", {"action": "stand_in", "payment_id": "pay_c", "fb_payment_id": "9001"})
    assert site.desk.acted == [(PARTNER, 31, Choice.STAND_IN, FbPaymentId(9001), PaymentId("pay_c"))]


@pytest.mark.parametrize(("payment_id", "record"), [("pay_z", "9001"), ("pay_b", "1"), ("", "")])
async def test_a_stand_in_that_is_not_offered_is_refused(
    site: Site, browser: Browser, payment_id: str, record: str
) -> None:
    data = {"stand_in": "pay_b", "fb_payment_ids": "9001"}
    site.desk.issue_rows = [make_issue(actions=("stand_in",), data=data)]
    form = {"action": "stand_in", "payment_id": payment_id, "fb_payment_id": record}
    assert "not offered any more" in (await browser.follow(await browser.post("/issues/31", form))).text
    assert not site.desk.acted


@pytest.mark.parametrize(
    ("subject", "action"), [(("invoice", "811"), TAKE_FRESHBOOKS_VERSION), (("invoices", "812"), "read_again")]
)
async def test_an_action_on_an_invoice_is_handed_on(
    site: Site, browser: Browser, subject: tuple[str, str], action: str
) -> None:
    site.desk.issue_rows = [make_issue(subject=subject, actions=(action,))]
    await browser.post("/issues/31", {"action": action})
    assert site.desk.acted == [(PARTNER, 31, action, None, None)]


async def test_reconnect_and_set_up_accounts_are_links(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue(actions=("reconnect", "set_up_accounts"), data={})]
    page = await browser.get("/issues")
    assert 'href="/integrations/freshbooks/accounts"' in page.text
    assert 'value="reconnect"' not in page.text


@pytest.mark.parametrize("action", ["reopen", "drop table", ""])
async def test_an_action_that_the_issue_does_not_offer_is_refused(site: Site, browser: Browser, action: str) -> None:
    site.desk.issue_rows = [make_issue()]
    answer = await browser.post("/issues/31", {"action": action})
    assert "not offered any more" in (await browser.follow(answer)).text
    assert not site.desk.acted


async def test_a_settled_issue_offers_nothing_and_takes_nothing(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue(closed_at=NOW)]
    page = await browser.get("/issues?closed=1")
    assert "Settled" in page.text
    assert "Record it anyway" not in page.text
    await browser.post("/issues/31", {"action": "post_anyway"})
    assert not site.desk.acted


async def test_a_choice_that_no_longer_fits_says_why(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue()]
    site.desk.answer = NotOffered(why="FreshBooks payment #9002 stands for another payment already.")
    answer = await browser.post("/issues/31", {"action": "post_anyway"})
    assert "#9002 stands for another payment already" in (await browser.follow(answer)).text


async def test_an_action_that_the_store_no_longer_finds_is_refused(site: Site, browser: Browser) -> None:
    site.desk.issue_rows = [make_issue()]
    site.desk.answer = False
    answer = await browser.post("/issues/31", {"action": "post_anyway"})
    assert "not offered any more" in (await browser.follow(answer)).text
