"""What lives while everything is read: FreshBooks' budget used to the full, a change stored, a payment recorded."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.pull_store import PullStore
from daemon.core.backfill import Cursor, Feed
from daemon.core.callbacks import EVENTS
from daemon.core.model import AccountId, PartnerId, Scope
from tests.bench.rows import Goal, Row
from tests.bench.stand import Stand
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import Program, running
from tests.system.test_demo import free_ports

CALLS, WINDOW_S = 600, 60
PATIENCE_S = 600.0
PAIRS = 12
"""So many changes and payments are timed while everything is read, unless that ends before."""


@dataclass(slots=True)
class Scene:
    """A running daemon whose partner is connected, with the books that ring it."""

    books: Books
    partner: Partner
    program: Program
    clock: SystemClock

    async def seconds_until(self, act: Callable[[], Awaitable[Any]], seen: Callable[[], Awaitable[object]]) -> float:
        """Do something, and tell how long it takes to be seen."""
        began = self.clock.monotonic()
        await act()
        await eventually(seen, within_s=PATIENCE_S, every_s=0.003)
        return self.clock.monotonic() - began

    async def change_stored_s(self, invoice: int) -> float:
        """Pay an invoice in FreshBooks: seconds until the platform sees it paid."""
        path = f"books/{self.partner.account_id}/invoices/{invoice}/pay"
        return await self.seconds_until(lambda: self.books.control("POST", path, {}), partial(self._is_paid, invoice))

    async def payment_recorded_s(self, invoice: int, name: str) -> float:
        """Pay an invoice on the platform: seconds until FreshBooks shows the payment."""
        return await self.seconds_until(
            lambda: self.books.pay(self.partner, invoice, name), partial(self.books.recorded, self.partner, name)
        )

    async def _is_paid(self, invoice: int) -> bool:
        due = await self.books.database.fetchval(
            "SELECT amount_due FROM sync.invoice WHERE partner_id = $1 AND invoice_id = $2",
            self.partner.partner_id,
            invoice,
        )
        return bool(due == 0)

    async def is_rung(self) -> bool:
        trusted = await self.books.database.fetchval("SELECT count(*) FROM sync.callback WHERE trusted_at IS NOT NULL")
        return bool(trusted == len(EVENTS))


@contextlib.asynccontextmanager
async def scene(stand: Stand, invoices: int, sync: str, rate: str, *options: str) -> AsyncIterator[Scene]:
    """Run the real program for a partner who is Connected, and whose every record is still to be read by a census."""
    dsn = stand.server.dsn(await stand.database("migrated"))
    (port,) = free_ports(1)
    place = stand.place / port
    place.mkdir()
    async with opened_books(dsn, *options, webhooks=True) as books:
        partner = await books.add(invoices)
        await _connect(dsn, partner)
        more = f"[sync]\npage_size = 10\n{sync}\n[rate]\n{rate}"
        text = books.settings(more, public=f"127.0.0.1:{port}")
        text = text.replace('base_url = "http://localhost:8080"', f'base_url = "http://127.0.0.1:{port}"')
        async with running(place, text) as program:
            made = Scene(books=books, partner=partner, program=program, clock=SystemClock())
            await eventually(made.is_rung, within_s=PATIENCE_S)
            # Not before: a handshake at once would overtake the registration it belongs to, and be asked for anew.
            await books.control("PUT", "switches", {"webhook_delay_s": 0.0})
            yield made


async def _connect(dsn: str, partner: Partner) -> None:
    """Let the initial sync be over, and a census due."""
    now = datetime.now(UTC)  # noqa: TID251 -- rows as the daemon would have written them
    long_ago = now - timedelta(days=30)
    scope = Scope(partner_id=PartnerId(partner.partner_id), account_id=AccountId(partner.account_id))
    async with Pool.open(dsn) as pool:
        for feed, at in (
            (Feed.BACKFILL, long_ago),
            (Feed.CLOSING, long_ago),
            (Feed.PAYMENTS, now),
            (Feed.INVOICES, now),
        ):
            await PullStore(pool).save_cursor(scope, Cursor(feed=feed, began_at=at, finished_at=at, runs=1))
        async with pool.connection() as connection:
            await connection.execute("UPDATE sync.connection SET status = 'connected'")


async def budget(stand: Stand) -> list[Row]:
    """Read everything within 600 calls a minute, and meanwhile store a change and record payments."""
    speed = stand.scale.clock_rate
    rate = f'calls_per_window = {CALLS}\nwindow = "{WINDOW_S / speed:g}s"'
    invoices = stand.scale.budget_invoices
    async with scene(stand, invoices, "payments_interval = '1h'", rate, "--clock-rate", str(speed)) as live:
        books, partner = live.books, live.partner
        changed, recorded = [], []
        for number in range(PAIRS):
            await eventually(lambda: some_unpaid(books, partner, 2), within_s=PATIENCE_S, every_s=0.1)
            first, second = await books.unpaid(partner, 2)
            changed.append(await live.change_stored_s(first))
            recorded.append(await live.payment_recorded_s(second, f"pay_{number}"))
            if await is_read(books, partner):
                break
        await eventually(lambda: is_read(books, partner), within_s=PATIENCE_S, every_s=0.2)
        used, refused = await _budget_used(live)
    meanwhile = "while everything is read at full budget, slowest of"
    slowest = (
        (f"a change in FreshBooks stored {meanwhile} {len(changed)}", max(changed)),
        (f"a payment recorded {meanwhile} {len(recorded)}", max(recorded)),
    )
    return [
        Row(
            work=f"budget of {CALLS} calls a minute used while everything is read" + _sped_up(speed),
            unit="%",
            ours=used,
            limit=100,
            goals=(
                Goal(sign=">=", bound=95, value=used),
                Goal(sign="==", bound=0, value=refused, of="calls refused (429)"),
            ),
        ),
        *(Row(work=work, unit="s", ours=s, goals=(Goal(sign="<", bound=2, value=s),)) for work, s in slowest),
    ]


async def rings(stand: Stand) -> list[Row]:
    """Ring for changes while nothing else is to be done: from FreshBooks' change until the platform sees it."""
    async with scene(stand, 400, "", "calls_per_window = 1_000_000", "--rate-calls", "0") as live:
        await eventually(lambda: is_read(live.books, live.partner), within_s=PATIENCE_S, every_s=0.2)
        unpaid = await live.books.unpaid(live.partner, stand.scale.rings)
        found = sorted([await live.change_stored_s(invoice) for invoice in unpaid])
    p99 = found[min(int(len(found) * 0.99), len(found) - 1)] * 1000
    return [
        Row(
            work="a change in FreshBooks stored by webhook, p99, FreshBooks answering at once",
            unit="ms",
            ours=p99,
            goals=(Goal(sign="<", bound=100, value=p99),),
        ),
        Row(work="the same, median", unit="ms", ours=median(found) * 1000),
    ]


def _sped_up(speed: float) -> str:
    return "" if speed == 1 else f" (minutes of {WINDOW_S / speed:g} s)"


async def some_unpaid(books: Books, partner: Partner, count: int) -> bool:
    found = await books.database.fetchval(
        "SELECT count(*) FROM platform.invoice WHERE partner_id = $1 AND payable", partner.partner_id
    )
    return bool(found >= count)


async def is_read(books: Books, partner: Partner) -> bool:
    finished = await books.database.fetchval(
        "SELECT value->>'finished_at' FROM sync.cursor WHERE partner_id = $1 AND feed = 'census'", partner.partner_id
    )
    return finished is not None


async def _budget_used(live: Scene) -> tuple[float, int]:
    """Tell the median share of the budget used in FreshBooks' whole windows, in percent, and how many calls it refused.

    The first and the last window are not whole.
    """
    requests = await live.books.requests(live.partner)
    at = [datetime.fromisoformat(str(row["at"])).timestamp() // WINDOW_S for row in requests if row["status"] < 429]
    counts = Counter(at)
    whole = [counts[window] for window in sorted(counts)[1:-1]]
    assert whole, f"no whole window in {len(requests)} calls"
    return median(whole) / CALLS * 100, sum(row["status"] == 429 for row in requests)


MEASURES = (budget, rings)
