"""Which of two reads of one FreshBooks object is the newer: a stale read never overwrites a newer one (P9)."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from daemon.core.model import Reading


class Freshness(enum.Enum):
    """What a read is, compared with the stored one."""

    NEWER = "newer"
    OLDER = "older"
    TIE = "tie"
    """Cannot be told: equal content is the same state, different content asks for another read of the object (P9)."""


class Dated(Protocol):
    """What FreshBooks tells about the time of a record's last change: any of our read or stored records."""

    @property
    def updated_at(self) -> datetime:
        """The last change, aware UTC."""
        ...

    @property
    def updated_is_ambiguous(self) -> bool:
        """Whether the text was in the repeated autumn hour, so that the true time may be an hour later."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMark:
    """What dates a read of an object: FreshBooks' `updated` and `version` (invoices only), and when the request ran."""

    updated_at: datetime
    reading: Reading
    updated_is_ambiguous: bool = False
    version: str = ""


def mark_of(record: Dated, reading: Reading, version: str = "") -> ReadMark:
    """Take the dates of a record as one reading showed it."""
    return ReadMark(
        updated_at=record.updated_at,
        updated_is_ambiguous=record.updated_is_ambiguous,
        version=version,
        reading=reading,
    )


def freshness(stored: ReadMark, read: ReadMark) -> Freshness:
    """Tell whether a read is newer or older than the stored one, or that it cannot be told (P9).

    A request begun after the stored read finished wins. Requests that overlapped are ordered by `updated` and, within
    its one second, by `version`; neither orders anything inside the repeated autumn hour of US/Eastern text (FB API
    s9).
    """
    if read.reading.began_at > stored.reading.finished_at:
        return Freshness.NEWER
    ambiguous = stored.updated_is_ambiguous or read.updated_is_ambiguous
    apart = read.updated_at - stored.updated_at
    if ambiguous and abs(apart) <= REPEATED_HOUR:
        return Freshness.TIE
    if apart:
        return Freshness.NEWER if apart > timedelta(0) else Freshness.OLDER
    if not (stored.version and read.version) or stored.version == read.version:
        return Freshness.TIE
    return Freshness.NEWER if read.version > stored.version else Freshness.OLDER


REPEATED_HOUR = timedelta(hours=1)
