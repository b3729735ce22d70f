"""Pages are fetched while those before them are stored: in order, within bounds, and only while they continue."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import anyio
import pytest

from daemon.actors.limiter import Limiter, Line
from daemon.actors.read_ahead import AGE_MAX, ReadAhead
from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.exchange import Page
from daemon.core.model import Reading, Resource
from daemon.core.policy import RatePolicy
from daemon.core.rate_limit import Priority
from tests.actors.stage import PARTNER, Notes
from tests.virtual_time import VirtualClock

INVOICES, PAYMENTS = Pass(resource=Resource.INVOICES), Pass(resource=Resource.PAYMENTS)
ANSWER_S = 0.1
IN_FLIGHT = 4


@dataclass(slots=True)
class Listings:
    """A FreshBooks whose every page takes a while; counts what is asked for at once."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    pages: int = 30
    reading_s: float = 0.0
    asked: list[int] = field(default_factory=list)
    open: int = 0
    most: int = 0
    failing: set[int] = field(default_factory=set)

    async def list_page(self, listing: Pass, page: int, page_size: int, answered: Callable[[], bool]) -> Page:
        self.asked.append(page)
        self.open += 1
        self.most = max(self.most, self.open)
        began = self.clock.now()
        try:
            await anyio.sleep(ANSWER_S)
        finally:
            self.open -= 1
        if page in self.failing:
            raise FreshBooksUnavailable("not now")
        reading = Reading(began_at=began, finished_at=self.clock.now())
        answered()
        await anyio.sleep(self.reading_s)
        total = self.pages * page_size
        return Page(resource=listing.resource, page=page, pages=self.pages, total=total, items=(), reading=reading)


@dataclass(slots=True)
class Lane:
    """What a pull lane does, page by page."""

    listings: Listings
    ahead: ReadAhead
    line: Line
    cursor: Cursor = field(default_factory=lambda: at(1))

    async def take(self, cursor: Cursor | None = None) -> list[int]:
        pages = await self.ahead.take(self.line, Priority.BACKFILL, cursor or self.cursor, IN_FLIGHT)
        self.cursor = at(pages[-1].page + 1, total=pages[-1].total)
        return [page.page for page in pages]


def at(page: int, *, total: int | None = 3000, listing: Pass = INVOICES) -> Cursor:
    return Cursor(feed=Feed.BACKFILL, queue=(listing,), page=page, total=total)


@asynccontextmanager
async def lane(**options: Any) -> AsyncIterator[Lane]:
    listings = Listings(**options)
    limiter = Limiter(listings.clock, RatePolicy(calls_per_window=1_000_000, burst=1000))
    async with anyio.create_task_group() as group:
        ahead = ReadAhead(group, listings.clock)
        yield Lane(listings, ahead, Line(PARTNER, listings, limiter, Notes()))  # type: ignore[arg-type]
        ahead.forget()


async def test_pages_come_in_order_and_the_next_are_under_way_while_these_are_stored() -> None:
    async with lane() as pull:
        assert await pull.take() == [1, 2, 3, 4]
        await anyio.sleep(ANSWER_S / 2)
        assert pull.listings.open == IN_FLIGHT
        assert await pull.take() == [5, 6, 7, 8]
        seen = [page for _ in range(6) for page in (await pull.take() if pull.cursor.page <= 30 else [])]
        assert seen == list(range(9, 31))
        assert pull.listings.asked == list(range(1, 31))


async def test_the_next_page_is_asked_for_while_one_that_was_answered_is_read() -> None:
    async with lane(reading_s=ANSWER_S / 4) as pull:
        async with anyio.create_task_group() as group:
            group.start_soon(pull.take)
            await anyio.sleep(ANSWER_S * 1.1)
            asked, at_once = list(pull.listings.asked), pull.listings.most
        assert asked == [1, 2, 3, 4, 5, 6, 7, 8]
        assert at_once == IN_FLIGHT


async def test_however_long_storing_takes_no_more_is_fetched_than_twice_what_goes_at_once() -> None:
    async with lane() as pull:
        await pull.take()
        await anyio.sleep(20 * ANSWER_S)
        assert pull.listings.asked == list(range(1, 13))
        assert pull.listings.most == IN_FLIGHT
        assert await pull.take() == list(range(5, 13))


async def test_the_first_page_of_a_listing_goes_alone_to_learn_how_many_there_are() -> None:
    async with lane(pages=3) as pull:
        assert await pull.take(at(1, total=None)) == [1]
        assert await pull.take(at(2, total=300)) == [2, 3]
        assert pull.listings.asked == [1, 2, 3]


@pytest.mark.parametrize("other", [at(2), at(5, listing=PAYMENTS)], ids=["sent back", "another listing"])
async def test_pages_that_do_not_continue_the_last_ones_are_fetched_anew(other: Cursor) -> None:
    async with lane() as pull:
        await pull.take()
        await anyio.sleep(ANSWER_S / 2)
        pull.listings.asked.clear()
        taken = await pull.take(other)
        assert pull.listings.asked[: len(taken)] == taken
        assert taken[0] == other.page


async def test_pages_that_waited_too_long_are_fetched_anew() -> None:
    async with lane() as pull:
        await pull.take()
        await anyio.sleep(AGE_MAX.total_seconds() + 1)
        pull.listings.asked.clear()
        began = pull.listings.clock.now()
        assert (await pull.take())[0] == 5
        assert pull.listings.asked[0] == 5
        assert pull.listings.clock.now() - began >= timedelta(seconds=ANSWER_S)


@pytest.mark.parametrize("failing", [{3}, {3, 4}, {3, 5, 6}, {3, 4, 5, 6, 7, 8}], ids=str)
async def test_a_failure_leaves_the_pages_before_it_and_is_met_at_the_next_take(failing: set[int]) -> None:
    async with lane(failing=failing) as pull:
        assert await pull.take() == [1, 2]
        with pytest.raises(FreshBooksUnavailable):
            await pull.take()
        pull.listings.failing.clear()
        seen: list[int] = []
        while pull.cursor.page <= pull.listings.pages:
            seen += await pull.take()
        assert seen == list(range(3, 31))


async def test_what_is_forgotten_is_cancelled() -> None:
    async with lane() as pull:
        await pull.take()
        await anyio.sleep(ANSWER_S / 2)
        assert pull.listings.open == IN_FLIGHT
        pull.ahead.forget()
        await anyio.sleep(0.001)
        assert pull.listings.open == 0
