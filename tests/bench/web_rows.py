"""The dashboard under load: pages fetched while 200 partners are connected and one reads his books, streams open."""

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import aiohttp
import anyio

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.links import sign_link
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.pull_store import PullStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.model import AccountId, PartnerId, Scope
from tests.bench.rows import Goal, Row
from tests.bench.stand import Stand
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import LINK_KEY, Program, running
from tests.system.test_demo import free_ports

CLOCK: Final = SystemClock()
PARTNERS: Final = 200
INVOICES: Final = 4_000
"""Of the partner who is watched: at FreshBooks' own pace they are still being read when the last page is fetched."""
ROUNDS: Final = 50
"""So often each of the two browsers fetches every page."""
P99_MS: Final = 100
_PATIENCE_S: Final = 120.0
_PAGES: Final = (
    "/integrations",
    "/nav?at=integrations",
    "/integrations/freshbooks/options/pdf_invoices",
    "/integrations/freshbooks/disconnect",
    "/invoices",
    "/invoices?search=1",
    "/invoices/{invoice}",
    "/payments",
    "/issues",
    "/activity",
    "/activity?show=audit",
    "/reports",
    "/verification",
)
"""Every page of what is stored; Set Up Accounts takes as long as FreshBooks does."""


@dataclass(slots=True)
class _Browser:
    """A signed-in browser: how many milliseconds each page took, and what its stream told."""

    url: str
    client: aiohttp.ClientSession
    took_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    heard: Counter[str] = field(default_factory=Counter)
    is_watching: bool = False

    async def get(self, page: str, invoice: int = 0) -> None:
        began = CLOCK.monotonic()
        async with self.client.get(self.url + page.format(invoice=invoice), allow_redirects=False) as answer:
            text = await answer.text()
        self.took_ms[page].append((CLOCK.monotonic() - began) * 1000)
        assert answer.status == 200, (page, answer.status, text[-500:])

    async def watch(self) -> None:
        """Keep a stream open, as an open page does, and count what it tells."""
        async with self.client.get(f"{self.url}/events", timeout=aiohttp.ClientTimeout(total=None)) as answer:
            assert answer.status == 200, await answer.text()
            self.is_watching = True
            async for line in answer.content:
                name, _, value = line.decode().strip().partition(": ")
                self.heard.update([value] if name == "event" else [])


async def pages_under_load(stand: Stand) -> list[Row]:
    """Fetch every page in turn while two streams tell what changes for a partner whose books are being read."""
    async with _scene(stand) as (books, program, url):
        memory = await _stream_memory(books, program, url)
        watched = await books.add(INVOICES)
        async with contextlib.AsyncExitStack() as stack, anyio.create_task_group() as streams:
            pair = [await _signed_in(stack, url, watched) for _ in range(2)]
            for browser in pair:
                streams.start_soon(browser.watch)
            await eventually(lambda: _invoices(books, watched), within_s=_PATIENCE_S)
            seconds = await _fetched(books, watched, pair)
            assert not await books.is_connected(watched), "the books were read too soon: add invoices"
            streams.cancel_scope.cancel()
    return [*_page_rows(pair), _event_row(pair, seconds), memory]


@contextlib.asynccontextmanager
async def _scene(stand: Stand) -> AsyncIterator[tuple[Books, Program, str]]:
    """Run the real program for partners who are connected, with nothing left to read."""
    dsn = stand.server.dsn(await stand.database("migrated"))
    (port,) = free_ports(1)
    place = stand.place / port
    place.mkdir()
    url = f"http://127.0.0.1:{port}"
    async with opened_books(dsn) as books:
        for _ in range(PARTNERS):
            await books.add(1)
        await _connect(dsn, books.partners)
        text = books.settings("[sync]\npage_size = 10\n", public=f"127.0.0.1:{port}")
        text = text.replace('base_url = "http://localhost:8080"', f'base_url = "{url}"')
        async with running(place, text) as program:
            await _quiet(books)
            yield books, program, url


async def _connect(dsn: str, partners: list[Partner]) -> None:
    now = datetime.now(UTC)  # noqa: TID251 -- rows as the daemon would have written them
    async with Pool.open(dsn) as pool:
        for partner in partners:
            scope = Scope(partner_id=PartnerId(partner.partner_id), account_id=AccountId(partner.account_id))
            for feed in Feed:
                await PullStore(pool).save_cursor(scope, Cursor(feed=feed, began_at=now, finished_at=now, runs=1))
        async with pool.connection() as connection:
            await connection.execute("UPDATE sync.connection SET status = 'connected'")


async def _quiet(books: Books) -> None:
    """Wait until what a start brings is done: then all together ask FreshBooks less than once in five partners."""
    asked = -PARTNERS
    while (now := (await books.control("GET", "counters"))["requests"]) - asked >= PARTNERS / 5:
        asked = now
        await CLOCK.sleep(2)


async def _signed_in(stack: contextlib.AsyncExitStack, url: str, partner: Partner) -> _Browser:
    until = datetime.now(UTC) + timedelta(minutes=5)  # noqa: TID251 -- a link that the daemon checks by its own clock
    link = sign_link(url, PartnerId(partner.partner_id), until, key_id="p1", secret=LINK_KEY)
    jar = aiohttp.CookieJar(unsafe=True)
    client = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
    async with client.get(link, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
    browser = _Browser(url=url, client=client)
    for page in _PAGES:
        if "{" not in page:
            await browser.get(page)  # once for the templates and the plans of the queries
    browser.took_ms.clear()
    return browser


async def _fetched(books: Books, watched: Partner, pair: list[_Browser]) -> float:
    """Fetch every page so many times in both browsers, and tell how long that took."""
    (invoice, *_) = await _invoices(books, watched)
    for browser in pair:
        browser.heard.clear()
    began = CLOCK.monotonic()
    for _ in range(ROUNDS):
        for page in _PAGES:
            for browser in pair:
                await browser.get(page, invoice)
    return CLOCK.monotonic() - began


async def _invoices(books: Books, partner: Partner) -> list[int]:
    rows = await books.database.fetch(
        "SELECT invoice_id FROM platform.invoice WHERE partner_id = $1 LIMIT 1", partner.partner_id
    )
    return [row["invoice_id"] for row in rows]


async def _stream_memory(books: Books, program: Program, url: str) -> Row:
    """Open a stream for every partner: by how much the process grows, divided."""
    async with contextlib.AsyncExitStack() as stack, anyio.create_task_group() as streams:
        browsers = [await _signed_in(stack, url, partner) for partner in books.partners]
        before = _resident_kb(program)
        for browser in browsers:
            streams.start_soon(browser.watch)
        await eventually(lambda: all(browser.is_watching for browser in browsers), within_s=_PATIENCE_S)
        await CLOCK.sleep(2)
        grown = _resident_kb(program) - before
        streams.cancel_scope.cancel()
    return Row(work=f"memory of an open stream, of {len(books.partners)}", unit="kB", ours=grown / len(browsers))


def _resident_kb(program: Program) -> float:
    pages = int(Path(f"/proc/{program.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _page_rows(pair: list[_Browser]) -> list[Row]:
    what = f"{PARTNERS} partners connected, this one's books being read"
    took = {page: [ms for browser in pair for ms in browser.took_ms[page]] for page in _PAGES}
    every = [ms for one in took.values() for ms in one]
    rows = [_p99_row(f"any page, {what}", every), Row(work="the same, p50", unit="ms", ours=median(every))]
    for page, one in took.items():
        rows += [_p99_row(page, one), Row(work=f"{page}, p50", unit="ms", ours=median(one))]
    return rows


def _p99_row(what: str, took_ms: list[float]) -> Row:
    p99 = quantiles(took_ms, n=100, method="inclusive")[98]
    goal = Goal(sign="<", bound=P99_MS, value=p99)
    return Row(work=f"{what}, p99 of {len(took_ms):,}", unit="ms", ours=p99, goals=(goal,))


def _event_row(pair: list[_Browser], seconds: float) -> Row:
    """Tell what the slower of two streams heard; both must hear of the sync."""
    heard = min(pair, key=lambda browser: browser.heard.total()).heard
    told = ", ".join(f"{count} {topic}" for topic, count in sorted(heard.items()))
    rate = heard.total() / seconds
    work = f"events told to each of two streams in {seconds:.0f} s ({told})"
    return Row(work=work, unit="events/s", ours=rate, goals=(Goal(sign=">=", bound=0.5, value=rate),))


MEASURES = (pages_under_load,)
