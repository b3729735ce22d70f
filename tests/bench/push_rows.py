"""How soon a payment is on its way to FreshBooks, how many of one partner stand in a second, and who waits longest."""

from datetime import datetime
from decimal import Decimal
from statistics import median, quantiles
from typing import Any, Final

import anyio

from tests.bench.live_rows import PATIENCE_S, Scene, is_read, scene, some_unpaid
from tests.bench.rows import Goal, Row
from tests.bench.stand import Stand
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import running

RATE: Final = "calls_per_window = 10000000\ncreates_per_window = 10000000\nburst = 1000000"
UNPACED: Final = f"[rate]\n{RATE}"
_PAY: Final = (
    "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, status, "
    "initiated_at) VALUES ($1, $2, $3, $4, 1, 'USD', 'card', 'processing', now())"
)


async def push_latency(stand: Stand) -> list[Row]:
    """Pay one invoice after another, nothing else to be done: from the platform's INSERT to the POST at FreshBooks.

    What the guard's reads take to and fro is measured after each payment, by a bare client that makes the same two.
    """
    invoices = 20 * stand.scale.rings  # of which one in ten or so is still to be paid
    async with scene(stand, invoices, "", RATE, "--rate-calls", "0", "--rate-creates", "0") as live:
        await eventually(lambda: is_read(live.books, live.partner), within_s=PATIENCE_S, every_s=0.2)
        found = []
        bare = []
        for invoice in await live.books.unpaid(live.partner, stand.scale.rings):
            found.append(await _way(live, invoice))
            bare.append(await _bare_reads_ms(live, invoice))
    beyond = sorted(way.to_post_ms - reads_ms for way, reads_ms in zip(found, bare, strict=True))
    total = sorted(way.to_post_ms for way in found)
    stands = sorted(way.to_standing_ms for way in found)
    what = "a payment's INSERT to the first byte of its POST, idle"
    return [
        Row(
            work=f"{what}, beyond the round trip of the guard's reads, p50 of {len(found)}",
            unit="ms",
            ours=median(beyond),
            goals=(Goal(sign="<=", bound=8, value=median(beyond)),),
        ),
        Row(work="that round trip, made by a bare client, p50", unit="ms", ours=median(bare)),
        Row(
            work=f"{what}, beyond FreshBooks' own time over the reads, p50",
            unit="ms",
            ours=median(way.beyond_freshbooks_ms for way in found),
        ),
        Row(work=f"{what}, p99", unit="ms", ours=_p99(total), goals=(Goal(sign="<=", bound=20, value=_p99(total)),)),
        Row(work=f"{what}, p50", unit="ms", ours=median(total)),
        Row(work="the same to its standing in FreshBooks, p50", unit="ms", ours=median(stands)),
        Row(work="the same to its standing in FreshBooks, p99", unit="ms", ours=_p99(stands)),
    ]


async def push_in_backfill(stand: Stand) -> list[Row]:
    """Pay invoices while everything is read at FreshBooks' full budget."""
    speed = stand.scale.clock_rate
    rate = f'window = "{60 / speed:g}s"'
    invoices = stand.scale.budget_invoices
    async with scene(stand, invoices, "payments_interval = '1h'", rate, "--clock-rate", str(speed)) as live:
        books, partner = live.books, live.partner
        payments = stand.scale.rings
        await eventually(lambda: some_unpaid(books, partner, payments), within_s=PATIENCE_S, every_s=0.5)
        waited = []
        for number, invoice in enumerate(await books.unpaid(partner, payments)):
            waited.append(await live.payment_recorded_s(invoice, f"pay_{number}"))
            if await is_read(books, partner):
                break
    meanwhile = f"while that partner is read at full budget, p99 of {len(waited)}"
    work = f"a payment's INSERT to its standing in FreshBooks {meanwhile}"
    p99 = _p99(sorted(waited))
    return [
        Row(work=work, unit="s", ours=p99, goals=(Goal(sign="<=", bound=2, value=p99),)),
        Row(work="the same, p50", unit="s", ours=median(waited)),
    ]


async def push_queue(stand: Stand) -> list[Row]:
    """Queue 1,000 payments (200 when quick) of one partner on as many invoices, FreshBooks without limits."""
    payments = 1_000 if stand.scale.name == "full" else 200
    rows = []
    for in_flight in (1, 4, 8) if stand.scale.name == "full" else (1, 4):
        seconds = (await _pushed(stand, 1, payments, in_flight))[0]
        note = " (the default)" if in_flight == 4 else ""
        work = f"{payments:,} payments queued for one partner, {in_flight} in flight{note}"
        rows.append(Row(work=work, unit="payments/s", ours=payments / seconds))
    return rows


async def push_fairness(stand: Stand) -> list[Row]:
    """Queue as many payments for each of many partners at once: who waits longest until all of his stand."""
    partners, payments = (100, 100) if stand.scale.name == "full" else (20, 20)
    waits = await _pushed(stand, partners, payments, 4)
    ratio = max(waits) / median(waits)
    work = f"{partners} partners x {payments} payments at once: the longest wait of a partner over the median"
    total = Row(work="the same, all together", unit="payments/s", ours=partners * payments / max(waits))
    return [Row(work=work, unit="x", ours=ratio, goals=(Goal(sign="<=", bound=2, value=ratio),)), total]


class _Way:
    """One payment's way, by FreshBooks' log."""

    def __init__(self, inserted_at: datetime, calls: list[dict[str, Any]]) -> None:
        post = next(call for call in calls if call["method"] == "POST")
        reads = [call for call in calls if call["seq"] < post["seq"]]
        posted_at = _at(post)
        self.to_post_ms = (posted_at - inserted_at).total_seconds() * 1000
        self.to_standing_ms = self.to_post_ms + post["latency_s"] * 1000
        read_from = min(_at(call) for call in reads)
        read_until = max(_at(call).timestamp() + call["latency_s"] for call in reads)
        self.beyond_freshbooks_ms = self.to_post_ms - (read_until - read_from.timestamp()) * 1000


async def _way(live: Scene, invoice: int) -> _Way:
    await eventually(lambda: _is_idle(live), within_s=PATIENCE_S, every_s=0.05)
    counters = await live.books.control("GET", "counters")
    since: int = counters["requests"]
    inserted_at = live.clock.now()
    await live.books.pay(live.partner, invoice, f"pay_{invoice}")
    await live.clock.sleep(0.05)  # asked at once, FreshBooks would answer us before it answers the guard
    await eventually(lambda: _is_posted(live, since), within_s=PATIENCE_S, every_s=0.02)
    return _Way(inserted_at, await live.books.requests(live.partner, since))


async def _bare_reads_ms(live: Scene, invoice: int) -> float:
    """Make the guard's two reads at once, as soon as it is idle again, and nothing else."""
    await eventually(lambda: _is_idle(live), within_s=PATIENCE_S, every_s=0.05)
    account = f"{live.books.url}/accounting/account/{live.partner.account_id}"
    headers = {"Authorization": f"Bearer {live.books.tokens[0]}"}

    async def read(path: str) -> None:
        async with live.books.http.get(f"{account}/{path}", headers=headers) as answer:
            assert answer.status < 400, await answer.text()
            await answer.read()

    began = live.clock.monotonic()
    async with anyio.create_task_group() as reads:
        reads.start_soon(read, f"invoices/invoices/{invoice}?include[]=lines")
        reads.start_soon(read, f"payments/payments?search[invoiceid]={invoice}&per_page=100&page=1")
    return (live.clock.monotonic() - began) * 1000


async def _is_idle(live: Scene) -> bool:
    """Tell whether what the payment before has asked for is done, and FreshBooks was not called for a while."""
    before = await live.books.control("GET", "counters")
    await live.clock.sleep(0.1)
    left = await live.books.database.fetchval("SELECT count(*) FROM sync.reread")
    return bool(left == 0 and before["requests"] == (await live.books.control("GET", "counters"))["requests"])


async def _is_posted(live: Scene, since: int) -> bool:
    return any(
        call["method"] == "POST" and call["committed"] for call in await live.books.requests(live.partner, since)
    )


def _at(call: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(call["at"])


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


async def _pushed(stand: Stand, partners: int, payments: int, in_flight: int) -> list[float]:
    """Queue everything at once; tell how long each partner waits until the last of his payments stands."""
    dsn = stand.server.dsn(await stand.database("migrated"))
    place = stand.place / f"push-{partners}-{in_flight}"
    place.mkdir()
    more = f"[push]\nin_flight = {in_flight}\n{UNPACED}"
    async with opened_books(dsn, "--rate-calls", "0", "--rate-creates", "0") as books:
        made = [await books.add(0) for _ in range(partners)]
        bills = {partner.partner_id: await _bill(books, partner, payments) for partner in made}
        async with running(place, books.settings(more)):
            await eventually(lambda: _is_all_read(books, partners * payments), within_s=PATIENCE_S, every_s=0.2)
            began = await books.database.fetchval("SELECT clock_timestamp()")
            await books.database.executemany(
                _PAY,
                [
                    (partner.partner_id, f"{partner.partner_id}_{number}", partner.account_id, invoice)
                    for partner in made
                    for number, invoice in enumerate(bills[partner.partner_id])
                ],
            )
            await eventually(lambda: _are_done(books, partners * payments), within_s=PATIENCE_S, every_s=0.2)
            rows = await books.database.fetch(
                "SELECT subject_partner, max(at) AS at FROM (SELECT partner_id AS subject_partner, at FROM sync.audit "
                "WHERE what = 'payment recorded in FreshBooks') a GROUP BY subject_partner"
            )
    return [(row["at"] - began).total_seconds() for row in rows]


async def _bill(books: Books, partner: Partner, invoices: int) -> list[int]:
    path = f"books/{partner.account_id}"
    client = await books.control("POST", f"{path}/clients", {"organization": "Dale"})
    line = {"name": "Work", "qty": 1, "unit_cost": {"amount": str(Decimal(10)), "code": "USD"}}
    body = {"customerid": client["id"], "create_date": "2026-01-05", "status": 2, "lines": [line]}
    return [(await books.control("POST", f"{path}/invoices", body))["id"] for _ in range(invoices)]


async def _is_all_read(books: Books, invoices: int) -> bool:
    known = await books.database.fetchval("SELECT count(*) FROM sync.invoice")
    left = await books.database.fetchval("SELECT count(*) FROM sync.connection WHERE status <> 'connected'")
    return bool(known == invoices and left == 0)


async def _are_done(books: Books, payments: int) -> bool:
    done = await books.database.fetchval("SELECT count(*) FROM sync.push WHERE state = 'done' AND kind = 'payment'")
    return bool(done == payments)


MEASURES = (push_latency, push_in_backfill, push_queue, push_fairness)
