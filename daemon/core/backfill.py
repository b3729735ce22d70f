"""What is still to be read from FreshBooks, as values: passes, the cursor through them, and progress (C3)."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from daemon.core.model import Resource
from daemon.core.model.quick import quick, replace
from daemon.core.policy import PullPolicy


class Feed(enum.StrEnum):
    """A recurring or one-off run over some listings; each has its own cursor."""

    BACKFILL = "backfill"
    CLOSING = "closing"
    PAYMENTS = "payments"
    INVOICES = "invoices"
    CENSUS = "census"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One listing to be read from its first page to its last.

    `issued_from` / `issued_to` bound the record's own date, `updated_from` FreshBooks' `updated` day in US/Eastern
    (FB API s4.2); None leaves that side open. `deleted` asks for deleted records only, which ordinary lists leave out
    (FB API s5).
    """

    resource: Resource
    deleted: bool = False
    issued_from: date | None = None
    issued_to: date | None = None
    updated_from: date | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a feed has come: the passes that remain and the next page of the first of them.

    `counts` are the record counts of the first passes while a fresh backfill is still being counted.

    Stored in the transaction that stores the page, so a crash resumes at exactly this page. An empty `queue` means
    complete. `total` is the record count of the current pass as last told, None before its first page; `pages_done`
    and `pages_expected` count over the whole run and give a percentage that never goes back. `read` and `changed` count
    records read and written in this run. `due_at` is when a complete feed should run again. `page_size` is fixed when a
    run begins: page numbers mean nothing under another one, so a reloaded size waits for the next run.
    """

    feed: Feed
    queue: tuple[Pass, ...] = ()
    counts: tuple[int, ...] = ()
    page: int = 1
    page_size: int = 100
    total: int | None = None
    pages_done: int = 0
    pages_expected: int = 0
    percent: int = 0
    read: int = 0
    changed: int = 0
    runs: int = 0
    began_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether passes remain to be read."""
        return bool(self.queue)

    @property
    def is_unfinished(self) -> bool:
        """Whether the run began and all is read, but the run is not closed yet."""
        return (
            not self.queue
            and self.began_at is not None
            and (self.finished_at is None or self.finished_at < self.began_at)
        )


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What one fetched page told: the number asked for, the listing's page and record counts; records written, read.

    `pages` and `total` are 0 when the listing is empty; a page beyond the end tells the same counts as any other.
    """

    page: int
    pages: int
    total: int
    changed: int
    read: int = 0


def backfill_passes(today: date, pull: PullPolicy) -> tuple[Pass, ...]:
    """List what the initial sync reads: the last months with everything they need, then all history, newest first (C3).

    The newest range has no end, because FreshBooks allows dates in the future; neighbouring ranges overlap by a day.
    """
    recent = _months_before(today, pull.first_months)
    ranges: list[tuple[date | None, date | None]] = [(recent, None)]
    end = recent
    for _ in range(HISTORY_YEARS):
        start = _months_before(end, 12)
        ranges.append((start, end + _DAY))
        end = start
    ranges.append((None, end + _DAY))
    people = (
        Pass(resource=Resource.CUSTOMERS),
        Pass(resource=Resource.CUSTOMERS, deleted=True),
        Pass(resource=Resource.CREDITS),
        Pass(resource=Resource.CREDITS, deleted=True),
    )
    return (*people, *(p for bounds in ranges for p in _range_passes(*bounds)))


HISTORY_YEARS = 4
"""How many single years are listed before one last range takes everything older."""
_DAY = timedelta(days=1)


def change_passes(feed: Feed, updated_from: date) -> tuple[Pass, ...]:
    """List what a recurring feed reads: both visibilities of all that changed since a day; credits in full (P1)."""
    resources = {
        Feed.PAYMENTS: (Resource.PAYMENTS,),
        Feed.INVOICES: (Resource.CUSTOMERS, Resource.INVOICES),
        Feed.CLOSING: (Resource.CUSTOMERS, Resource.PAYMENTS, Resource.INVOICES),
    }[feed]
    passes = _both((resource, updated_from) for resource in resources)
    if feed is Feed.PAYMENTS:
        return passes
    return (*passes, Pass(resource=Resource.CREDITS), Pass(resource=Resource.CREDITS, deleted=True))


def census_passes() -> tuple[Pass, ...]:
    """List everything, changed or not: finds what change passes can miss."""
    return tuple(
        Pass(resource=resource, deleted=deleted)
        for resource in (Resource.CUSTOMERS, Resource.PAYMENTS, Resource.INVOICES, Resource.CREDITS)
        for deleted in (False, True)
    )


def advance(cursor: Cursor, facts: PageFacts) -> Cursor:
    """Move past one stored page; a pass ends when its last page is stored.

    A listing that shrank while it was read shifted later rows to earlier pages: reading goes on at the earliest page
    that a row not yet seen can have moved to.
    """
    done = cursor.pages_done + 1
    expected = max(cursor.pages_expected, done + max(facts.pages - facts.page, 0) + len(cursor.queue) - 1)
    moved = replace(
        cursor,
        total=facts.total,
        pages_done=done,
        pages_expected=expected,
        read=cursor.read + facts.read,
        changed=cursor.changed + facts.changed,
        percent=max(cursor.percent, min(99, done * 100 // max(expected, 1))),
    )
    back = _pages_shifted(cursor, facts)
    if back and facts.page > 1:
        return replace(moved, page=max(facts.page - back, 1))
    if facts.page < facts.pages:
        return replace(moved, page=facts.page + 1)
    return replace(moved, queue=moved.queue[1:], page=1, total=None)


def _pages_shifted(cursor: Cursor, facts: PageFacts) -> int:
    """Tell over how many pages a row can have moved forward since the page before."""
    shrank = 0 if cursor.total is None else cursor.total - facts.total
    if shrank <= 0 or facts.total == 0:
        return 0
    # FreshBooks may serve fewer rows a page than asked for, and too small a page here only means to go back further.
    rows_a_page = max(min(cursor.page_size, -(-facts.total // max(facts.pages, 1))), 1)
    return -(-shrank // rows_a_page)


def start(feed: Feed, passes: tuple[Pass, ...], now: datetime, page_size: int, runs: int = 0) -> Cursor:
    """Begin a run of a feed; a backfill is counted first, so its `pages_expected` stays 0 until then."""
    expected = 0 if feed is Feed.BACKFILL else len(passes)
    return Cursor(feed=feed, queue=passes, began_at=now, runs=runs, page_size=page_size, pages_expected=expected)


def counted(cursor: Cursor, totals: Sequence[int], page_size: int) -> Cursor:
    """Take in how many records the next passes hold; counting goes on where it was left.

    Once all are counted, empty passes are dropped and the rest give the pages to expect. A record that appears in a
    dropped listing afterwards carries a new `updated` and is found by the closing pass.
    """
    counts = (*cursor.counts, *totals)
    if len(counts) < len(cursor.queue):
        return replace(cursor, counts=counts)
    full = tuple((p, -(-total // page_size)) for p, total in zip(cursor.queue, counts, strict=True) if total)
    expected = max(sum(pages for _, pages in full), 1)
    return replace(cursor, queue=tuple(p for p, _ in full), counts=(), page_size=page_size, pages_expected=expected)


def finish(cursor: Cursor, now: datetime) -> Cursor:
    """Close a complete run; its begin time is what the next run's overlap is counted from.

    A run never ends before it began, even if the wall clock was set back meanwhile: it would count as still open.
    """
    finished_at = now if cursor.began_at is None else max(now, cursor.began_at)
    return replace(cursor, finished_at=finished_at, percent=100, runs=cursor.runs + 1)


def _range_passes(issued_from: date | None, issued_to: date | None) -> tuple[Pass, ...]:
    return tuple(
        Pass(resource=resource, deleted=deleted, issued_from=issued_from, issued_to=issued_to)
        for resource in (Resource.PAYMENTS, Resource.INVOICES)
        for deleted in (False, True)
    )


def _both(wanted: Iterable[tuple[Resource, date]]) -> tuple[Pass, ...]:
    return tuple(
        Pass(resource=resource, deleted=deleted, updated_from=since)
        for resource, since in wanted
        for deleted in (False, True)
    )


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28))
