"""Sync issues, runs, the audit log and events as the API writes them."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from daemon.adapters.http.api.messages import Output
from daemon.core.desk import AuditRow, EventRow, IssueRow, RunRow


class Issue(Output):
    """Something that only a person can settle."""

    id: int
    kind: str
    subject_type: str = Field(description="What it is about: payment, invoice, payout, connection ...")
    subject_id: str
    reason: str
    next_step: str
    actions: list[str] = Field(description="What may be sent to its actions.")
    data: dict[str, str] = Field(description="Particulars by name, such as candidates.")
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None

    @classmethod
    def of(cls, row: IssueRow) -> Self:
        """Write a stored row."""
        kind, subject = row.subject
        return cls(
            id=row.issue_id,
            kind=row.kind.value,
            subject_type=kind,
            subject_id=subject,
            reason=row.reason,
            next_step=row.next_step,
            actions=list(row.actions),
            data=dict(row.data),
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
        )


class Run(Output):
    """One run of the sync history."""

    id: int
    feed: str
    stage: str
    began_at: datetime | None
    finished_at: datetime
    outcome: str
    pages: int
    changed: int

    @classmethod
    def of(cls, row: RunRow) -> Self:
        """Write a stored row."""
        return cls(
            id=row.run_id,
            feed=row.feed.value,
            stage=row.stage,
            began_at=row.began_at,
            finished_at=row.finished_at,
            outcome=row.outcome,
            pages=row.pages,
            changed=row.changed,
        )


class AuditEntry(Output):
    """One change that was made on either side: who, what, before, after, why."""

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    why: str

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        """Write a stored row."""
        return cls(
            id=row.audit_id,
            at=row.at,
            who=row.who,
            what=row.what,
            subject=row.subject,
            before=dict(row.before) if row.before is not None else None,
            after=dict(row.after) if row.after is not None else None,
            why=row.why,
        )


class Event(Output):
    """What a partner must know or do, for the platform to tell them."""

    id: int = Field(description="Rises with every event of the partner, with gaps; read on after the last one.")
    at: datetime
    kind: str
    subject: str
    data: dict[str, Any]

    @classmethod
    def of(cls, row: EventRow) -> Self:
        """Write a stored row."""
        return cls(id=row.event_id, at=row.at, kind=row.kind, subject=row.subject, data=dict(row.data))
