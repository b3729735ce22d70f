"""Sync issues: what only a person can settle, with its reason, the next step and the actions to press."""

import re

from aiohttp import web

from daemon.adapters.http import wording_issues
from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.issue_actions import act, offered_records, offered_stand_ins
from daemon.adapters.http.pages_books import next_page, read_list
from daemon.adapters.http.pages_connect import WHO, find_module
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import session_of
from daemon.core.desk import IssueQuery, IssueRow

_NUMBER = re.compile(r"[0-9]{1,18}")

routes = web.RouteTableDef()


@routes.get("/issues")
async def issues(request: web.Request) -> web.Response:
    """The open issues, newest first; on request the closed ones too."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    module = await find_module(request)
    query = IssueQuery(closed=request.query.get("closed") == "1", after=request.query.get("after"))
    listed = await read_list(dashboard.desk.issues(session.partner_id, query))
    values = {
        "module": module,
        "listed": listed,
        "query": query,
        "next": next_page(request, listed.after),
        "records_of": offered_records,
        "stand_ins_of": offered_stand_ins,
    }
    return page(request, "issues.html", values)


@routes.get("/issues/{issue_id}/{action}")
async def confirm(request: web.Request) -> web.Response:
    """Ask before an action that writes to the books or changes what a customer owes."""
    module, issue = await find_module(request), await _find_issue(request)
    name = request.match_info["action"]
    action = wording_issues.action(name)
    if issue.closed_at is not None or name not in issue.actions or not action.confirm:
        return see_other(request, "/issues")
    return page(request, "issue_confirm.html", {"module": module, "issue": issue, "name": name, "action": action})


@routes.post("/issues/{issue_id}")
async def choose(request: web.Request) -> web.Response:
    """Take one of the issue's actions."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    issue = await _find_issue(request)
    form = {name: str(value) for name, value in (await request.post()).items()}
    refused = await act(dashboard.desk, session.partner_id, issue, form, who=WHO, now=dashboard.clock.now())
    response = see_other(request, "/issues")
    if refused is not None:
        say(request, response, "attention", refused.why)
    else:
        say(
            request,
            response,
            "ok",
            f"Noted: {wording_issues.action(form['action']).label}. It takes effect in a moment.",
        )
    return response


async def _find_issue(request: web.Request) -> IssueRow:
    """The issue that the address names, if it is this partner's."""
    name = request.match_info["issue_id"]
    if not _NUMBER.fullmatch(name):
        raise web.HTTPNotFound
    issue = await request.app[DASHBOARD].desk.issue(session_of(request).partner_id, int(name))
    if issue is None:
        raise web.HTTPNotFound
    return issue
