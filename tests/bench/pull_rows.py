"""Reading all invoices: ours beside the peers, the limit of Postgres, and the latency of the line."""

import json
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median

from daemon.core.backfill import Feed
from tests.bench.daemon_run import Measured
from tests.bench.environments import AIRBYTE, DLT, PEERS, SDK, SINGER, Peer, python_of
from tests.bench.rows import Goal, Row, paired
from tests.bench.stand import Figures, Stand, opened_stand

LATENCY_S = 0.08
GROWTH = (1_000, 10_000, 100_000, 300_000, 1_000_000)


@dataclass(slots=True)
class Runs:
    """What came of several rounds; every list has one entry a round."""

    ours: list[Measured] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    peers: dict[str, list[Figures]] = field(default_factory=dict)

    def seconds(self) -> list[float]:
        return [run.seconds for run in self.ours]

    def peer_seconds(self, peer: Peer) -> list[float]:
        return [run.seconds for run in self.peers[peer.name]]


async def initial_sync(stand: Stand) -> list[Row]:
    """Read every invoice for the first time: rate, CPU, memory, and how long others in the process must wait."""
    runs = Runs(peers={peer.name: [] for peer in stand.scale.peers})
    last = ""
    for number in range(stand.scale.rounds):
        last = await stand.partner()
        runs.ours.append(await stand.ours(last, Feed.BACKFILL))
        runs.limit.append(await _limit(stand, last))
        for peer in stand.scale.peers if number < stand.scale.slow_rounds else (SDK,):
            runs.peers[peer.name].append(await stand.peer(peer, await stand.database()))
    orjson_s = await _orjson_s_a_page(stand)
    return [
        _rate_row(stand, runs),
        *_cpu_rows(stand, runs, orjson_s),
        Row(
            work="peak memory of an initial sync",
            unit="MB",
            ours=median(run.peak_mb for run in runs.ours),
            peers={name: median(run.peak_mb for run in found) for name, found in runs.peers.items()},
            goals=(Goal(sign="<=", bound=120, value=median(run.peak_mb for run in runs.ours)),),
        ),
        _late_row("another partner's deadline during an initial sync at full speed, p99", runs.ours),
    ]


def _rate_row(stand: Stand, runs: Runs) -> Row:
    seconds = runs.seconds()
    faster = {peer: paired(runs.peer_seconds(peer), seconds) for peer in stand.scale.peers}
    return Row(
        work="initial sync, invoices with 4 lines",
        unit="invoices/s",
        ours=stand.listed / median(seconds),
        peers={peer.name: stand.listed / median(runs.peer_seconds(peer)) for peer in stand.scale.peers},
        limit=stand.listed / median(runs.limit),
        goals=(
            Goal(sign=">=", bound=0.6, value=paired(runs.limit, seconds), of="of the limit"),
            Goal(sign=">=", bound=2, value=faster[SDK], of=f"x {SDK.name}"),
            Goal(sign=">=", bound=5, value=faster[DLT], of=f"x {DLT.name}"),
            Goal(sign=">=", bound=9, value=faster[SINGER], of=f"x {SINGER.name}"),
            Goal(sign=">=", bound=9, value=faster.get(AIRBYTE), of=f"x {AIRBYTE.name}"),
        ),
    )


def _cpu_rows(stand: Stand, runs: Runs, orjson_s: float) -> list[Row]:
    each = 100_000 / stand.listed
    ours = median(run.cpu_s for run in runs.ours) * each
    limit = orjson_s * 1_000
    return [
        Row(
            work="CPU of an initial sync",
            unit="s per 100,000",
            ours=ours,
            peers={name: median(run.cpu_s for run in found) * each for name, found in runs.peers.items()},
            limit=limit,
            goals=(
                Goal(sign="<=", bound=6, value=ours),
                Goal(sign="<=", bound=4, value=ours / limit, of="x orjson.loads"),
            ),
        )
    ]


def _late_row(work: str, runs: list[Measured]) -> Row:
    late = median(run.late_p99_ms for run in runs)
    return Row(work=work, unit="ms late", ours=late, goals=(Goal(sign="<=", bound=25, value=late),))


async def unchanged(stand: Stand) -> list[Row]:
    """Read every invoice again after nothing has changed."""
    name = await stand.partner()
    await stand.ours(name, Feed.BACKFILL)
    runs = [await stand.ours(name, Feed.CENSUS) for _ in range(stand.scale.rounds)]
    rate = stand.listed / median(run.seconds for run in runs)
    wal = median(run.wal_bytes for run in runs) / stand.listed
    rows_written = max(run.rows_written for run in runs)
    return [
        Row(
            work="unchanged full re-read",
            unit="invoices/s",
            ours=rate,
            peers={peer.name: stand.listed / seconds for peer, seconds in await _peers_again(stand)},
            goals=(Goal(sign=">=", bound=40_000, value=rate),),
        ),
        Row(
            work="CPU of an unchanged full re-read",
            unit="s per 100,000",
            ours=median(run.cpu_s for run in runs) * 100_000 / stand.listed,
        ),
        Row(
            work="WAL of an unchanged full re-read",
            unit="bytes/invoice",
            ours=wal,
            goals=(
                Goal(sign="<", bound=10, value=wal),
                Goal(sign="==", bound=0, value=rows_written, of="rows written"),
            ),
        ),
        _late_row("another partner's deadline during an unchanged re-read, p99", runs),
    ]


async def _peers_again(stand: Stand) -> list[tuple[Peer, float]]:
    found = []
    for peer in stand.scale.peers if stand.scale.rereads_by_peers else (SDK,):
        name = await stand.database()
        await stand.peer(peer, name)
        found.append((peer, (await stand.peer(peer, name)).seconds))
    return found


async def latency(stand: Stand) -> list[Row]:
    """Read every invoice when each answer takes 80 ms, with 4 and 8 pages asked for at once."""
    rows = []
    await stand.fault(LATENCY_S)
    for in_flight, goal in ((4, 0.9), (8, 0.85)):
        work = partial(stand.ours, feed=Feed.BACKFILL, pages_in_flight=in_flight)
        runs = [await work(await stand.partner()) for _ in range(stand.scale.slow_rounds)]
        bound_s = -(-stand.listed // 100) / in_flight * LATENCY_S
        seconds = median(run.seconds for run in runs)
        rows.append(
            Row(
                work=f"initial sync over a line of 80 ms, {in_flight} pages in flight",
                unit="invoices/s",
                ours=stand.listed / seconds,
                limit=stand.listed / bound_s,
                goals=(Goal(sign=">=", bound=goal, value=bound_s / seconds, of="of the latency's bound"),),
            )
        )
    await stand.fault(0)
    return rows


async def whole_account(stand: Stand) -> list[Row]:
    """Connect the large books: count, read all four listings, close, and compare every invoice with FreshBooks'."""
    name = await stand.partner()
    run = await stand.whole(name)
    differences = await stand.differences(name)
    work = f"from Pending to Connected, an account of {stand.scale.invoices:,} invoices"
    return [
        Row(work=work, unit="s", ours=run.seconds),
        Row(
            work="the same, peak memory",
            unit="MB",
            ours=run.peak_mb,
            goals=(Goal(sign="<=", bound=120, value=run.peak_mb),),
        ),
        Row(
            work="the same, invoices missing or not equal to the cent",
            unit="invoices",
            ours=differences,
            goals=(Goal(sign="==", bound=0, value=differences),),
        ),
    ]


async def growth(stand: Stand) -> list[Row]:
    """Read books of growing size for the first time and again: what one invoice costs must not grow with them."""
    rows = []
    for invoices in GROWTH:
        async with opened_stand(replace(stand.scale, invoices=invoices)) as grown:
            name = await grown.partner()
            first, again = await grown.ours(name, Feed.BACKFILL), await grown.ours(name, Feed.CENSUS)
        each = 100_000 / grown.listed
        work = f"books of {invoices:,} invoices, "
        rows += [
            Row(work=work + "CPU of the first sync", unit="s per 100,000", ours=first.cpu_s * each),
            Row(work=work + "CPU of a re-read", unit="s per 100,000", ours=again.cpu_s * each),
            Row(work=work + "re-read", unit="invoices/s", ours=grown.listed / again.seconds),
            Row(work=work + "peak memory of the first sync", unit="MB", ours=first.peak_mb),
            Row(work=work + "WAL of a re-read", unit="bytes/invoice", ours=again.wal_bytes / grown.listed),
        ]
    return rows


async def _limit(stand: Stand, source: str) -> float:
    target = await stand.database("migrated")
    arguments = ("-m", "tests.bench.limit_run", stand.server.dsn(source), stand.server.dsn(target))
    seconds: float = (await stand.run(stand.python, *arguments))["seconds"]
    return seconds


async def _orjson_s_a_page(stand: Stand) -> float:
    job = {"url": stand.greeting["base_url"], "token": stand.greeting["access_token"]}
    told = json.dumps({**job, "account": str(stand.scope.account_id)})
    seconds: float = (await stand.run(Path(python_of(SDK)), str(PEERS / "orjson_pages.py"), told))["cpu_s"]
    return seconds


MEASURES = (initial_sync, unchanged, latency)
FULL_ONLY = (whole_account, growth)
