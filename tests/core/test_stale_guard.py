"""P9: a stale read never overwrites a newer one."""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.invoice_rules import decide_page_read, decide_snapshot
from daemon.core.model import InvoiceDecision
from daemon.core.stale_guard import Freshness, ReadMark, freshness, mark_of
from tests.builders import (
    NOW,
    make_context,
    make_customer,
    make_fb_invoice,
    make_invoice,
    make_link,
    make_reading,
    make_snapshot,
)

MINUTE = timedelta(minutes=1)
AUTUMN = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
"""1:30 in New York in the night when that hour comes twice."""


def mark(
    began: float = 0, finished: float = 1, updated: datetime = NOW, version: str = "", *, ambiguous: bool = False
) -> ReadMark:
    reading = make_reading(NOW + timedelta(seconds=began), finished - began)
    return ReadMark(updated_at=updated, updated_is_ambiguous=ambiguous, version=version, reading=reading)


STORED = mark(0, 10, version="b")


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        pytest.param(mark(11, 12, updated=NOW - MINUTE), Freshness.NEWER, id="begun after the stored read finished"),
        pytest.param(mark(5, 12, updated=NOW + MINUTE), Freshness.NEWER, id="overlapping, updated later"),
        pytest.param(mark(5, 12, updated=NOW - MINUTE), Freshness.OLDER, id="overlapping, updated earlier"),
        pytest.param(mark(-5, -1, updated=NOW + MINUTE), Freshness.NEWER, id="begun before, yet updated later"),
        pytest.param(mark(5, 12, version="c"), Freshness.NEWER, id="same second, higher version"),
        pytest.param(mark(5, 12, version="a"), Freshness.OLDER, id="same second, lower version"),
        pytest.param(mark(5, 12, version="b"), Freshness.TIE, id="same second, same version"),
        pytest.param(mark(5, 12), Freshness.TIE, id="same second, no version"),
        pytest.param(mark(10, 12, version="b"), Freshness.TIE, id="begun in the instant in which the stored one ended"),
    ],
)
def test_a_request_begun_after_the_stored_read_finished_wins_otherwise_version_and_updated_decide(
    read: ReadMark, verdict: Freshness
) -> None:
    assert freshness(STORED, read) is verdict


@pytest.mark.parametrize(
    ("apart", "verdict"),
    [
        (timedelta(minutes=1), Freshness.TIE),
        (timedelta(minutes=-1), Freshness.TIE),
        (timedelta(hours=1), Freshness.TIE),
        (timedelta(hours=1, seconds=1), Freshness.NEWER),
        (timedelta(hours=-1, seconds=-1), Freshness.OLDER),
    ],
)
@pytest.mark.parametrize("which", ["stored", "read", "both"])
def test_in_the_repeated_autumn_hour_times_order_nothing_within_an_hour(
    apart: timedelta, verdict: Freshness, which: str
) -> None:
    stored = mark(0, 10, AUTUMN, ambiguous=which != "read")
    read = mark(5, 12, AUTUMN + apart, ambiguous=which != "stored")
    assert freshness(stored, read) is verdict


def test_in_the_repeated_autumn_hour_a_request_begun_later_still_wins() -> None:
    assert freshness(mark(0, 1, AUTUMN, ambiguous=True), mark(2, 3, AUTUMN, ambiguous=True)) is Freshness.NEWER


def test_customers_and_payments_are_guarded_alike() -> None:
    stored, read = make_customer(), make_customer(updated_at=NOW)
    reading = make_reading()
    assert freshness(mark_of(stored, reading), mark_of(read, reading)) is Freshness.NEWER
    assert freshness(mark_of(read, reading), mark_of(stored, reading)) is Freshness.OLDER


def _kept(decision: InvoiceDecision, *, reread: bool) -> bool:
    return decision.invoice is None and decision.applied is None and decision.reread is reread


def test_an_older_page_read_stores_nothing() -> None:
    row = make_invoice(make_snapshot(reading=make_reading(NOW, 10)))
    stale = make_fb_invoice(70, updated_at=NOW - timedelta(days=2))
    assert _kept(decide_page_read(stale, make_reading(NOW, 5), make_context(row)), reread=False)


def test_a_page_read_that_ties_with_other_content_asks_for_a_reread() -> None:
    row = make_invoice(make_snapshot(reading=make_reading(NOW, 10)))
    other = make_fb_invoice(70)
    assert _kept(decide_page_read(other, make_reading(NOW, 5), make_context(row)), reread=True)


def test_a_page_read_that_ties_with_the_same_content_needs_nothing() -> None:
    row = make_invoice(make_snapshot(reading=make_reading(NOW, 10)))
    assert _kept(decide_page_read(make_fb_invoice(), make_reading(NOW, 5), make_context(row)), reread=False)


def test_an_older_snapshot_stores_nothing() -> None:
    row = make_invoice(make_snapshot(reading=make_reading(NOW, 10)))
    stale = make_snapshot(make_fb_invoice(70, updated_at=NOW - timedelta(days=2)), reading=make_reading(NOW, 5))
    assert _kept(decide_snapshot(stale, make_context(row)), reread=False)


def test_a_snapshot_that_ties_with_other_content_is_read_again() -> None:
    row = make_invoice(make_snapshot(reading=make_reading(NOW, 10)))
    other = make_snapshot(make_fb_invoice(70), reading=make_reading(NOW, 5))
    assert _kept(decide_snapshot(other, make_context(row)), reread=True)


def test_a_snapshot_that_ties_with_the_same_content_is_decided_with_what_is_known_now() -> None:
    row = make_invoice(make_snapshot(reading=make_reading(NOW, 10)))
    decision = decide_snapshot(make_snapshot(reading=make_reading(NOW, 5)), make_context(row, [make_link()]))
    assert decision.invoice is not None
    assert decision.invoice.amount_due == 0


def test_a_newer_read_replaces_the_stored_one() -> None:
    row = make_invoice()
    read = make_fb_invoice(70, updated_at=NOW)
    decision = decide_page_read(read, make_reading(NOW + MINUTE), make_context(row))
    assert decision.invoice is not None
    assert decision.invoice.amount_due == 70
    assert decision.invoice.reading == make_reading(NOW + MINUTE)
