"""Several real daemons on one Postgres: killed, frozen, stopped; nobody's payment is doubled or left behind."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import anyio
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.http.links import sign_link
from daemon.core.desk import Topic
from daemon.core.model import PartnerId
from tests.polling import eventually
from tests.system.books import Partner, opened_books
from tests.system.fleet import PARTNERS, QUICK, TAKEOVER_S, connected, daemons, owner_of, shared, taken_over
from tests.system.program import LINK_KEY

pytestmark = pytest.mark.timeout(240)


@asynccontextmanager
async def signed_in(url: str, partner: Partner) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that followed a partner's link into the dashboard of one daemon."""
    until = SystemClock().now() + timedelta(minutes=5)
    link = sign_link(url, PartnerId(partner.partner_id), until, key_id="p1", secret=LINK_KEY)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(link, allow_redirects=False) as answer:
            assert answer.status == 303
        yield browser


async def follow(browser: aiohttp.ClientSession, url: str, heard: list[str]) -> None:
    """Keep a page's stream open and remember what it tells."""
    async with browser.get(f"{url}/events") as answer:
        async for line in answer.content:
            name, _, value = line.decode().strip().partition(": ")
            heard += [value] if name == "event" else []


async def test_a_killed_daemon_s_partners_are_taken_over_within_seconds(database: str, tmp_path: Path) -> None:
    async with (
        opened_books(database) as books,
        daemons(tmp_path, books.settings(QUICK), "a", "b") as (killed, survivor),
    ):
        partners = await connected(books)
        seconds, takeovers = await taken_over(books, killed, survivor)
        assert seconds < TAKEOVER_S
        assert takeovers == PARTNERS // 2
        for partner in partners:
            (invoice,) = await books.unpaid(partner)
            await books.pay(partner, invoice, f"pay_{partner.partner_id}")
        for partner in partners:
            payment = f"pay_{partner.partner_id}"
            await eventually(partial(books.recorded, partner, payment), within_s=20)
            assert len(await books.recorded(partner, payment)) == 1


async def test_a_page_is_live_at_whichever_daemon_it_is_open(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books, daemons(tmp_path, books.settings(QUICK), "a", "b") as both:
        partners = [await books.add(3) for _ in both]
        await shared(books, 1, 1)
        for partner in partners:
            await eventually(partial(books.is_connected, partner), within_s=60)
        (partner, *_) = partners
        owner = await owner_of(books, partner)
        (elsewhere,) = [program for program in both if program.process.pid != owner]
        async with signed_in(await elsewhere.url("public"), partner) as browser, anyio.create_task_group() as tasks:
            heard: list[str] = []
            tasks.start_soon(follow, browser, await elsewhere.url("public"), heard)
            await eventually(lambda: len(heard) == len(Topic))
            heard.clear()
            (invoice,) = await books.unpaid(partner)
            await books.pay(partner, invoice, "pay_1")
            await eventually(partial(books.recorded, partner, "pay_1"), within_s=20)
            await eventually(lambda: "payments" in heard)
            # The page was served, and told, by the one that does not own the partner.
            assert await owner_of(books, partner) == owner != elsewhere.process.pid
            assert len(await books.recorded(partner, "pay_1")) == 1
            tasks.cancel_scope.cancel()


async def test_a_stopped_daemon_hands_over_at_once_and_a_new_one_gets_its_share(database: str, tmp_path: Path) -> None:
    clock = SystemClock()
    async with opened_books(database) as books, daemons(tmp_path, books.settings(QUICK), "a") as (first,):
        await connected(books)
        await shared(books, PARTNERS)
        async with daemons(tmp_path, books.settings(QUICK), "b") as (second,):
            await shared(books, 3, 3)
            first.send(signal.SIGTERM)
            assert await first.end() == 0
            ended = clock.monotonic()
            await shared(books, PARTNERS)
            assert clock.monotonic() - ended < 2
            assert await second.metric("syncd_lease_takeovers_total") == 0
            assert await second.metric("syncd_leases") == PARTNERS


async def test_a_daemon_frozen_in_the_middle_of_a_post_and_thawed_after_a_takeover_writes_nothing_more(
    database: str, tmp_path: Path
) -> None:
    slow = {"match": {"method": "POST", "path": "payments/payments"}, "action": {"kind": "latency", "seconds": 1.0}}
    async with opened_books(database) as books, daemons(tmp_path, books.settings(QUICK), "a", "b") as programs:
        partners = await connected(books)
        await shared(books, 3, 3)
        await books.control("PUT", "faults", [slow])
        partner = partners[0]
        owner = await owner_of(books, partner)
        frozen, survivor = sorted(programs, key=lambda program: program.process.pid != owner)
        (invoice,) = await books.unpaid(partner)
        await books.pay(partner, invoice, "pay_1")
        state = "SELECT state FROM sync.push WHERE subject = 'pay_1'"

        async def is_sending() -> bool:
            return bool(await books.database.fetchval(state) == "sending")

        await eventually(is_sending, within_s=20, every_s=0.005)
        frozen.send(signal.SIGSTOP)
        clock = SystemClock()
        began = clock.monotonic()
        await shared(books, PARTNERS)
        assert clock.monotonic() - began < TAKEOVER_S
        stored = await books.database.fetchrow("SELECT p.*, xmin FROM sync.push p WHERE subject = 'pay_1'")
        frozen.send(signal.SIGCONT)
        lost = await frozen.line("leases_lost")
        assert lost["count"] == 3
        # What it had got from FreshBooks it could not store any more; whoever took over looks it up.
        assert stored is not None
        assert stored["state"] == "sending"

        async def is_done() -> bool:
            return bool(await books.database.fetchval(state) == "done")

        await eventually(is_done, within_s=60)
        assert len(await books.recorded(partner, "pay_1")) == 1
        await shared(books, 3, 3)
        assert await survivor.metric("syncd_lease_takeovers_total") == 3
        assert not frozen.lines("supervisor_crashed")
