"""Desired against running, as a plan: which supervisors to start, to stop and to give new settings."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from daemon.core.model import PartnerId
from daemon.core.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a reconcile changes; who is in none of the three is left alone."""

    starts: frozenset[PartnerId]
    stops: frozenset[PartnerId]
    retunes: frozenset[PartnerId]


def plan(desired: AbstractSet[PartnerId], running: Mapping[PartnerId, Policy], policy: Policy) -> Plan:
    """Compare who should run under which policy with who does."""
    return Plan(
        starts=frozenset(desired - running.keys()),
        stops=frozenset(running.keys() - desired),
        retunes=frozenset(partner for partner, current in running.items() if partner in desired and current != policy),
    )
