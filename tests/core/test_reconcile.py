"""Desired against running."""

from daemon.core.model import PartnerId
from daemon.core.policy import Policy, PullPolicy
from daemon.core.reconcile import Plan, plan
from tests.core.supervisors import minutes

OLD = Policy()
NEW = Policy(pull=PullPolicy(payments_interval=minutes(1)))
A, B, C = PartnerId("a"), PartnerId("b"), PartnerId("c")


def test_who_is_new_is_started_who_is_gone_is_stopped_and_who_stays_is_retuned() -> None:
    found = plan({A, B}, {B: OLD, C: OLD}, NEW)
    assert found == Plan(starts=frozenset({A}), stops=frozenset({C}), retunes=frozenset({B}))


def test_a_reload_that_changes_nothing_leaves_everyone_alone() -> None:
    nothing: frozenset[PartnerId] = frozenset()
    assert plan({A, B}, {A: OLD, B: Policy()}, OLD) == Plan(starts=nothing, stops=nothing, retunes=nothing)


def test_only_those_under_another_policy_are_retuned() -> None:
    assert plan({A, B}, {A: OLD, B: NEW}, NEW).retunes == {A}
