"""What the FreshBooks module shows, worked out from its row: status, progress, ETA, each item's last and next sync."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.adapters.http import wording
from daemon.adapters.http.rendering import span
from daemon.adapters.http.wording import Standing
from daemon.core.backfill import Feed
from daemon.core.desk import FeedProgress, Module
from daemon.core.state import ConnectionStatus

_MINUTE = timedelta(minutes=1)
_FEW_MINUTES = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_PAGES_FOR_AN_ETA = 3
_TELLABLE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the initial sync has come (C3). `left` is the expected time to its end, None while nobody can say."""

    percent: int
    stage: str
    left: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncItem:
    """One row of the table of synced items: when it was last in step, and when it will be looked at again."""

    name: str
    direction: str
    frequency: str
    last_at: datetime | None
    next_at: datetime | None
    is_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleView:
    """The module as the page shows it."""

    standing: Standing
    is_connected: bool
    needs_reconnect: bool
    progress: Progress | None
    items: tuple[SyncItem, ...]


_STANDINGS = {
    ConnectionStatus.NOT_CONNECTED: Standing(label="Not connected", tone=wording.QUIET),
    ConnectionStatus.PENDING: Standing(label="Pending", tone=wording.BUSY),
    ConnectionStatus.CONNECTED: Standing(label="Connected", tone=wording.OK),
}


def view_module(module: Module, now: datetime) -> ModuleView:
    """Work out what the module shows now."""
    feeds = {feed.feed: feed for feed in module.feeds}
    pending = module.status is ConnectionStatus.PENDING
    return ModuleView(
        standing=Standing(label="Disconnecting", tone=wording.BUSY)
        if module.disconnecting
        else _STANDINGS[module.status],
        is_connected=module.status is ConnectionStatus.CONNECTED,
        needs_reconnect=module.parked_reason is not None,
        progress=_progress(feeds, now) if pending else None,
        items=tuple(_item(name, direction, feeds.get(feed)) for name, direction, feed in wording.SYNC_ITEMS),
    )


def _progress(feeds: dict[Feed, FeedProgress], now: datetime) -> Progress:
    backfill = feeds.get(Feed.BACKFILL)
    if backfill is None:
        return Progress(percent=0, stage="About to begin", left=None)
    if backfill.pages_done and not backfill.stage:
        return Progress(percent=99, stage="Checking that nothing changed meanwhile", left=None)
    # 100 % is shown only after the closing pass found nothing new, and by then the module is connected.
    return Progress(percent=min(backfill.percent, 99), stage=_stage(backfill.stage), left=_time_left(backfill, now))


def _stage(listing: str) -> str:
    """What is read now, in words: "invoices, deleted" becomes "Reading deleted invoices"."""
    what, _, which = listing.partition(", ")
    return f"Reading {which} {what}".replace("  ", " ") if what else ""


def _time_left(feed: FeedProgress, now: datetime) -> timedelta | None:
    if feed.began_at is None or feed.pages_done < _PAGES_FOR_AN_ETA or feed.pages_expected <= feed.pages_done:
        return None
    left = (now - feed.began_at) / feed.pages_done * (feed.pages_expected - feed.pages_done)
    return left if left >= _TELLABLE else None


def _item(name: str, direction: str, feed: FeedProgress | None) -> SyncItem:
    if feed is None:
        return SyncItem(name=name, direction=direction, frequency="", last_at=None, next_at=None, is_running=False)
    is_running = feed.began_at is not None and (feed.finished_at is None or feed.began_at > feed.finished_at)
    return SyncItem(
        name=name,
        direction=direction,
        frequency=_frequency(feed),
        last_at=feed.finished_at,
        next_at=feed.due_at,
        is_running=is_running,
    )


def _frequency(feed: FeedProgress) -> str:
    if feed.due_at is None or feed.began_at is None:
        return ""
    interval = feed.due_at - feed.began_at
    if interval < _MINUTE:
        return f"Every {span(interval)}"
    if interval <= _FEW_MINUTES:
        return "Few minutes"
    return "Hourly" if interval <= _HOUR else f"Every {round(interval / _HOUR)} hours"
