"""Payouts on the payments page: each in exactly one place, with its sentence (W6, W8)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daemon.core.desk import PayoutMember, PayoutRow, PushPlace, WaitingMoves
from daemon.core.model import PaymentId, PayoutId, PushState, Reason
from tests.web.rows import NOW, PARTNER, make_place
from tests.web.site import Browser, Site


def payout(place: PushPlace | None, status: str = "succeeded") -> PayoutRow:
    return PayoutRow(
        payout_id=PayoutId("po_1"),
        status=status,
        currency="USD",
        net=Decimal("176.00"),
        arrival_date=date(2026, 3, 13),
        created_at=NOW,
        members=(),
        place=place,
    )


MEMBERS = tuple(
    PayoutMember(member=member, kind=kind, payment_id=PaymentId("pay_1") if kind == "payment" else None, amount=amount)
    for member, kind, amount in (
        ("pay_1", "payment", Decimal(300)),
        ("pay_0.chargeback", "chargeback", Decimal(-100)),
        ("pay_0.fee", "fee", Decimal(-15)),
        ("fees", "fee", Decimal(-9)),
    )
)
DONE = make_place(fb_payment_id=None, entry_id="77")
OFF = make_place(PushState.WAITING, reason=Reason.DEPOSITS_OFF)
SUMS = make_place(PushState.NEEDS_PERSON, reason=Reason.SUMS_DIFFER, detail="Its parts add up to 97.00 USD.")


@pytest.mark.parametrize(
    ("row", "label", "sentence"),
    [
        (payout(DONE), "Recorded", "Recorded in FreshBooks as journal entry #77."),
        (payout(OFF), "Waiting", "Not recorded: deposits off."),
        (payout(make_place(PushState.UNCERTAIN)), "Checking", "checking whether it arrived"),
        (payout(SUMS), "Sync issue", "do not add up, so it was not recorded. Its parts add up to 97.00 USD."),
        (payout(None, "processing"), "Waiting", "Waiting until the payout has succeeded."),
        (payout(None, "failed"), "Nothing to record", "The payout failed before it was recorded"),
    ],
)
async def test_every_payout_stands_in_one_place_with_its_reason(
    site: Site, browser: Browser, row: PayoutRow, label: str, sentence: str
) -> None:
    site.desk.payout_rows = [row]
    page = (await browser.get("/payments")).text.split('id="payouts"')[1]
    assert page.count('class="place"') == 1
    for text in ("po_1", "$176.00", label, sentence):
        assert text in page
    assert ("Settle it" in page) is (label == "Sync issue")


async def test_without_payouts_the_page_says_where_they_will_appear(browser: Browser) -> None:
    assert "No payouts yet" in (await browser.get("/payments")).text


async def test_a_payouts_parts_are_signed_and_stand_above_its_net(site: Site, browser: Browser) -> None:
    site.desk.payout_rows = [replace(payout(DONE), members=MEMBERS)]
    page = (await browser.get("/payments")).text.split('id="payouts"')[1]
    for text in ("4 parts", "$300.00", "−$100.00", "−$15.00", "−$9.00", "/payments?q=pay_1"):
        assert text in page


async def test_in_the_demo_a_payout_is_made_of_what_has_succeeded(site: Site, browser: Browser) -> None:
    assert "Pay out what has succeeded" in (await browser.get("/payments")).text
    page = await browser.follow(await browser.post("/demo/payouts"))
    assert "A payout was made" in page.text
    assert site.platform.paid_out == [PARTNER]
    site.platform.has_succeeded = False
    assert "There is nothing to pay out" in (await browser.follow(await browser.post("/demo/payouts"))).text


@pytest.mark.parametrize(("count", "said"), [(1, "1 recorded payment is not"), (12, "12 recorded payments are not")])
async def test_payments_that_wait_to_be_moved_are_counted_with_the_reason(
    site: Site, browser: Browser, count: int, said: str
) -> None:
    site.desk.moves = [WaitingMoves(reason=Reason.NO_JOURNAL_PERMISSION, payments=count)]
    page = (await browser.get("/payments")).text
    assert said in page
    assert "FreshBooks does not allow journal entries with this login or plan." in page
