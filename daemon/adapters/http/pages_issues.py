"""Sync issues: what only a person can settle, with its reason, the next step and the actions to press."""

import re

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.pages_books import next_page, read_list
from daemon.adapters.http.pages_connect import WHO, find_module
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import session_of
from daemon.adapters.http.wording import action as action_of
from daemon.core.desk import IssueQuery
from daemon.core.model import FbPaymentId

_NUMBER = re.compile(r"[0-9]{1,18}")

routes = web.RouteTableDef()


@routes.get("/issues")
async def issues(request: web.Request) -> web.Response:
    """The open issues, newest first; on request the closed ones too."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    module = await find_module(request)
    query = IssueQuery(closed=request.query.get("closed") == "1", after=request.query.get("after"))
    listed = await read_list(dashboard.desk.issues(session.partner_id, query))
    values = {"module": module, "listed": listed, "query": query, "next": next_page(request, listed.after)}
    return page(request, "issues.html", values)


@routes.post("/issues/{issue_id}")
async def choose(request: web.Request) -> web.Response:
    """Take one of the issue's actions."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    name = request.match_info["issue_id"]
    if not _NUMBER.fullmatch(name):
        raise web.HTTPNotFound
    form = await request.post()
    wanted, named = str(form.get("action", "")), str(form.get("fb_payment_id", ""))
    fb_payment_id = FbPaymentId(int(named)) if _NUMBER.fullmatch(named) else None
    response = see_other(request, "/issues")
    if action_of(wanted).names_payment and fb_payment_id is None:
        say(request, response, "attention", "Name the payment in FreshBooks by its number, then press again.")
        return response
    now = dashboard.clock.now()
    taken = await dashboard.desk.act_on_issue(session.partner_id, int(name), wanted, fb_payment_id, WHO, now)
    if not taken:
        raise web.HTTPNotFound
    say(request, response, "ok", f"Noted: {action_of(wanted).label.lower()}. It is carried out in the next moments.")
    return response
