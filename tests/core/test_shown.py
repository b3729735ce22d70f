"""What is shown of a partner: the product's words, the switches, the days of the charts, what a comparison lists."""

from dataclasses import replace
from datetime import date

from daemon.core.backfill import Cursor, Feed, census_passes
from daemon.core.desk.charts import DayFigures, fill_days
from daemon.core.issues import books_differ, listings_of
from daemon.core.options import Option
from daemon.core.schedule import _begin
from daemon.core.state import Connected, NotConnected, shown
from daemon.core.transition import restore
from daemon.core.verify.findings import DriftKind, Rule
from daemon.core.verify.queues import judge_queues
from tests.core.supervisors import NOW, POLICY, SCOPE, connected_connection, pending_connection


def test_a_partner_sees_pending_and_connected_and_reconnect_needed_beside_either() -> None:
    assert shown(NotConnected(partner_id=SCOPE.partner_id)) == ("not_connected", False)
    for connection, word in ((pending_connection(), "pending"), (connected_connection(), "connected")):
        assert shown(restore(connection, NOW, POLICY)) == (word, False)
        assert shown(restore(replace(connection, parked="revoked"), NOW, POLICY)) == (word, True)


def test_every_day_of_a_chart_has_its_row() -> None:
    busy = DayFigures(day=date(2026, 3, 3), runs=4)
    days = fill_days({busy.day: busy}, date(2026, 3, 4), days=3)
    assert [day.day.day for day in days] == [2, 3, 4]
    assert [day.runs for day in days] == [0, 4, 0]


def test_the_switches_are_the_four_unmarked_rows_of_the_page() -> None:
    assert [option.value for option in Option] == [
        "mirror_invoices",
        "mirror_customers",
        "delete_payments",
        "pdf_invoices",
    ]


def test_a_comparison_tells_how_many_differences_it_found() -> None:
    assert "found 1 difference: One." in books_differ(1, ["One."]).reason
    assert "found 1,200 differences: One. Two." in books_differ(1200, ["One.", "Two."]).reason


def test_a_comparison_lists_what_is_in_no_queue_names_nobody_or_looks_typed_in() -> None:
    judged = judge_queues(["pay_1"], [(7, "pay_9")], [("pay_2", 8)])
    assert [drift.kind for drift in judged.drifts] == [DriftKind.MISSING_THERE, DriftKind.ORPHAN]
    assert [(ruled.rule, ruled.subject) for ruled in judged.ruled] == [(Rule.W5, ("payment", "pay_2"))]


def test_a_complete_run_of_a_feed_clears_what_was_said_of_its_listings() -> None:
    assert "payments invoices" in listings_of(Feed.PAYMENTS)
    assert not set(listings_of(Feed.PAYMENTS)) & set(listings_of(Feed.INVOICES))


def test_a_census_reads_everything() -> None:
    state = restore(connected_connection(), NOW, POLICY)
    assert isinstance(state, Connected)
    assert _begin(state, Cursor(feed=Feed.CENSUS), NOW, POLICY).queue == census_passes()
