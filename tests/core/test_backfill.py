"""The cursor through FreshBooks' listings: nothing is missed, everything ends, and progress never goes back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.backfill import (
    Cursor,
    Feed,
    PageFacts,
    Pass,
    advance,
    backfill_passes,
    census_passes,
    change_passes,
    counted,
    finish,
    start,
)
from daemon.core.model import Resource
from daemon.core.policy import PullPolicy
from tests.core.supervisors import NOW, a_pass, minutes

TODAY = date(2026, 3, 4)
PULL = PullPolicy()
DAY = timedelta(days=1)


def reading(passes: int = 1, page_size: int = 3) -> Cursor:
    queue = tuple(a_pass(number) for number in range(passes))
    return start(Feed.PAYMENTS, queue, NOW, page_size)


def facts(page: int, pages: int, total: int, changed: int = 0) -> PageFacts:
    return PageFacts(page=page, pages=pages, total=total, changed=changed)


# ---- what is read ----------------------------------------------------------------------------------------------------


def test_the_initial_sync_reads_customers_and_credits_first_and_then_each_range_with_its_payments() -> None:
    passes = backfill_passes(TODAY, PULL)
    assert [p.resource for p in passes[:4]] == [Resource.CUSTOMERS] * 2 + [Resource.CREDITS] * 2
    assert [p.resource for p in passes[4:8]] == [Resource.PAYMENTS] * 2 + [Resource.INVOICES] * 2
    assert [p.deleted for p in passes] == [False, True] * (len(passes) // 2)


def ranges(passes: Sequence[Pass]) -> list[tuple[date | None, date | None]]:
    return [(p.issued_from, p.issued_to) for p in passes if p.resource is Resource.INVOICES and not p.deleted]


@settings(max_examples=40, deadline=None)
@given(today=st.dates(date(2004, 1, 1), date(2090, 12, 31)), months=st.integers(1, 120))
def test_the_ranges_cover_every_date_newest_first_and_overlap_by_a_day(today: date, months: int) -> None:
    covered = ranges(backfill_passes(today, PullPolicy(first_months=months)))
    newest, oldest = covered[0], covered[-1]
    assert newest[1] is None, "FreshBooks allows dates in the future"
    assert oldest[0] is None, "all history"
    for (newer_from, _), (_, older_to) in pairwise(covered):
        assert newer_from is not None
        assert older_to == newer_from + DAY
    starts = [begin for begin, _ in covered if begin is not None]
    assert starts == sorted(starts, reverse=True)


@settings(max_examples=40, deadline=None)
@given(today=st.dates(date(2004, 1, 1), date(2090, 12, 31)))
def test_invoices_of_the_last_12_months_come_first(today: date) -> None:
    begin = ranges(backfill_passes(today, PULL))[0][0]
    assert begin is not None
    assert 365 <= (today - begin).days <= 369


@pytest.mark.parametrize(
    ("feed", "resources", "full"),
    [
        (Feed.PAYMENTS, [Resource.PAYMENTS], []),
        (Feed.INVOICES, [Resource.CUSTOMERS, Resource.INVOICES], [Resource.CREDITS]),
        (Feed.CLOSING, [Resource.CUSTOMERS, Resource.PAYMENTS, Resource.INVOICES], [Resource.CREDITS]),
    ],
)
def test_a_change_feed_reads_both_visibilities_of_what_changed_and_credits_in_full(
    feed: Feed, resources: list[Resource], full: list[Resource]
) -> None:
    passes = change_passes(feed, TODAY)
    assert [(p.resource, p.deleted, p.updated_from) for p in passes] == [
        *((resource, deleted, TODAY) for resource in resources for deleted in (False, True)),
        *((resource, deleted, None) for resource in full for deleted in (False, True)),
    ]


def test_the_census_reads_everything_changed_or_not() -> None:
    passes = census_passes()
    assert {(p.resource, p.deleted) for p in passes} == {(r, d) for r in Resource for d in (False, True)}
    assert {(p.issued_from, p.issued_to, p.updated_from) for p in passes} == {(None, None, None)}


# ---- moving on -------------------------------------------------------------------------------------------------------


def test_the_pages_of_a_pass_are_read_in_order_and_the_next_pass_follows() -> None:
    first, second = (a_pass(number) for number in range(2))
    cursor = reading(passes=2)
    cursor = advance(cursor, facts(1, 2, 5, changed=2))
    assert (cursor.queue, cursor.page, cursor.total) == ((first, second), 2, 5)
    cursor = advance(cursor, facts(2, 2, 5, changed=1))
    assert (cursor.queue, cursor.page, cursor.total, cursor.changed) == ((second,), 1, None, 3)
    cursor = advance(cursor, facts(1, 0, 0))
    assert (cursor.queue, cursor.is_running, cursor.is_unfinished) == ((), False, True)


SHRINKS = [
    ("by a row: from the page before", 9, facts(3, 3, 8), 2),
    ("by a page: from the page before", 12, facts(4, 3, 9), 3),
    ("by more than a page: further back", 30, facts(9, 8, 24), 7),
    ("to less than was read: from the start", 30, facts(9, 1, 2), 1),
    ("to nothing: the pass ends", 30, facts(9, 0, 0), None),
    ("but only the first page was read: on to the next", 30, facts(1, 9, 25), 2),
]


@pytest.mark.parametrize(("before", "page", "goes_on"), [row[1:] for row in SHRINKS], ids=[row[0] for row in SHRINKS])
def test_a_listing_that_shrank_is_read_again_as_far_back_as_rows_can_have_moved(
    before: int, page: PageFacts, goes_on: int | None
) -> None:
    cursor = advance(replace(reading(), page=page.page, total=before), page)
    assert (cursor.page if cursor.is_running else None) == goes_on


def test_a_listing_served_in_smaller_pages_than_asked_for_goes_back_by_those() -> None:
    cursor = replace(reading(page_size=100), page=10, total=45)
    assert advance(cursor, facts(10, 9, 36)).page == 7  # 9 rows of at least 4 a page


def test_a_listing_that_grew_is_read_to_its_new_end() -> None:
    cursor = replace(reading(), page=2, total=6)
    assert advance(cursor, facts(2, 3, 7)).page == 3


# ---- a listing that changes while it is read -------------------------------------------------------------------------


@dataclass(slots=True)
class Listing:
    """A FreshBooks listing, newest first, whose rows come and go between two requests."""

    rows: list[int]
    page_size: int
    seen: set[int] = field(default_factory=set)
    pages_read: set[int] = field(default_factory=set)

    def read(self, page: int) -> PageFacts:
        self.seen.update(self.rows[(page - 1) * self.page_size : page * self.page_size])
        self.pages_read.add(page)
        total = len(self.rows)
        return facts(page, -(-total // self.page_size), total)

    def delete(self, places: Sequence[int]) -> None:
        for place in places:
            if self.rows:
                del self.rows[place % len(self.rows)]

    def create(self, count: int) -> None:
        self.rows[:0] = range(10_000 + len(self.rows) + count, 10_000 + len(self.rows), -1)


Batch = tuple[int, Sequence[int], Sequence[list[int]]]
"""How many pages are fetched together, in which order they arrive, and what happens before each."""


def batches() -> st.SearchStrategy[list[Batch]]:
    happenings = st.lists(st.lists(st.integers(0, 60), max_size=9), min_size=4, max_size=4)
    return st.lists(st.tuples(st.integers(1, 4), st.permutations(range(4)), happenings), max_size=8)


CALM: Batch = (1, range(4), [[]] * 4)


def read_through(listing: Listing, script: list[Batch], *, grows: bool) -> None:
    """Read a listing as the pull lane does: some pages at once, then over them in order until one sends back."""
    cursor = reading(page_size=listing.page_size)
    for count, order, happenings in forever(script):
        if not cursor.is_running:
            return
        known = 1 if cursor.total is None else -(-cursor.total // cursor.page_size)
        last = min(max(known, cursor.page), cursor.page + count - 1)
        told: dict[int, PageFacts] = {}
        for offset in order:
            if cursor.page + offset <= last:
                if grows:
                    listing.create(len(happenings[offset]))
                else:
                    listing.delete(happenings[offset])
                told[cursor.page + offset] = listing.read(cursor.page + offset)
        for page in range(cursor.page, last + 1):
            cursor = advance(cursor, told[page])
            if not cursor.is_running or cursor.page != page + 1:
                break


def forever(script: list[Batch]) -> Iterator[Batch]:
    yield from script
    for _ in range(200):
        yield CALM
    raise AssertionError("the listing never ends")


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 40), page_size=st.integers(1, 6), script=batches())
def test_no_row_is_missed_when_a_listing_only_shrinks(count: int, page_size: int, script: list[Batch]) -> None:
    listing = Listing(rows=list(range(count, 0, -1)), page_size=page_size)
    read_through(listing, script, grows=False)
    assert set(listing.rows) <= listing.seen


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 40), page_size=st.integers(1, 6), script=batches())
def test_no_row_is_missed_when_a_listing_only_grows(count: int, page_size: int, script: list[Batch]) -> None:
    listing = Listing(rows=list(range(count, 0, -1)), page_size=page_size)
    read_through(listing, script, grows=True)
    assert set(range(count, 0, -1)) <= listing.seen
    assert listing.pages_read >= set(range(1, -(-len(listing.rows) // page_size) + 1))


@settings(max_examples=40, deadline=None)
@given(
    totals=st.lists(st.integers(0, 50), max_size=30), passes=st.integers(1, 4), expected=st.none() | st.integers(1, 99)
)
def test_any_listing_that_comes_to_rest_is_read_to_its_end_and_its_progress_never_goes_back(
    totals: list[int], passes: int, expected: int | None
) -> None:
    cursor = replace(reading(passes), pages_expected=expected or 0)
    percent = 0
    for total in [*totals, *[20] * 200]:
        if not cursor.is_running:
            break
        cursor = advance(cursor, facts(cursor.page, -(-total // 3), total))
        assert percent <= cursor.percent < 100
        assert cursor.page >= 1
        percent = cursor.percent
    assert not cursor.is_running


# ---- counting and closing --------------------------------------------------------------------------------------------


def test_a_fresh_backfill_expects_nothing_until_it_is_counted_and_other_runs_a_page_a_pass() -> None:
    assert start(Feed.BACKFILL, (a_pass(), a_pass()), NOW, 100).pages_expected == 0
    assert start(Feed.INVOICES, (a_pass(), a_pass()), NOW, 100).pages_expected == 2


def test_counting_drops_empty_passes_and_expects_the_pages_of_the_rest() -> None:
    queue = tuple(a_pass(number) for number in range(3))
    cursor = counted(start(Feed.BACKFILL, queue, NOW, 100), [250, 0, 100], 100)
    assert cursor.queue == (queue[0], queue[2])
    assert cursor.pages_expected == 4


def test_counting_goes_on_where_it_was_left() -> None:
    queue = tuple(a_pass(number) for number in range(3))
    cursor = counted(start(Feed.BACKFILL, queue, NOW, 100), [250], 100)
    assert (cursor.queue, cursor.counts, cursor.pages_expected) == (queue, (250,), 0)
    cursor = counted(cursor, [0, 1], 100)
    assert (cursor.queue, cursor.counts, cursor.pages_expected) == ((queue[0], queue[2]), (), 4)


def test_books_without_any_record_are_read_at_once() -> None:
    cursor = counted(start(Feed.BACKFILL, (a_pass(),), NOW, 100), [0], 100)
    assert (cursor.is_running, cursor.is_unfinished, cursor.pages_expected) == (False, True, 1)


def test_progress_counts_pages_as_they_were_expected() -> None:
    cursor = counted(start(Feed.BACKFILL, (a_pass(), a_pass(1)), NOW, 100), [300, 100], 100)
    percents = []
    for page, pages, total in ((1, 3, 300), (2, 3, 300), (3, 3, 300), (1, 1, 100)):
        cursor = advance(cursor, facts(page, pages, total))
        percents.append(cursor.percent)
    assert percents == [25, 50, 75, 99]


def test_a_finished_run_is_at_100_percent_and_counted() -> None:
    cursor = finish(replace(reading(), queue=(), runs=2), NOW + minutes(3))
    assert (cursor.percent, cursor.runs, cursor.finished_at) == (100, 3, NOW + minutes(3))
    assert not cursor.is_unfinished


def test_a_run_is_finished_even_if_the_clock_was_set_back_meanwhile() -> None:
    cursor = finish(replace(reading(), queue=()), NOW - DAY)
    assert cursor.finished_at == NOW
    assert not cursor.is_unfinished


def test_a_feed_that_never_ran_is_neither_running_nor_unfinished() -> None:
    assert not Cursor(feed=Feed.CENSUS).is_unfinished
    assert finish(Cursor(feed=Feed.CENSUS), NOW).finished_at == NOW
