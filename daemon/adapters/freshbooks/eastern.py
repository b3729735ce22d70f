"""FreshBooks' US/Eastern time texts as aware UTC, with the repeated autumn hour told apart (P9, FB API s9)."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
_HOUR_CHARS = len("2026-01-31 12")
_TEXT_CHARS = len("2026-01-31 12:00:00")


def parse_eastern(text: str) -> tuple[datetime, bool]:
    """Read `YYYY-MM-DD HH:MM:SS[.ffffff]` in America/New_York and tell whether it is ambiguous.

    In the hour that autumn repeats, the earlier reading is given and the flag is True: the caller must not order by it.
    A text that carries an offset of its own, or a Z, is taken by its word. Raises ValueError for anything else.
    """
    if len(text) < _TEXT_CHARS:
        message = f"no time: {text[:40]!r}"
        raise ValueError(message)
    offset, ambiguous = _offset(text[:_HOUR_CHARS])
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC), False
    return moment.replace(tzinfo=UTC) - offset, ambiguous


def eastern_day(moment: datetime) -> str:
    """Tell the US/Eastern day of a moment as `YYYY-MM-DD`: the granularity of `updated_min` (FB API s4.2)."""
    return moment.astimezone(EASTERN).date().isoformat()


@lru_cache(maxsize=8192)
def _offset(hour: str) -> tuple[timedelta, bool]:
    """Tell the zone's offset in an hour of its wall clock; offsets change on the hour, so one look-up serves it all."""
    local = datetime.fromisoformat(hour).replace(tzinfo=EASTERN)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or second is None:
        message = f"no offset at {hour!r}"
        raise ValueError(message)
    return first, first > second
