"""Keeps the open sync issues in step with what must stand: opens what is missing, closes the rest."""

from collections.abc import Collection, Iterable

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Conn
from daemon.core.issues import STANDING_KINDS
from daemon.core.model import Issue, IssueKind, Scope

_SQL = queries.load("issues")
_BY_ITSELF = "freshbooks-syncd"


async def reconcile_issues(
    connection: Conn, scope: Scope, subjects: Collection[tuple[str, str]], standing: Iterable[Issue]
) -> None:
    """Make exactly `standing` the open issues of these subjects, among the kinds that decisions speak for."""
    wanted = {(issue.kind.value, *issue.subject): issue for issue in standing}
    rows = await _open_rows(connection, scope, subjects)
    open_now = {(row["kind"], row["subject_type"], row["subject_id"]): row for row in rows}
    gone = [row["issue_id"] for key, row in open_now.items() if key not in wanted and row["kind"] in STANDING_KINDS]
    if gone:
        await connection.execute(_SQL["close"], scope.partner_id, gone, _BY_ITSELF)
    for key, issue in sorted(wanted.items()):
        if key not in open_now or not _is_equal(open_now[key], issue):
            await open_issue(connection, scope, issue)


async def open_issue(connection: Conn, scope: Scope, issue: Issue) -> None:
    """Open an issue, or refresh the open one of the same kind and subject."""
    await connection.execute(
        _SQL["open"],
        scope.partner_id,
        scope.account_id,
        issue.kind.value,
        *issue.subject,
        issue.reason,
        issue.next_step,
        list(issue.actions),
        data_of(issue),
    )


async def close_issues(
    connection: Conn, scope: Scope, kind: IssueKind, subject_type: str, subject_ids: Collection[str]
) -> None:
    """Close the open issues of one kind on these subjects, if any."""
    await connection.execute(
        _SQL["close_of_subjects"], scope.partner_id, kind.value, subject_type, list(subject_ids), _BY_ITSELF
    )


def data_of(issue: Issue) -> dict[str, str]:
    """Write an issue's particulars as one object; a name given several times keeps all its values, comma-separated."""
    data: dict[str, str] = {}
    for name, value in issue.data:
        data[name] = f"{data[name]}, {value}" if name in data else value
    return data


async def _open_rows(connection: Conn, scope: Scope, subjects: Collection[tuple[str, str]]) -> list[asyncpg.Record]:
    if not subjects:
        return []
    types, ids = zip(*subjects, strict=True)
    return await connection.fetch(_SQL["open_of_subjects"], scope.partner_id, list(types), list(ids))


def _is_equal(row: asyncpg.Record, issue: Issue) -> bool:
    stored = (row["reason"], row["next_step"], tuple(row["actions"]), row["data"])
    return stored == (issue.reason, issue.next_step, tuple(issue.actions), data_of(issue))
