"""How long a lease is trusted, and how many a process holds when partners are shared."""

from datetime import timedelta

import pytest

from daemon.core.leases import Census, LeasePolicy, shares_for, trusted_until


def test_a_lease_is_trusted_from_before_its_renewal_and_for_less_than_the_others_wait() -> None:
    policy = LeasePolicy(ttl=timedelta(seconds=5), margin=timedelta(seconds=1))
    assert trusted_until(100.0, policy) == 104.0


def test_who_is_quiet_has_no_share_for_more_than_a_renewal_before_its_lease_is_over() -> None:
    policy = LeasePolicy()
    assert shares_for(policy.ttl) == 2 * policy.renew_interval < policy.ttl - policy.margin


@pytest.mark.parametrize(("members", "partners", "share"), [(1, 13, 13), (3, 13, 5), (3, 9, 3), (0, 4, 4), (2, 0, 0)])
def test_partners_are_shared_fairly_and_one_process_carries_them_all(members: int, partners: int, share: int) -> None:
    assert Census(members=members, partners=partners).share == share
