"""Activity: runs, the audit log and the charts, each readable without being looked at (T2, T3)."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from daemon.adapters.http.wording_activity import charts, seconds
from daemon.core.backfill import Feed
from daemon.core.desk import AuditRow, DayFigures, Recorded, RunRow, fill_days
from tests.web.rows import NOW
from tests.web.site import Browser, Site

TODAY = date(2026, 3, 12)


def make_run(**changes: Any) -> RunRow:
    row = RunRow(
        run_id=9,
        feed=Feed.INVOICES,
        stage="",
        began_at=NOW - timedelta(seconds=63),
        finished_at=NOW - timedelta(seconds=60),
        outcome="complete",
        pages=6,
        changed=1234,
    )
    return replace(row, **changes)


def make_line(**changes: Any) -> AuditRow:
    row = AuditRow(
        audit_id=4,
        at=NOW - timedelta(minutes=3),
        who="freshbooks-syncd",
        what="payment recorded in FreshBooks",
        subject="payment/pay_1",
        before=None,
        after={"amount": "60.00", "currency": "USD", "lines": [{"amount": "1"}], "fees": None},
        why="paid on the platform",
    )
    return replace(row, **changes)


def make_day(ago: int = 0, **changes: Any) -> DayFigures:
    row = DayFigures(
        day=TODAY - timedelta(days=ago),
        runs=480,
        pages=960,
        changed=12,
        recorded=(Recorded(currency="USD", payments=3, amount=Decimal("120.50")),),
        median_s=0.4,
        slowest_s=75.0,
    )
    return replace(row, **changes)


async def test_every_run_tells_its_counts_duration_and_outcome(site: Site, browser: Browser) -> None:
    site.desk.run_rows = [make_run(), make_run(run_id=8, feed=Feed.PAYMENTS, outcome="call_failed", changed=0)]
    page = (await browser.get("/activity")).text
    for words in ("Invoices and customers", "1,234", "3.0 s", "Complete", "Payments", "Call failed", "1 min ago"):
        assert words in page


async def test_every_audit_line_tells_who_did_what_and_why(site: Site, browser: Browser) -> None:
    site.desk.audit_rows = [make_line(), make_line(audit_id=3, who="partner", what="asked for a sync", why="")]
    page = (await browser.get("/activity?show=audit")).text
    for words in (
        "The sync",
        "payment recorded in FreshBooks",
        "Why: paid on the platform",
        "amount 60.00",
        "payment pay_1",
    ):
        assert words in page
    assert "Someone at your dashboard" in page
    assert "lines" not in re.findall(r"<p class=.hint wrap.>With: (.*?)</p>", page)[0]


@pytest.mark.parametrize("address", ["/activity?only=failed", "/activity?show=audit&only=people"])
async def test_both_lists_can_be_narrowed(site: Site, browser: Browser, address: str) -> None:
    page = await browser.get(address)
    assert site.desk.looked == [address.partition("only=")[2]]
    assert "Nothing of this kind" in page.text


@pytest.mark.parametrize(
    "address", ["/activity?only=people", "/activity?show=nonsense&only=x", "/activity?show=audit&only=failed"]
)
async def test_a_filter_that_is_none_is_left_out(site: Site, browser: Browser, address: str) -> None:
    assert (await browser.get(address)).status == 200
    assert site.desk.looked == [""]


async def test_a_cursor_that_was_made_up_is_not_found(browser: Browser) -> None:
    assert (await browser.get("/activity?after=broken")).status == 404


async def test_every_chart_is_drawn_from_a_table_that_can_be_read(site: Site, browser: Browser) -> None:
    site.desk.days = [make_day(), make_day(1, recorded=(), median_s=None, slowest_s=None)]
    page = (await browser.get("/activity")).text
    assert page.count("<figure") == 3
    for words in (
        "24 records were new or changed in 960 runs.",
        "the slowest took 1 min 15 s",
        "120.50 USD of 3 payments",
    ):
        assert words in page
    assert 'data-value="120.5"' in page
    assert 'data-value=""' in page


async def test_a_later_page_of_a_list_leaves_the_charts_out(site: Site, browser: Browser) -> None:
    site.desk.run_rows, site.desk.next_cursor = [make_run()], "8"
    assert "/activity?after=8" in (await browser.get("/activity")).text
    assert "<figure" not in (await browser.get("/activity?after=8")).text


def test_two_currencies_are_drawn_apart() -> None:
    two = tuple(Recorded(currency=currency, payments=1, amount=Decimal(5)) for currency in ("USD", "CAD"))
    assert [chart.name for chart in charts([make_day(recorded=two)])][2:] == ["Reconciled, CAD", "Reconciled, USD"]


def test_a_month_in_which_nothing_happened_has_its_days_all_the_same() -> None:
    days = fill_days({}, TODAY)
    assert [day.day for day in days] == [TODAY - timedelta(days=ago) for ago in range(13, -1, -1)]
    assert [chart.summary for chart in charts(days)][1:] == ["No payment was recorded."] * 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04, "under 0.1 s"),
        (3, "3.0 s"),
        (42.4, "42 s"),
        (75, "1 min 15 s"),
        (120, "2 min"),
        (7260, "2 h 1 min"),
        (3600, "1 h"),
    ],
)
def test_a_length_of_time_is_told_as_precisely_as_it_deserves(value: float, text: str) -> None:
    assert seconds(value) == text
