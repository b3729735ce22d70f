"""When a partner's books are verified, and what a verification says in the end (T1)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.core.backfill import Cursor, Feed
from daemon.core.model import PartnerId
from daemon.core.policy import VerifyPolicy
from daemon.core.verify import (
    EXAMPLES_MAX,
    FINDINGS_MAX,
    Drift,
    DriftKind,
    Judgement,
    Outcome,
    Report,
    Rule,
    Ruled,
    add,
    next_verification,
    outcome_of,
    seed_of,
    unread_since,
    with_read,
)
from tests.builders import NOW

# ---- the report ------------------------------------------------------------------------------------------------------


def test_a_report_counts_everything_and_keeps_the_first_of_each() -> None:
    drift = Drift(kind=DriftKind.DIFFERENT, subject=("invoices", "1"), detail="x")
    ruled = Ruled(rule=Rule.P6, subject=("invoices", "1"), detail="x")
    report = Report()
    for _ in range(FINDINGS_MAX + 3):
        report = add(report, Judgement(drifts=(drift,), ruled=(ruled,)))
    assert (report.drifted, len(report.drifts)) == (FINDINGS_MAX + 3, FINDINGS_MAX)
    assert (report.rules, len(report.examples)) == ({"P6": FINDINGS_MAX + 3}, EXAMPLES_MAX)
    assert with_read(with_read(report, "invoices", 2), "invoices", 3).read == {"invoices": 5}


def test_drift_goes_before_what_could_not_be_compared_and_that_before_equal() -> None:
    drift = Judgement(drifts=(Drift(kind=DriftKind.DIFFERENT, subject=("invoices", "1"), detail="x"),))
    assert outcome_of(Report()) is Outcome.EQUAL
    assert outcome_of(Report(unread=("x",))) is Outcome.UNCHECKED
    assert outcome_of(add(Report(), Judgement(unsettled=True))) is Outcome.UNCHECKED
    assert outcome_of(add(Report(unread=("x",)), drift)) is Outcome.DRIFT


# ---- nights ----------------------------------------------------------------------------------------------------------


def test_nights_are_the_business_own_and_spread_over_the_window() -> None:
    policy = VerifyPolicy(begin_hour=1, spread=timedelta(hours=4))
    since = datetime(2026, 3, 2, 17, tzinfo=UTC)
    turns = {next_verification(PartnerId(f"p{n}"), since, "America/New_York", policy) for n in range(50)}
    first, last = datetime(2026, 3, 3, 6, tzinfo=UTC), datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert all(turn is not None and first <= turn < last for turn in turns)
    assert len(turns) == 50


def test_a_night_follows_the_one_before_and_a_missed_one_lies_in_the_past() -> None:
    policy = VerifyPolicy(begin_hour=1, spread=timedelta(0))
    turn = datetime(2026, 3, 3, 6, tzinfo=UTC)
    partner = PartnerId("p")
    assert next_verification(partner, turn - timedelta(seconds=1), "America/New_York", policy) == turn
    assert next_verification(partner, turn, "America/New_York", policy) == turn + timedelta(days=1)
    assert next_verification(partner, None, "America/New_York", policy) is None
    assert next_verification(partner, turn, "America/New_York", replace(policy, nightly=False)) is None


def test_changes_since_the_last_look_began_may_be_unread() -> None:
    began = NOW - timedelta(minutes=5)
    over = Cursor(feed=Feed.PAYMENTS, began_at=began, finished_at=NOW)
    hour = timedelta(hours=1)
    assert unread_since(over, hour) == began - timedelta(minutes=2)
    assert unread_since(replace(over, finished_at=None), hour) == began - timedelta(minutes=2) - hour
    assert unread_since(Cursor(feed=Feed.PAYMENTS), hour) is None


def test_a_sample_is_drawn_with_a_seed_of_its_own() -> None:
    seeds = {seed_of(PartnerId("p"), NOW + timedelta(seconds=n)) for n in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**62 for seed in seeds)
