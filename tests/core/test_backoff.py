"""How long to wait after failures."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.backoff import backoff_delay, fraction
from daemon.core.policy import BackoffPolicy

POLICY = BackoffPolicy(first=timedelta(seconds=1), maximum=timedelta(minutes=5), factor=2.0)
DURATIONS = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=30))
KEYS = st.text("aZ09:-_ é漢", max_size=9)
POLICIES = st.builds(BackoffPolicy, first=DURATIONS, maximum=DURATIONS, factor=st.floats(1, 10))


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (99, 300)])
def test_the_delay_doubles_up_to_its_maximum_less_a_jitter_of_a_quarter(failures: int, seconds: int) -> None:
    delay = backoff_delay(failures, "acme:pull", POLICY)
    assert timedelta(seconds=seconds) * 3 / 4 <= delay <= timedelta(seconds=seconds)


@settings(max_examples=40, deadline=None)
@given(failures=st.integers(0, 10_000), key=KEYS, policy=POLICIES)
def test_any_policy_and_any_count_give_a_delay_between_zero_and_the_maximum(
    failures: int, key: str, policy: BackoffPolicy
) -> None:
    assert timedelta(0) < backoff_delay(failures, key, policy) <= policy.maximum


def test_partners_that_fail_together_do_not_come_back_together() -> None:
    delays = {backoff_delay(5, f"partner-{number}:pull", POLICY) for number in range(100)}
    assert len(delays) == 100


def test_the_same_partner_and_count_wait_equally_long() -> None:
    assert backoff_delay(5, "acme:pull", POLICY) == backoff_delay(5, "acme:pull", POLICY)
    assert backoff_delay(5, "acme:pull", POLICY) != backoff_delay(5, "acme:push", POLICY)


def test_freshbooks_retry_after_is_a_floor_and_no_ceiling() -> None:
    asked = timedelta(minutes=20)
    assert backoff_delay(1, "acme:pull", POLICY, asked) == asked
    assert backoff_delay(9, "acme:pull", POLICY, timedelta(seconds=1)) == backoff_delay(9, "acme:pull", POLICY)


@settings(max_examples=40, deadline=None)
@given(KEYS)
def test_a_fraction_is_at_least_zero_and_below_one(key: str) -> None:
    assert 0 <= fraction(key) < 1


def test_fractions_are_spread_evenly() -> None:
    counts = [0] * 10
    for number in range(2000):
        counts[int(fraction(f"partner-{number}") * 10)] += 1
    assert min(counts) > 150
