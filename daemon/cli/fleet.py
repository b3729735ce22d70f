"""`status`: reads how all partners stand from the database, as a table or as JSON."""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import anyio
import click
from rich.console import Console
from rich.table import Table

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres.fleet_store import FleetStore
from daemon.app.database import opened_pool
from daemon.core.backfill import Feed
from daemon.core.fleet import FleetRow
from daemon.settings import Settings

_WORDS: Final = {"not_connected": "not connected", "pending": "Pending", "connected": "Connected"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def show_fleet(settings: Settings, *, as_json: bool, every_s: float | None = None) -> None:
    """Print every partner's row once, or again and again. Raises StartRefused, StoreUnavailable."""
    with suppress(KeyboardInterrupt):
        anyio.run(_show, settings, as_json, every_s)


async def _show(settings: Settings, as_json: bool, every_s: float | None) -> None:  # noqa: FBT001 -- anyio.run passes them by place
    clock = SystemClock()
    async with opened_pool(settings) as pool:
        while True:
            rows, now = await FleetStore(pool).fleet(), clock.now()
            if every_s is not None and not as_json:
                click.clear()
            if as_json:
                for row in rows:
                    click.echo(json.dumps(row_as_json(row)))
            else:
                as_table(rows, now)
            if every_s is None:
                return
            sys.stdout.flush()
            await clock.sleep(every_s)


def row_as_json(row: FleetRow) -> dict[str, object]:
    """The row with times in ISO 8601 and UTC; None is what there is none of."""
    return {
        "partner": row.partner_id,
        "name": row.name,
        "status": row.status.value,
        "reconnect_needed": row.parked,
        "paused": row.paused,
        "percent": row.percent,
        "last_success_at": _iso(row.last_success_at),
        "feeds": {feed.value: _iso(row.succeeded_at.get(feed)) for feed in Feed},
        "running": sorted(feed.value for feed in row.running),
        "unpushed": row.unpushed,
        "oldest_unpushed_at": _iso(row.oldest_unpushed_at),
        "waiting": row.waiting,
        "owner": row.owner,
        "open_issues": {kind.value: count for kind, count in sorted(row.issues.items())},
    }


def as_table(rows: Sequence[FleetRow], now: datetime) -> None:
    """Print one line per partner, and a line for the fleet."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "Partner",
        "State",
        "Sync",
        "Payments",
        "Invoices",
        "Census",
        "To push",
        "Oldest",
        "Waiting",
        "Issues",
    ):
        table.add_column(title, justify="right" if title in {"Sync", "To push", "Waiting", "Issues"} else "left")
    for row in rows:
        table.add_row(*_cells(row, now))
    console = Console()
    console.print(table)
    parked = [row for row in rows if row.parked is not None]
    for row in parked:
        console.print(f"{row.partner_id}: reconnect needed: {row.parked}", style="yellow", markup=False)
    console.print(f"{len(rows)} partners, {sum(row.open_issues for row in rows)} open issues", style="dim")


def _cells(row: FleetRow, now: datetime) -> tuple[str, ...]:
    state = _WORDS[row.status.value]
    if row.parked is not None:
        state += ", reconnect needed"
    if row.paused:
        state += ", paused"
    feeds = (_feed(row, feed, now) for feed in (Feed.PAYMENTS, Feed.INVOICES, Feed.CENSUS))
    oldest = _ago(row.oldest_unpushed_at, now)
    return (row.partner_id, state, f"{row.percent} %", *feeds, *_counts(row, oldest))


def _counts(row: FleetRow, oldest: str) -> tuple[str, str, str, str]:
    return (str(row.unpushed), oldest, str(row.waiting), str(row.open_issues))


def _feed(row: FleetRow, feed: Feed, now: datetime) -> str:
    return "running" if feed in row.running else _ago(row.succeeded_at.get(feed), now)


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "-"
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h ago"
    return f"{seconds // _DAY} days ago"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
