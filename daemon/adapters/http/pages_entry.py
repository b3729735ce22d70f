"""The way in and out: the signed link, the page without a session, and signing out."""

from datetime import timedelta

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD, SESSION, Dashboard
from daemon.adapters.http.links import ENTER_PATH, LINK_LIFETIME_MAX, LinkRefused, check_link, sign_link
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import cookie_name, sign_in, sign_out
from daemon.core.model import PartnerId

HOME = "/integrations"

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """Lead to the dashboard, or say how to get in."""
    if SESSION in request:
        return see_other(request, HOME)
    return await signed_out(request, status=200)


@routes.get(ENTER_PATH)
async def enter(request: web.Request) -> web.Response:
    """Follow a signed link into the dashboard; the link's secrets leave the address bar at once."""
    dashboard = request.app[DASHBOARD]
    now = dashboard.clock.now()
    try:
        entry = check_link(request.query, dashboard.link_keys, now)
    except LinkRefused as refused:
        return await signed_out(request, str(refused))
    if not await dashboard.sessions.use_link(entry.link_hash, entry.expires_at, now):
        if SESSION in request and request[SESSION].partner_id == entry.partner_id:
            # Pressed twice, by whom it signed in.
            return see_other(request, HOME)
        return await signed_out(
            request, "This link was used before. Open the dashboard again from Alternative Payments."
        )
    response = see_other(request, HOME)
    if not await sign_in(request, response, entry.partner_id, now):
        return await signed_out(request, "Alternative Payments knows no such partner.")
    return response


@routes.post("/sign-out")
async def leave(request: web.Request) -> web.Response:
    """End the session on the server, and forget its cookie."""
    await sign_out(request)
    response = see_other(request, "/")
    response.del_cookie(cookie_name(request.app[DASHBOARD]), path="/")
    return response


async def signed_out(request: web.Request, why: str = "", *, status: int = 401) -> web.Response:
    """Say that nobody is signed in, why, and how to get in; in the demo, with links for each partner."""
    dashboard = request.app[DASHBOARD]
    links = await _demo_links(dashboard)
    return page(request, "signed_out.html", {"why": why, "links": links}, status=status, is_small=True)


async def _demo_links(dashboard: Dashboard) -> list[tuple[str, str]]:
    if dashboard.platform is None:
        return []
    expires_at = dashboard.clock.now() + LINK_LIFETIME_MAX - timedelta(seconds=30)
    key_id, secret = next(iter(dashboard.link_keys.items()))

    def link(partner_id: PartnerId) -> str:
        return sign_link("", partner_id, expires_at, key_id=key_id, secret=secret)

    return [(name, link(partner_id)) for partner_id, name in await dashboard.platform.partners()]
