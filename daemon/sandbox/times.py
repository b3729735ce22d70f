"""FreshBooks' date and time texts: US/Eastern with daylight saving, UTC, and plain days (FB API s9)."""

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_offset_s_by_hour: dict[int, int] = {}


def _eastern_epoch_s(moment: datetime) -> int:
    """Seconds since 1970 on the Eastern wall clock; the offset is remembered per hour, for lists need it often."""
    epoch_s = int(moment.timestamp())
    hour = epoch_s // 3600
    offset_s = _offset_s_by_hour.get(hour)
    if offset_s is None:
        offset = moment.astimezone(EASTERN).utcoffset()
        offset_s = int(offset.total_seconds()) if offset is not None else 0
        _offset_s_by_hour[hour] = offset_s
    return epoch_s + offset_s


def eastern_text(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS` in America/New_York, as in `updated` and `created_at`."""
    days, second = divmod(_eastern_epoch_s(moment), 86_400)
    minute, second = divmod(second, 60)
    return f"{_day_text(days)} {minute // 60:02d}:{minute % 60:02d}:{second:02d}"


@cache
def _day_text(days: int) -> str:
    """`YYYY-MM-DD` of a day counted from 1970."""
    return date.fromordinal(days + _EPOCH_ORDINAL).isoformat()


def eastern_version(moment: datetime) -> str:
    """`eastern_text` with microseconds, as in an invoice's `version`."""
    return f"{eastern_text(moment)}.{moment.microsecond:06d}"


def utc_text(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS` in UTC, as in a client's `signup_date`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso_z(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, as in the identity answer and in callbacks."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.ffffffZ`, as in ledger accounts."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def eastern_ordinal(moment: datetime) -> int:
    """The Eastern calendar day of `moment` as a proleptic ordinal: the granularity of `updated_min`."""
    return _eastern_epoch_s(moment) // 86_400 + _EPOCH_ORDINAL


def eastern_day(moment: datetime) -> date:
    """The Eastern calendar day of `moment`, which decides what is overdue."""
    return date.fromordinal(eastern_ordinal(moment))


def parse_day(text: str) -> date | None:
    """A `YYYY-MM-DD` day, or None when `text` is not one."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-31") else None
    except ValueError:
        return None


def parse_moment(text: str) -> datetime | None:
    """An ISO 8601 moment (naive is taken as UTC), or None when `text` is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
