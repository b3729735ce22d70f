"""The shares of FreshBooks' budgets that are in use."""

from datetime import timedelta

import pytest

from daemon.core.policy import RatePolicy
from daemon.core.usage import Shares, Usage, counted, shares

POLICY = RatePolicy(calls_per_window=600, creates_per_window=250, window=timedelta(minutes=1))


def steady(per_s: float, seconds: int, *, create: bool = False) -> tuple[Usage, float]:
    usage, now = Usage(), 0.0
    for _ in range(int(per_s * seconds)):
        now += 1 / per_s
        usage = counted(usage, POLICY, now, create=create)
    return usage, now


@pytest.mark.parametrize(("per_s", "share"), [(1, 0.1), (5, 0.5), (10, 1.0)])
def test_a_steady_rate_shows_as_its_share_of_the_budget(per_s: float, share: float) -> None:
    usage, now = steady(per_s, 600)
    assert shares(usage, POLICY, now).calls == pytest.approx(share, rel=0.05)
    assert shares(usage, POLICY, now).creates == 0


def test_a_create_counts_in_both_budgets() -> None:
    usage, now = steady(2, 600, create=True)
    found = shares(usage, POLICY, now)
    assert found.calls == pytest.approx(0.2, rel=0.05)
    assert found.creates == pytest.approx(0.48, rel=0.05)


def test_a_quiet_partner_uses_nothing_and_an_old_clock_reading_adds_nothing() -> None:
    assert shares(Usage(), POLICY, 1e9) == Shares()
    usage, now = steady(10, 60)
    assert shares(usage, POLICY, now + 600).calls < 0.001
    assert shares(usage, POLICY, now - 600) == shares(usage, POLICY, now)
