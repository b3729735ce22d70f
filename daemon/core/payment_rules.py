"""How a platform payment is recorded in FreshBooks: its fields, and every decision about its push (W1-W5, W7, W8)."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from daemon.core.markers import marker, markers_in, note_for
from daemon.core.places import Place, PlaceKind, place
from daemon.core.push_guard import Adopt, Cancel, GuardVerdict, Post, Stop, Wait, guard
from daemon.core.push_outcomes import (
    Absent,
    Ambiguous,
    Found,
    LookupVerdict,
    after_failure,
    after_guard,
    after_lookup,
    after_post,
    lookup,
    own_record,
)
from daemon.core.write_back import Failure

__all__ = [
    "Absent",
    "Adopt",
    "Ambiguous",
    "Cancel",
    "Failure",
    "Found",
    "GuardVerdict",
    "LookupVerdict",
    "Place",
    "PlaceKind",
    "Post",
    "Stop",
    "Wait",
    "after_failure",
    "after_guard",
    "after_lookup",
    "after_post",
    "guard",
    "lookup",
    "marker",
    "markers_in",
    "note_for",
    "own_record",
    "payment_date",
    "payment_type",
    "place",
]

_TYPES: Final = {"card": "Credit Card", "ach": "ACH", "bank_transfer": "Bank Transfer"}


def payment_type(method: str) -> str:
    """Map the platform's method to FreshBooks' payment type (W7, FB API s3.4)."""
    return _TYPES.get(method.strip().lower().replace(" ", "_").replace("-", "_"), "Other")


def payment_date(initiated_at: datetime, timezone: str) -> date:
    """Tell the day of the initiation where the business is (W1). `timezone` is an IANA name."""
    return initiated_at.astimezone(ZoneInfo(timezone)).date()
