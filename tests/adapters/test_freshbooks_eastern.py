"""FreshBooks' US/Eastern texts as points in time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.adapters.freshbooks.eastern import eastern_day, parse_eastern

EASTERN = ZoneInfo("America/New_York")
MOMENTS = st.datetimes(min_value=datetime(2007, 3, 12), max_value=datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def written(moment: datetime) -> str:
    """The way FreshBooks writes a moment (FB API s9)."""
    return moment.astimezone(EASTERN).strftime("%Y-%m-%d %H:%M:%S")


@given(MOMENTS)
def test_every_moment_outside_the_repeated_hour_is_read_as_it_was_written(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)

    read, ambiguous = parse_eastern(written(moment))

    if ambiguous:
        assert moment - read in (timedelta(0), timedelta(hours=1))
    else:
        assert read == moment


@given(MOMENTS)
def test_an_hour_is_ambiguous_exactly_when_two_moments_are_written_alike(moment: datetime) -> None:
    twins = [other for other in (moment - timedelta(hours=1), moment + timedelta(hours=1))
             if written(other) == written(moment)]  # fmt: skip

    assert parse_eastern(written(moment))[1] is bool(twins)


@pytest.mark.parametrize(
    ("text", "utc", "ambiguous"),
    [
        ("2026-11-01 00:59:59", datetime(2026, 11, 1, 4, 59, 59, tzinfo=UTC), False),
        ("2026-11-01 01:00:00", datetime(2026, 11, 1, 5, 0, 0, tzinfo=UTC), True),
        ("2026-11-01 01:59:59", datetime(2026, 11, 1, 5, 59, 59, tzinfo=UTC), True),
        ("2026-11-01 02:00:00", datetime(2026, 11, 1, 7, 0, 0, tzinfo=UTC), False),
        ("2026-03-08 01:59:59", datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC), False),
        ("2026-03-08 03:00:00", datetime(2026, 3, 8, 7, 0, 0, tzinfo=UTC), False),
        ("2026-07-04 12:49:08", datetime(2026, 7, 4, 16, 49, 8, tzinfo=UTC), False),
        ("2026-07-04 12:49:08.123456", datetime(2026, 7, 4, 16, 49, 8, 123456, tzinfo=UTC), False),
        ("2026-07-04T12:49:08Z", datetime(2026, 7, 4, 12, 49, 8, tzinfo=UTC), False),
        ("2026-11-01T01:30:00Z", datetime(2026, 11, 1, 1, 30, 0, tzinfo=UTC), False),
    ],
)
def test_the_edges_of_daylight_saving_are_read_right(text: str, utc: datetime, ambiguous: bool) -> None:
    assert parse_eastern(text) == (utc, ambiguous)


def test_an_hour_that_spring_leaves_out_is_read_as_standard_time() -> None:
    assert parse_eastern("2026-03-08 02:30:00") == (datetime(2026, 3, 8, 7, 30, tzinfo=UTC), False)


@pytest.mark.parametrize(
    "text", ["", "2026-07-04", "yesterday at the office", "2026-13-01 00:00:00", "2026-07-04 24:61:00"]
)
def test_what_is_no_time_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_eastern(text)


@given(MOMENTS)
def test_the_eastern_day_is_the_day_that_freshbooks_writes(moment: datetime) -> None:
    assert eastern_day(moment) == written(moment)[:10]
