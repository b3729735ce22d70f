"""What a reload of the settings does to a supervisor: to a run in progress, to what is due, and to many at once."""

from dataclasses import replace
from datetime import timedelta

from daemon.core import events
from daemon.core.backfill import Feed
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.state import Lane, cursor_of
from tests.core.supervisors import NOW, POLICY, in_flight, minutes, running, settled, step_syncing, with_cursors


def test_a_shorter_interval_acts_at_once_and_a_longer_one_too() -> None:
    for interval in (minutes(20), timedelta(days=1)):
        policy = replace(POLICY, pull=replace(POLICY.pull, invoices_interval=interval))
        after, _ = step_syncing(settled(), events.PolicyChanged(), policy=policy)
        assert cursor_of(after, Feed.INVOICES).due_at == NOW - minutes(10) + interval


def test_a_reload_leaves_a_run_in_progress_alone() -> None:
    run = running(Feed.INVOICES)
    policy = Policy(pull=replace(POLICY.pull, page_size=10, invoices_interval=minutes(1)))
    after, _ = step_syncing(in_flight(with_cursors(settled(), run), Lane.PULL), events.PolicyChanged(), policy=policy)
    assert cursor_of(after, Feed.INVOICES) == run


def test_a_reload_brings_the_chart_of_accounts_the_doorbells_and_the_refresh_forward() -> None:
    pull = replace(POLICY.pull, accounts_interval=minutes(7), callbacks_interval=minutes(8))
    policy = replace(POLICY, token_refresh_margin=minutes(30), pull=pull)
    state = settled(refresh_at=NOW + minutes(55), token_until=NOW + minutes(60))
    after, _ = step_syncing(state, events.PolicyChanged(), policy=policy)
    assert after.schedule.accounts_at == NOW + minutes(7)
    assert after.schedule.callbacks_at == NOW + minutes(8)
    assert after.schedule.refresh_at == NOW + minutes(45)


def test_a_reload_of_many_makes_each_look_for_work_in_its_own_time() -> None:
    later = NOW + minutes(10)
    looks = set()
    for number in range(20):
        state = settled(push_at=later, verify_at=later)
        state = replace(state, scope=replace(state.scope, partner_id=PartnerId(f"partner-{number}")))
        state = replace(state, connection=replace(state.connection, scope=state.scope))
        after, effects = step_syncing(state, events.PolicyChanged(spread=minutes(3)))
        assert effects == []
        assert after.schedule.push_at == after.schedule.verify_at
        assert after.schedule.push_at is not None
        assert NOW <= after.schedule.push_at < NOW + minutes(3)
        looks.add(after.schedule.push_at)
    assert len(looks) == 20


def test_a_reload_of_many_postpones_nothing_that_is_due_sooner() -> None:
    soon = NOW + timedelta(microseconds=1)
    after, _ = step_syncing(settled(push_at=soon, verify_at=soon), events.PolicyChanged(spread=minutes(3)))
    assert (after.schedule.push_at, after.schedule.verify_at) == (soon, soon)


def test_a_reload_asks_a_push_under_way_to_look_again() -> None:
    after, _ = step_syncing(in_flight(settled(), Lane.PUSH), events.PolicyChanged(spread=minutes(3)))
    assert after.lanes.push.asked


def test_a_reload_does_not_postpone_a_refresh_that_is_due() -> None:
    state = in_flight(settled(refresh_at=NOW, token_until=None), Lane.AUTH)
    after, _ = step_syncing(state, events.PolicyChanged())
    assert after.schedule.refresh_at == NOW
