"""All partners at a glance, as values: what `status`, the gauges and the fleet page show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daemon.core.backfill import Feed
from daemon.core.model import IssueKind, PartnerId
from daemon.core.model.quick import quick
from daemon.core.state import ConnectionStatus


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """How one partner's connection stands.

    `percent` is the initial sync's. `ended_at` tells for each feed in turn when its last run ended: None for one that
    never ran, or runs now, and the latter stands in `running`. `unpushed` counts payments on their way to FreshBooks,
    `oldest_unpushed_at` is the earliest initiation among them; payments that wait for accounts or the like are counted
    in `waiting` instead, and those that need a person are issues. `issues` counts the open ones by kind. `owner` is the
    process that works for the partner, as host and process id; None while there is none. `drift` is what the last
    verification found, which ended at `verified_at`.
    """

    partner_id: PartnerId
    name: str
    status: ConnectionStatus
    parked: str | None = None
    paused: bool = False
    percent: int = 0
    last_success_at: datetime | None = None
    ended_at: tuple[datetime | None, ...] = (None,) * len(Feed)
    running: frozenset[Feed] = frozenset()
    unpushed: int = 0
    oldest_unpushed_at: datetime | None = None
    waiting: int = 0
    issues: Mapping[IssueKind, int] = field(default_factory=dict)
    owner: str | None = None
    verified_at: datetime | None = None
    drift: int = 0

    @property
    def succeeded_at(self) -> Mapping[Feed, datetime]:
        """When the last run of each feed ended, as far as it has; in the row it would be ten thousand mappings."""
        return {feed: at for feed, at in zip(Feed, self.ended_at, strict=True) if at is not None}

    @property
    def open_issues(self) -> int:
        """How many sync issues are open."""
        return sum(self.issues.values())
