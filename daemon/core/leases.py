"""Which process works for which partner: how long a lease is trusted, and how many a process should hold."""

from dataclasses import dataclass
from datetime import timedelta

from daemon.core.model import PartnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePolicy:
    """A process that is not heard of for `ttl` is given up by the others; it gives itself up `margin` earlier.

    Leases are moved in lots of `batch`, and looked at every `census_interval` even when nothing seems to have changed.
    """

    ttl: timedelta = timedelta(seconds=5)
    renew_interval: timedelta = timedelta(seconds=1)
    margin: timedelta = timedelta(seconds=1)
    census_interval: timedelta = timedelta(seconds=10)
    batch: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write for a partner under this epoch; `taken_over` from a process that is gone."""

    partner_id: PartnerId
    epoch: int
    taken_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy:
    """A partner that can be taken, with the last epoch it was held under; `deserted` by a process that is gone."""

    partner_id: PartnerId
    epoch: int
    deserted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """How many processes are not given up, and how many of them share: while it stays the same, nobody came or went."""

    living: int
    sharing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many processes share how many partners."""

    members: int
    partners: int

    @property
    def share(self) -> int:
        """What one process holds when all hold equally many; one alone carries everything."""
        return -(-self.partners // max(self.members, 1))


def trusted_until(renewal_began: float, policy: LeasePolicy) -> float:
    """Tell until when leases renewed by a call that began then may be relied on, by the same monotonic clock."""
    return renewal_began + (policy.ttl - policy.margin).total_seconds()


def shares_for(ttl: timedelta) -> timedelta:
    """Tell how long after its last renewal a process is counted among those who share.

    Less than the lease lives: of two who are gone, the one that is not given up yet would else be left a share of what
    the other held. It keeps what it holds until the lease is over.
    """
    return ttl * 2 / 5
