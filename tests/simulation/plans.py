"""How fleets are simulated: short and crowded, or through partner-years at the intervals that are shipped or longer."""

from dataclasses import dataclass, replace
from datetime import timedelta

from daemon.actors.supervisor import WAIT_MAX
from daemon.core.leases import LeasePolicy
from daemon.core.policy import Policy, PullPolicy, PushPolicy

Pauses = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a fleet lives: for so many days, or until so many things have happened."""

    policy: Policy
    pauses: Pauses
    happenings: tuple[int, int] = (6, 30)
    days: float = 0.0
    trouble: float = 0.3
    storms: tuple[float, ...] = (0.0, 0.0, 0.05, 0.25)
    freezes: float = 0.0005
    post_freezes: float = 0.05
    frozen_s: Pauses = (2.0, 30.0, 100.0, 400.0, 900.0, 9000.0)
    """How long a frozen process may be so; the longest outlasts its leases."""
    beat: timedelta = timedelta(minutes=1)
    """How often leases are renewed; all their times are stretched with it, since most of a year is beats otherwise."""
    beats: int = 5
    """So many renewals may fail before the lease is over."""
    token_life: timedelta = timedelta(hours=3)
    """An access token's; FreshBooks' own last 12 hours."""
    glance: timedelta = WAIT_MAX
    """How long a supervisor with nothing to do waits before it looks at the clock, which may have jumped."""

    @property
    def leases(self) -> LeasePolicy:
        return LeasePolicy(
            ttl=self.beats * self.beat, renew_interval=self.beat, margin=self.beat, census_interval=10 * self.beat
        )


SHORT = Plan(
    policy=Policy(pull=PullPolicy(page_size=4, payments_interval=timedelta(minutes=40))),
    pauses=(0.0, 0.3, 2.0, 15.0, 90.0, 600.0, 3700.0, 9000.0),
)
"""Few things that meet each other closely: what finds mistakes soonest."""
YEAR = Plan(
    policy=Policy(),
    pauses=(3600.0, 86_400.0, 4 * 86_400.0),
    days=365,
    freezes=0.00001,
    beat=timedelta(minutes=20),
    token_life=timedelta(hours=12),
)
"""A partner-year at the intervals that are shipped."""
STRETCHED = replace(
    YEAR,
    policy=Policy(
        pull=PullPolicy(
            payments_interval=timedelta(hours=6),
            invoices_interval=timedelta(hours=6),
            callbacks_interval=timedelta(days=1),
        ),
        push=PushPolicy(sweep_interval=timedelta(hours=6), waiting_interval=timedelta(hours=6)),
    ),
    freezes=0.0001,
    frozen_s=(2.0, 30.0, 100.0, 400.0, 900.0, 20_000.0),
    beat=timedelta(minutes=90),
    beats=3,
    glance=timedelta(hours=6),
)
"""A partner-year that polls FreshBooks and sweeps its payments every six hours, and acts at once when told."""
