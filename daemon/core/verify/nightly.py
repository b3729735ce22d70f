"""When a partner's books are verified without anybody asking, and what cannot have been read yet (T1)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.core.backfill import Cursor
from daemon.core.backoff import fraction
from daemon.core.model import PartnerId
from daemon.core.policy import VerifyPolicy


def next_verification(
    partner_id: PartnerId, since: datetime | None, timezone: str, policy: VerifyPolicy
) -> datetime | None:
    """Tell the first nightly turn after `since`: when the last verification began, or the partner connected.

    It lies in the past when it was missed. Nights are the business' own, and partners are spread over the window by a
    hash of their ids. None when there are no nightly ones, or nothing to count from.
    """
    if not policy.nightly or since is None:
        return None
    offset = timedelta(hours=policy.begin_hour) + policy.spread * fraction(f"{partner_id}:verify")
    day = (since.astimezone(ZoneInfo(timezone)) - offset).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1) + offset).astimezone(UTC)


CLOCKS_APART = timedelta(minutes=2)
"""So much FreshBooks' clock may be ahead of or behind ours."""


def unread_since(cursor: Cursor, interval: timedelta) -> datetime | None:
    """Tell since when changes in FreshBooks may not have been read; None when a feed never ran, so that all counts.

    A run under way may have passed a record just before it changed: then the run before it is what counts.
    """
    if cursor.began_at is None:
        return None
    is_over = cursor.finished_at is not None and cursor.finished_at >= cursor.began_at
    return cursor.began_at - CLOCKS_APART - (timedelta(0) if is_over else interval)


def seed_of(partner_id: PartnerId, now: datetime) -> int:
    """Make the seed of a quick verification's sample; stored with it, so that the sample can be drawn again."""
    return int(fraction(f"{partner_id}:{now.isoformat()}") * 2**62)
