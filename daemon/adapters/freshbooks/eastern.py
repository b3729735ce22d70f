"""FreshBooks' US/Eastern time texts as aware UTC, with the repeated autumn hour told apart (P9, FB API s9)."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
_TEXT_CHARS = len("2026-01-31 12:00:00")


def parse_eastern(text: str) -> tuple[datetime, bool]:
    """Read `YYYY-MM-DD HH:MM:SS[.ffffff]` in America/New_York and tell whether it is ambiguous.

    In the hour that autumn repeats, the earlier reading is given and the flag is True: the caller must not order by it.
    A text that carries an offset of its own, or a Z, is taken by its word. Raises ValueError for anything else.
    """
    if len(text) < _TEXT_CHARS:
        message = f"no time: {text[:40]!r}"
        raise ValueError(message)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC), False
    offset = _offset_of(moment.date())
    if offset is None:
        first, second = _offset_at(moment), _offset_at(moment.replace(fold=1))
        return moment.replace(tzinfo=UTC) - first, first > second
    return moment.replace(tzinfo=UTC) - offset, False


def eastern_day(moment: datetime) -> str:
    """Tell the US/Eastern day of a moment as `YYYY-MM-DD`: the granularity of `updated_min` (FB API s4.2)."""
    return moment.astimezone(EASTERN).date().isoformat()


@lru_cache(maxsize=8192)
def _offset_of(day: date) -> timedelta | None:
    """Tell the zone's offset on a day, None on one on which it changes; one look-up serves all that a day holds."""
    first, last = _offset_at(datetime.combine(day, time.min)), _offset_at(datetime.combine(day, time.max))
    return first if first == last else None


def _offset_at(wall: datetime) -> timedelta:
    offset = wall.replace(tzinfo=EASTERN).utcoffset()
    if offset is None:
        message = f"no offset at {wall}"
        raise ValueError(message)
    return offset
