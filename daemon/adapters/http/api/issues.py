"""Operations on what a person must settle and on what happened: issues, runs, the audit log, events."""

from functools import partial

from pydantic import Field

from daemon.adapters.http.api.credentials import Scope
from daemon.adapters.http.api.messages import Input, NoInput
from daemon.adapters.http.api.operations import ID_MAX, Call, Operations, Reply
from daemon.adapters.http.api.paging import Page, PageQuery, read_page
from daemon.adapters.http.api.problems import Problem
from daemon.adapters.http.api.shapes_issues import AuditEntry, Event, Issue, Run
from daemon.adapters.http.issue_actions import act
from daemon.core.desk import DESK_PAGE_ROWS_MAX, IssueQuery, IssueRow
from daemon.core.model import IssueKind

operations = Operations("Issues and history")
_NOT_FOUND = "There is nothing here, or it is not yours to see."


class IssuesQuery(PageQuery):
    """Which issues."""

    closed: bool = Field(default=False, description="Also those that are closed.")
    kind: IssueKind | None = None


class ActionIn(Input):
    """One of the issue's actions, with what it is about where it needs that."""

    action: str = Field(min_length=1, max_length=64, description="One of the issue's actions.")
    fb_payment_id: int | None = Field(default=None, ge=1, le=ID_MAX, description="The payment in FreshBooks.")
    payment_id: str | None = Field(
        default=None, max_length=200, description="For stand_in: the payment that the record is to stand for."
    )

    def form(self) -> dict[str, str]:
        """Hand it on as the page's form does."""
        record = "" if self.fb_payment_id is None else str(self.fb_payment_id)
        return {"action": self.action, "fb_payment_id": record, "payment_id": self.payment_id or ""}


class EventsQuery(Input):
    """Which events."""

    limit: int = Field(default=100, ge=1, le=DESK_PAGE_ROWS_MAX)
    after: int = Field(default=0, ge=0, le=ID_MAX, description="The id of the last event seen.")


@operations.add("GET", "/issues", Scope.ISSUES_READ, {200: Page[Issue]}, query=IssuesQuery)
async def list_issues(call: Call[IssuesQuery, NoInput]) -> Reply:
    """List sync issues, newest first."""
    query = call.query
    kind = query.kind.value if query.kind else ""
    listed = await read_page(
        query,
        lambda after, limit: call.api.desk.issues(
            call.partner_id, IssueQuery(closed=query.closed, kind=kind, after=after, limit=limit)
        ),
        Issue.of,
    )
    return Reply(body=listed)


@operations.add("GET", "/issues/{issue_id}", Scope.ISSUES_READ, {200: Issue}, refusals=frozenset({404}))
async def get_issue(call: Call[NoInput, NoInput]) -> Reply:
    """Read one issue, open or closed."""
    return Reply(body=Issue.of(await _issue(call)))


@operations.add(
    "POST",
    "/issues/{issue_id}/actions",
    Scope.ISSUES_WRITE,
    {200: Issue},
    body=ActionIn,
    refusals=frozenset({404, 409}),
)
async def act_on_issue(call: Call[NoInput, ActionIn]) -> Reply:
    """Take one of the actions that the open issue offers.

    Refused with 409 and the reason when the issue has changed meanwhile or the action does not fit any more. The issue
    is told as it stands right after; it closes by itself once what was asked for has happened.
    """
    issue = await _issue(call)
    refused = await act(call.api.desk, call.partner_id, issue, call.body.form(), who=call.caller.who, now=call.now)
    if refused is not None:
        raise Problem(409, refused.why)
    return Reply(body=Issue.of(await _issue(call)))


@operations.add("GET", "/runs", Scope.HISTORY_READ, {200: Page[Run]}, query=PageQuery)
async def list_runs(call: Call[PageQuery, NoInput]) -> Reply:
    """List the sync history, newest first."""
    return Reply(body=await read_page(call.query, partial(call.api.desk.runs, call.partner_id), Run.of))


@operations.add("GET", "/audit", Scope.HISTORY_READ, {200: Page[AuditEntry]}, query=PageQuery)
async def list_audit(call: Call[PageQuery, NoInput]) -> Reply:
    """List every change that was made on either side, newest first."""
    return Reply(body=await read_page(call.query, partial(call.api.desk.audit, call.partner_id), AuditEntry.of))


@operations.add("GET", "/events", Scope.ISSUES_READ, {200: Page[Event]}, query=EventsQuery)
async def list_events(call: Call[EventsQuery, NoInput]) -> Reply:
    """List what the partner must know or do, oldest first; read on with the last id as `after`."""
    rows = await call.api.desk.events(call.partner_id, call.query.after, call.query.limit)
    is_full = len(rows) == call.query.limit
    last = str(rows[-1].event_id) if is_full else None
    return Reply(body=Page[Event](data=[Event.of(row) for row in rows], end_cursor=last, has_next_page=is_full))


async def _issue(call: Call[NoInput, NoInput] | Call[NoInput, ActionIn]) -> IssueRow:
    issue = await call.api.desk.issue(call.partner_id, call.number("issue_id"))
    if issue is None:
        raise Problem(404, _NOT_FOUND)
    return issue
