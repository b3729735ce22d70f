"""FreshBooks' two budgets: never more calls in any window than allowed, whatever happens in between."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.policy import RatePolicy
from daemon.core.rate_limit import PAUSE_S, Budget, Priority, new_budget, retuned, take, throttled, wait_for

POLICY = RatePolicy()  # 600 calls and 250 creates in 60 s, bursts of 20
ROUNDING_S = 1e-6


def drawn(budget: Budget, count: int, now: float, *, create: bool = False) -> tuple[Budget, list[float]]:
    """Draw several calls at once and tell their waits."""
    waits = []
    for _ in range(count):
        budget, wait = take(budget, now, create=create)
        waits.append(wait)
    return budget, waits


# ---- one sentence at a time ------------------------------------------------------------------------------------------


def test_a_burst_goes_at_once_and_the_rest_at_an_even_rate() -> None:
    _, waits = drawn(new_budget(POLICY, 1000.0), 23, 1000.0)
    assert waits[:20] == [0.0] * 20
    assert waits[20:] == pytest.approx([60 / 580, 120 / 580, 180 / 580])


def test_a_create_draws_on_both_budgets_and_a_read_only_on_the_large_one() -> None:
    budget, _ = drawn(new_budget(POLICY, 0.0), 20, 0.0, create=True)
    assert wait_for(budget, 0.0, create=False) == pytest.approx(60 / 580)
    assert wait_for(budget, 0.0, create=True) == pytest.approx(60 / 230)
    budget, _ = drawn(new_budget(POLICY, 0.0), 20, 0.0)
    assert budget.creates == new_budget(POLICY, 0.0).creates


def test_asking_how_long_to_wait_draws_nothing() -> None:
    budget = new_budget(POLICY, 0.0)
    assert wait_for(budget, 0.0, create=True) == 0.0
    assert budget == new_budget(POLICY, 0.0)


def test_a_429_halves_the_rate_and_closes_the_budget_for_as_long_as_freshbooks_asked() -> None:
    budget = throttled(new_budget(POLICY, 0.0), 0.0, 30.0, create=False)
    assert budget.calls.rate == pytest.approx(budget.calls.full_rate / 2)
    assert wait_for(budget, 0.0, create=False) >= 30.0
    assert wait_for(budget, 29.0, create=False) >= 1.0
    assert wait_for(budget, 31.0, create=False) == 0.0


def test_a_429_without_retry_after_closes_the_budget_briefly() -> None:
    budget = throttled(new_budget(POLICY, 0.0), 0.0, None, create=False)
    assert wait_for(budget, 0.0, create=False) >= PAUSE_S


def test_429s_that_echo_one_excess_lower_the_rate_once() -> None:
    budget = new_budget(POLICY, 0.0)
    for _ in range(4):
        budget = throttled(budget, 0.0, 5.0, create=False)
    assert budget.calls.rate == pytest.approx(budget.calls.full_rate / 2)


def test_an_echo_never_opens_the_budget_sooner() -> None:
    budget = throttled(new_budget(POLICY, 0.0), 0.0, 30.0, create=False)
    assert wait_for(throttled(budget, 1.0, 2.0, create=False), 1.0, create=False) >= 29.0


def test_a_429_of_a_create_leaves_reads_alone() -> None:
    budget = throttled(new_budget(POLICY, 0.0), 0.0, 30.0, create=True)
    assert wait_for(budget, 0.0, create=False) == 0.0
    assert wait_for(budget, 0.0, create=True) >= 30.0


def test_the_rate_never_falls_below_its_floor() -> None:
    budget = new_budget(POLICY, 0.0)
    for second in range(0, 100, 10):
        budget = throttled(budget, float(second), None, create=False)
    assert budget.calls.rate == pytest.approx(budget.calls.full_rate * POLICY.floor_fraction, rel=0.5)
    assert budget.calls.rate >= budget.calls.full_rate * POLICY.floor_fraction


def test_the_rate_comes_back_a_hundredth_a_second_once_the_budget_is_open_again() -> None:
    budget = throttled(new_budget(POLICY, 0.0), 0.0, 60.0, create=False)
    for now, share in ((60.0, 0.5), (70.0, 0.6), (110.0, 1.0), (500.0, 1.0)):
        assert take(budget, now, create=False)[0].calls.rate == pytest.approx(budget.calls.full_rate * share)


def test_who_waits_as_told_while_the_rate_recovers_finds_the_call_ready() -> None:
    budget = new_budget(replace(POLICY, calls_per_window=2), 0.0)
    for second in range(0, 40, 2):
        budget = throttled(budget, float(second), None, create=False)
    told = wait_for(budget, 40.0, create=False)
    assert wait_for(budget, 40.0 + told + 1e-6, create=False) == 0.0


def test_no_later_call_is_let_go_before_an_earlier_one_when_the_rate_recovers() -> None:
    budget = throttled(new_budget(POLICY, 0.0), 0.0, None, create=False)
    budget, waits = drawn(budget, 300, 0.0)
    later, _ = take(budget, 20.0, create=False)
    assert take(later, 20.0, create=False)[1] + 20.0 >= max(waits)


def test_a_reload_keeps_what_was_spent_and_what_a_429_taught() -> None:
    budget, _ = drawn(new_budget(POLICY, 0.0), 20, 0.0)
    slower = retuned(throttled(budget, 0.0, None, create=False), replace(POLICY, calls_per_window=300), 1.0)
    assert slower.calls.full_rate == pytest.approx(280 / 60)
    assert slower.calls.rate == pytest.approx(slower.calls.full_rate / 2)
    assert wait_for(slower, 1.0, create=False) > 0


def test_a_larger_burst_after_a_reload_must_fill_up_first() -> None:
    budget = retuned(new_budget(POLICY, 0.0), replace(POLICY, burst=200), 0.0)
    assert drawn(budget, 21, 0.0)[1][20] > 0


def test_a_smaller_burst_after_a_reload_owes_what_the_larger_one_gave() -> None:
    budget, waits = drawn(new_budget(replace(POLICY, burst=300), 0.0), 300, 0.0)
    assert waits == [0.0] * 300
    _, waits = drawn(retuned(budget, POLICY, 0.0), 400, 0.0)
    assert sum(wait < 60 - ROUNDING_S for wait in waits) <= 300


def test_a_reload_that_changes_nothing_changes_nothing() -> None:
    budget, _ = drawn(new_budget(POLICY, 0.0), 40, 0.0)
    assert retuned(budget, POLICY, 0.0) == budget


def test_a_clock_that_steps_back_mints_nothing() -> None:
    budget, _ = drawn(new_budget(POLICY, 1000.0), 20, 1000.0)
    for now in (0.0, 1000.0, 500.0, 1000.0):
        assert wait_for(budget, now, create=False) > 0
        budget, _ = take(budget, now, create=False)
    assert budget.calls.tokens == 0.0


def test_who_is_more_urgent_compares_as_smaller() -> None:
    order = [Priority.TOKEN, Priority.PUSH, Priority.CHANGES, Priority.BACKFILL, Priority.VERIFY]
    assert sorted(Priority) == order


# ---- any window ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Gate:
    """A budget in use: when its calls were let go."""

    policy: RatePolicy
    now: float = 0.0
    budget: Budget = field(init=False)
    reads: list[float] = field(default_factory=list)
    creates: list[float] = field(default_factory=list)
    calls_max: int = 0
    creates_max: int = 0

    def __post_init__(self) -> None:
        self.budget = new_budget(self.policy, self.now)
        self.retune(self.policy)

    def retune(self, policy: RatePolicy) -> None:
        self.budget = retuned(self.budget, policy, self.now)
        self.calls_max = max(self.calls_max, policy.calls_per_window)
        self.creates_max = max(self.creates_max, policy.creates_per_window)

    def promise(self, count: int) -> None:
        """Many callers draw at once, and each goes when its wait is over."""
        for _ in range(count):
            self.budget, wait = take(self.budget, self.now, create=False)
            assert wait >= 0
            self.reads.append(self.now + wait)

    def go(self, count: int, *, create: bool) -> None:
        """One caller after the other waits for its turn and goes."""
        for _ in range(count):
            for _ in range(4):  # rounding may take a second look
                wait = wait_for(self.budget, self.now, create=create)
                assert wait >= 0
                if not wait:
                    break
                self.now += wait
            self.budget, wait = take(self.budget, self.now, create=create)
            assert wait == 0
            (self.creates if create else self.reads).append(self.now)

    def refuse(self, retry_after_s: float | None, *, create: bool) -> None:
        self.budget = throttled(self.budget, self.now, retry_after_s, create=create)


def busiest_window(times: list[float], window_s: float) -> int:
    ordered = sorted(times)
    return max((bisect_left(ordered, at + window_s - ROUNDING_S) - i for i, at in enumerate(ordered)), default=0)


POLICIES = st.builds(
    RatePolicy,
    calls_per_window=st.integers(1, 60),
    creates_per_window=st.integers(1, 25),
    window=st.just(timedelta(seconds=60)),
    burst=st.integers(1, 50),
    floor_fraction=st.floats(0.05, 1),
)
Act = Callable[[Gate], None]


def pass_time(seconds: float) -> Act:
    def do(gate: Gate) -> None:
        gate.now += seconds

    return do


PASSING = st.floats(0, 100).map(pass_time)
REFUSALS = st.builds(
    lambda seconds, create: lambda gate: gate.refuse(seconds, create=create),
    st.none() | st.floats(0, 70),
    st.booleans(),
)
RELOADS = POLICIES.map(lambda policy: lambda gate: gate.retune(policy))
PROMISES = st.integers(1, 60).map(lambda count: lambda gate: gate.promise(count))
GOING = st.builds(lambda count, create: lambda gate: gate.go(count, create=create), st.integers(1, 40), st.booleans())


@settings(max_examples=50, deadline=None)
@given(policy=POLICIES, script=st.lists(st.one_of(PASSING, PROMISES, PROMISES, REFUSALS, RELOADS), max_size=20))
def test_no_window_sees_more_reads_than_allowed_when_callers_are_told_how_long_to_wait(
    policy: RatePolicy, script: list[Act]
) -> None:
    gate = Gate(policy)
    for do in script:
        do(gate)
    assert busiest_window(gate.reads, 60) <= gate.calls_max
    assert gate.reads == sorted(gate.reads)


@settings(max_examples=50, deadline=None)
@given(policy=POLICIES, script=st.lists(st.one_of(PASSING, GOING, GOING, REFUSALS, RELOADS), max_size=20))
def test_no_window_sees_more_calls_or_creates_than_allowed_when_callers_go_one_by_one(
    policy: RatePolicy, script: list[Act]
) -> None:
    gate = Gate(policy)
    for do in script:
        do(gate)
    assert busiest_window([*gate.reads, *gate.creates], 60) <= gate.calls_max
    assert busiest_window(gate.creates, 60) <= gate.creates_max


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.floats(-500, 500), st.integers(0, 30)), max_size=20))
def test_a_clock_that_jumps_about_never_gives_more_than_its_furthest_reading_allows(
    steps: list[tuple[float, int]],
) -> None:
    budget, now, furthest, granted = new_budget(POLICY, 0.0), 0.0, 0.0, 0
    for jump, count in steps:
        now += jump
        furthest = max(furthest, now)
        for _ in range(count):
            budget, wait = take(budget, now, create=False)
            assert wait >= 0
            granted += wait == 0.0
    assert granted <= 20 + furthest * 580 / 60 + ROUNDING_S
