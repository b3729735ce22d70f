"""Activity: what the sync did day by day, run by run, and who changed what (T2, T3)."""

from typing import Any

from aiohttp import web

from daemon.adapters.http import wording_activity
from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.pages_books import next_page, one_of, read_list
from daemon.adapters.http.pages_connect import find_module
from daemon.adapters.http.ports import Desk
from daemon.adapters.http.rendering import find_zone, page
from daemon.adapters.http.security import session_of
from daemon.core.desk import DeskPage
from daemon.core.model import PartnerId

routes = web.RouteTableDef()


@routes.get("/activity")
async def activity(request: web.Request) -> web.Response:
    """The charts of the last days, and below them the runs or the audit log."""
    dashboard, partner_id = request.app[DASHBOARD], session_of(request).partner_id
    show = one_of(request, "show", wording_activity.LISTS) or "runs"
    only = one_of(request, "only", wording_activity.LISTS[show].filters)
    after = request.query.get("after")
    async with dashboard.desk.at_once(partner_id) as desk:
        module = await find_module(request, desk=desk)
        zone = find_zone(module.timezone)
        today = dashboard.clock.now().astimezone(zone).date()
        days = () if after else await desk.figures(partner_id, zone.key, today)
        listed = await read_list(_list(desk, partner_id, show, only, after))
    values = {
        "module": module,
        "listed": listed,
        "charts": wording_activity.charts(days) if days else (),
        "show": show,
        "only": only,
        "next": next_page(request, listed.after),
        "words": wording_activity,
    }
    return page(request, "activity.html", values)


async def _list(desk: Desk, partner_id: PartnerId, show: str, only: str, after: str | None) -> DeskPage[Any]:
    if show == "runs":
        return await desk.runs(partner_id, after, only=only)
    return await desk.audit(partner_id, after, only=only)
