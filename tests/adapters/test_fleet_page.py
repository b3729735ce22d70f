"""The fleet page: who is in trouble stands on top with the reason, and nothing is loaded from elsewhere."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web

from daemon.adapters.http.fleet_page import BOARD, SHOWN_MAX, FleetSeen, routes
from daemon.core.fleet import FleetRow
from daemon.core.model import IssueKind, PartnerId
from daemon.core.state import ConnectionStatus
from daemon.core.usage import Shares

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
WELL = FleetRow(
    partner_id=PartnerId("well"),
    name="Well & Co",
    status=ConnectionStatus.CONNECTED,
    last_success_at=NOW - timedelta(minutes=2),
    issues={IssueKind.OVERPAID: 2},
)


class Shown:
    """A board as a test tells it."""

    def __init__(self, seen: FleetSeen) -> None:
        self.told = seen

    def seen(self) -> FleetSeen:
        return self.told


@asynccontextmanager
async def served(seen: FleetSeen, place: Path) -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application()
    app[BOARD] = Shown(seen)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(place / "internal.sock")).start()
        connector = aiohttp.UnixConnector(str(place / "internal.sock"))
        async with aiohttp.ClientSession("http://internal", connector=connector) as client:
            yield client
    finally:
        await runner.cleanup()


async def shown(seen: FleetSeen, place: Path) -> tuple[str, Mapping[str, str]]:
    async with served(seen, place) as client, client.get("/fleet") as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers


def fleet(*rows: FleetRow, **more: object) -> FleetSeen:
    return FleetSeen(now=NOW, at=NOW - timedelta(seconds=9), rows=rows, **more)  # type: ignore[arg-type]


async def test_whoever_is_in_trouble_stands_on_top_with_the_reason(tmp_path: Path) -> None:
    parked = replace(WELL, partner_id=PartnerId("zed"), name="Zed", parked="the token was revoked")
    late = replace(WELL, partner_id=PartnerId("late"), oldest_unpushed_at=NOW - timedelta(minutes=20), unpushed=1)
    stale = replace(WELL, partner_id=PartnerId("stale"), last_success_at=NOW - timedelta(hours=3))
    crashed, busy = replace(WELL, partner_id=PartnerId("crashed")), replace(WELL, partner_id=PartnerId("busy"))
    seen = fleet(
        *(WELL, parked, late, stale, crashed, busy),
        stopped={crashed.partner_id: "crashed 6 times in 0:10:00: KeyError: 'x'"},
        shares={busy.partner_id: Shares(calls=0.95, creates=0.1)},
    )
    text, _ = await shown(seen, tmp_path)
    order = re.findall(r"<small>(\w+)</small>", text)
    assert order == ["busy", "crashed", "late", "stale", "zed", "well"]
    for sentence in (
        "Reconnect needed: the token was revoked",
        "A payment has been on its way for 20 min",
        "FreshBooks was last read 3 h ago",
        "Not restarted any more: crashed 6 times in 0:10:00: KeyError: &#39;x&#39;",
        "Its budget at FreshBooks is nearly used up",
        "<dt>In trouble</dt><dd>5</dd>",
        "<dt>Oldest payment on its way</dt><dd>20 min ago</dd>",
        "As of 9 s ago",
    ):
        assert sentence in text


async def test_a_partner_who_is_well_is_no_trouble_and_its_figures_show(tmp_path: Path) -> None:
    text, _ = await shown(fleet(WELL, shares={WELL.partner_id: Shares(calls=0.25, creates=0.5)}), tmp_path)
    assert "<dt>In trouble</dt><dd>0</dd>" in text
    assert "Well &amp; Co" in text
    assert re.search(r'data-name="Issues" class="number">2<', text)
    assert re.search(r'data-name="Calls" class="number">25%<', text)
    assert re.search(r'data-name="Last read">2 min ago<', text)


async def test_a_pending_partner_shows_its_progress_and_a_paused_one_that_it_is(tmp_path: Path) -> None:
    pending = replace(WELL, status=ConnectionStatus.PENDING, percent=42, last_success_at=None)
    paused = replace(WELL, partner_id=PartnerId("paused"), paused=True, last_success_at=None)
    text, _ = await shown(fleet(pending, paused), tmp_path)
    assert "Pending 42 %" in text
    assert "Paused" in text
    assert "<dt>In trouble</dt><dd>0</dd>" in text


async def test_nothing_comes_from_elsewhere_and_no_script_runs(tmp_path: Path) -> None:
    evil = replace(WELL, name="<script>alert(1)</script>")
    text, headers = await shown(fleet(evil), tmp_path)
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["fleet.css"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    async with served(fleet(WELL), tmp_path) as client, client.get("/fleet.css") as answer:
        assert (answer.status, answer.content_type) == (200, "text/css")
        assert "url(" not in await answer.text()


async def test_before_the_first_sample_and_without_partners_it_says_so(tmp_path: Path) -> None:
    assert "The daemon is starting." in (await shown(FleetSeen(now=NOW), tmp_path))[0]
    assert "No partner yet." in (await shown(fleet(), tmp_path))[0]


async def test_a_fleet_of_thousands_shows_those_in_trouble_and_how_many_are_left_out(tmp_path: Path) -> None:
    rows = [replace(WELL, partner_id=PartnerId(f"p{number:05}")) for number in range(SHOWN_MAX + 20)]
    rows[-1] = replace(rows[-1], parked="revoked")
    text, _ = await shown(fleet(*rows), tmp_path)
    assert text.count("<tr") == SHOWN_MAX + 1
    assert text.index("p00519") < text.index("p00000")
    assert "20 more" in text
