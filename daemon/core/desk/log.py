"""What happened: sync issues, runs, the audit log, events for the platform."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from daemon.core.backfill import Feed
from daemon.core.desk.paging import DESK_PAGE_ROWS
from daemon.core.model import IssueKind


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueQuery:
    """Which issues to list, newest first: the open ones, or also the closed."""

    closed: bool = False
    kind: str = ""
    subject: tuple[str, str] | None = None
    after: str | None = None
    limit: int = DESK_PAGE_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRow:
    """A sync issue: what happened, what to do next, what can be pressed."""

    issue_id: int
    kind: IssueKind
    subject: tuple[str, str]
    reason: str
    next_step: str
    actions: tuple[str, ...]
    data: Mapping[str, str]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the sync history (T3): `outcome` is "complete" or "failed", and then `error` tells why."""

    run_id: int
    feed: Feed
    stage: str
    began_at: datetime | None
    finished_at: datetime
    outcome: str
    pages: int
    changed: int
    read: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One line of the append-only audit log (T2)."""

    audit_id: int
    at: datetime
    who: str
    what: str
    subject: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event for the platform (T4); read on with `event_id`."""

    event_id: int
    at: datetime
    kind: str
    subject: str
    data: Mapping[str, str]
