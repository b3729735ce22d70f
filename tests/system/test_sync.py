"""The real daemon at work on real books: killed in the middle, beside an account that only fails."""

import logging
import signal
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from daemon.adapters.clock import SystemClock
from tests.polling import eventually
from tests.postgres import on_every_postgres
from tests.system.books import Books, Partner, opened_books
from tests.system.program import running

_log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(180)
ONE_BY_ONE = "[sync]\npages_in_flight = 1\n[rate]\ncalls_per_window = 100000\nburst = 1000"
"""At most two pages are being stored then, and two are ahead of them."""


def pages_of(requests: list[dict[str, object]]) -> list[str]:
    """The full pages among requests, in order."""
    return [f"{row['path']}?{row['query']}" for row in requests if "per_page=100" in str(row["query"])]


@on_every_postgres
async def test_a_partner_connects_and_a_payment_is_in_freshbooks_within_seconds(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books:
        partner = await books.add(150)
        async with running(tmp_path, books.settings()) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            assert await books.differences(partner) == []
            (invoice,) = await books.unpaid(partner)
            await books.pay(partner, invoice, "pay_1")
            (recorded,) = await eventually(lambda: books.recorded(partner, "pay_1"), within_s=5)
            assert recorded["invoiceid"] == invoice
            program.send(signal.SIGTERM)
            assert await program.end() == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_stopped_in_the_middle_of_a_backfill_it_continues_at_the_page_it_was_on(
    database: str, tmp_path: Path, how: signal.Signals
) -> None:
    async with opened_books(database, "--rate-calls", "0") as books:
        slow = {"match": {"query": "per_page=100"}, "action": {"kind": "latency", "seconds": 0.05}}
        await books.control("PUT", "faults", [slow])
        partner = await books.add(2500)
        async with running(tmp_path, books.settings(ONE_BY_ONE)) as program:
            await eventually(lambda: _stored(books, partner, 700), within_s=60)
            program.send(how)
            await program.end()
        stored = await _stored(books, partner, 0)
        before = await books.requests(partner)
        assert await books.status(partner) == "pending"
        async with running(tmp_path, books.settings(ONE_BY_ONE)):
            await eventually(lambda: books.is_connected(partner), within_s=60)
        after = pages_of(await books.requests(partner, since=int(before[-1]["seq"])))
        again = [page for page in after if page in pages_of(before) and "date_m" in page]
        # What was stored is not read again: only what was being stored, under way or ahead when it was stopped is.
        assert len(again) <= 4, again
        assert stored >= 700
        assert await books.differences(partner) == []


async def _stored(books: Books, partner: Partner, least: int) -> int:
    count: int = await books.database.fetchval(
        "SELECT count(*) FROM sync.invoice WHERE partner_id = $1", partner.partner_id
    )
    return count if count >= least else 0


@pytest.mark.parametrize(
    "action",
    [
        {"kind": "unauthorized"},
        {"kind": "status", "status": 500},
        {"kind": "timeout_before_commit", "hold_s": 120},
    ],
    ids=["401", "500", "nothing"],
)
async def test_an_account_that_only_fails_delays_neither_the_pulls_nor_the_pushes_of_another(
    database: str, tmp_path: Path, action: dict[str, object]
) -> None:
    async with opened_books(database) as books:
        sick, well = await books.add(200), await books.add(200)
        rule = {"match": {"account": sick.account_id}, "action": action}
        settings = books.settings('[sync]\npayments_interval = "2s"\ninvoices_interval = "2s"')
        async with running(tmp_path, settings):
            await eventually(lambda: books.is_connected(well), within_s=60)
            await eventually(lambda: books.is_connected(sick), within_s=60)
            quiet = await _latencies(books, well, "quiet")
            await books.control("PUT", "faults", [rule])
            (waiting,) = await books.unpaid(sick)
            await books.pay(sick, waiting, "pay_sick")
            noisy = await _latencies(books, well, "noisy")
            seen = len(await books.requests(well))
            await eventually(lambda: _has_pulled(books, well, seen + 8), within_s=6)
            figures = tuple(round(median(found) * 1000) for found in (quiet, noisy))
            _log.info("a payment is in FreshBooks after %d ms alone, %d ms beside the failing account", *figures)
            assert max(noisy) < 3
            await books.control("DELETE", "faults")
            await eventually(lambda: books.recorded(sick, "pay_sick"), within_s=90)


async def _has_pulled(books: Books, partner: Partner, least: int) -> bool:
    return len(await books.requests(partner)) >= least


async def _latencies(books: Books, partner: Partner, name: str) -> list[float]:
    """Seconds from the platform's INSERT until FreshBooks shows each of five payments."""
    clock = SystemClock()
    found = []
    for number, invoice in enumerate(await books.unpaid(partner, 5)):
        began = clock.monotonic()
        payment_id = f"pay_{name}_{number}"
        await books.pay(partner, invoice, payment_id)
        await eventually(partial(books.recorded, partner, payment_id), within_s=20, every_s=0.005)
        found.append(clock.monotonic() - began)
    return found
