"""What a payment looks like in FreshBooks (W1, W7)."""

from datetime import UTC, date, datetime

import pytest

from daemon.core.payment_rules import payment_date, payment_type


@pytest.mark.parametrize(
    ("method", "type_"),
    [
        ("card", "Credit Card"),
        ("Card", "Credit Card"),
        ("ach", "ACH"),
        ("ACH", "ACH"),
        ("bank_transfer", "Bank Transfer"),
        ("bank transfer", "Bank Transfer"),
        ("bank-transfer", "Bank Transfer"),
        ("wire", "Other"),
        ("", "Other"),
    ],
)
def test_the_method_maps_to_freshbooks_payment_types(method: str, type_: str) -> None:
    assert payment_type(method) == type_


@pytest.mark.parametrize(
    ("initiated_at", "timezone", "day"),
    [
        (datetime(2025, 11, 12, 4, 59, tzinfo=UTC), "America/New_York", date(2025, 11, 11)),
        (datetime(2025, 11, 12, 5, 0, tzinfo=UTC), "America/New_York", date(2025, 11, 12)),
        (datetime(2025, 7, 12, 4, 0, tzinfo=UTC), "America/New_York", date(2025, 7, 12)),
        (datetime(2025, 11, 12, 15, 0, tzinfo=UTC), "Pacific/Auckland", date(2025, 11, 13)),
        (datetime(2026, 1, 1, 7, 59, tzinfo=UTC), "America/Los_Angeles", date(2025, 12, 31)),
    ],
)
def test_the_date_is_the_initiations_day_in_the_business_time_zone(
    initiated_at: datetime, timezone: str, day: date
) -> None:
    assert payment_date(initiated_at, timezone) == day
