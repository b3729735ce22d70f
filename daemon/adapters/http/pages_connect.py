"""The Integrations page: the module, Connect in a pop-up and back, the choice of a business, Sync now, Disconnect."""

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.module_view import view_module
from daemon.adapters.http.ports import Desk
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import is_cross_site, session_of
from daemon.adapters.http.wording_options import OPTIONS
from daemon.core.consent import SAME_LOGIN_NOTICE, ChooseBusiness, ConsentConnected, ConsentOutcome, ConsentRefused
from daemon.core.desk import Module
from daemon.core.state import ConnectionStatus

CALLBACK_PATH = "/oauth/freshbooks/callback"
"""Where FreshBooks sends the browser back to; with `public_url` before it, the redirect address to register there."""
HOME = "/integrations"
PAGES = frozenset({HOME, "/invoices", "/payments", "/reports", "/issues", "/activity"})
WHO = "partner"

routes = web.RouteTableDef()


async def find_module(request: web.Request, *, counted: bool = False, desk: Desk | None = None) -> Module:
    """The module of the partner who is signed in; only the open issues are counted unless all is."""
    desk = desk or request.app[DASHBOARD].desk
    module = await desk.module(session_of(request).partner_id, counted=counted)
    if module is None:
        raise web.HTTPNotFound
    return module


@routes.get(HOME)
async def integrations(request: web.Request) -> web.Response:
    """The FreshBooks module with its status, progress and what can be done."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    module = await find_module(request, counted=True)
    waiting = await dashboard.consent.offered(session.partner_id, session.session_hash)
    view = view_module(module, dashboard.clock.now())
    values = {
        "module": module,
        "view": view,
        "choice_waits": waiting is not None,
        "options": OPTIONS,
        "same_login_notice": SAME_LOGIN_NOTICE,
    }
    return page(request, "integrations.html", values)


@routes.get("/nav")
async def nav(request: web.Request) -> web.Response:
    """The navigation alone, whose count of open issues is kept live on every page."""
    at = request.query.get("at", "")
    return page(request, "nav.html", {"module": await find_module(request), "active": at if at in PAGES else HOME})


@routes.get(f"{HOME}/freshbooks/connect")
async def connect(request: web.Request) -> web.Response:
    """Begin a consent and lead on to FreshBooks' login; a plain link, so that it works in a pop-up and without scripts.

    It changes nothing but to store a state that only this session can use; another site cannot press it all the same.
    """
    dashboard, session = request.app[DASHBOARD], session_of(request)
    if is_cross_site(request):
        return see_other(request, HOME)
    begun = await dashboard.consent.begin(session.partner_id, session.session_hash)
    if isinstance(begun, ConsentRefused):
        return await _close(request, begun)
    return see_other(request, begun)


@routes.get(CALLBACK_PATH)
async def callback(request: web.Request) -> web.Response:
    """Take what FreshBooks sent back; the code leaves the address bar at once, whatever comes of it."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    query = request.query
    outcome = await dashboard.consent.complete(
        session.session_hash, state=query.get("state", ""), code=query.get("code"), error=query.get("error")
    )
    if isinstance(outcome, ChooseBusiness):
        response = see_other(request, f"{HOME}/freshbooks/business")
    else:
        response = see_other(request, f"{HOME}/freshbooks/done")
        _tell(request, response, outcome)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@routes.get(f"{HOME}/freshbooks/done")
async def done(request: web.Request) -> web.Response:
    """Close the pop-up and have the page behind it read again; without scripts, lead back by a link."""
    return page(request, "connect_done.html", {}, is_small=True)


@routes.get(f"{HOME}/freshbooks/business")
async def choose_business(request: web.Request) -> web.Response:
    """Offer the businesses of the login by name, and name those that are not offered, with the reason (C2)."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    offer = await dashboard.consent.offered(session.partner_id, session.session_hash)
    if offer is None:
        return see_other(request, HOME)
    return page(request, "connect_business.html", {"offer": offer}, is_small=True)


@routes.post(f"{HOME}/freshbooks/business")
async def take_business(request: web.Request) -> web.Response:
    """Connect the business that was picked."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    form = await request.post()
    outcome = await dashboard.consent.choose(session.partner_id, session.session_hash, str(form.get("account_id", "")))
    return await _close(request, outcome)


@routes.post(f"{HOME}/freshbooks/sync")
async def sync_now(request: web.Request) -> web.Response:
    """Ask for a sync now."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    asked = await dashboard.desk.ask_sync(session.partner_id, WHO, dashboard.clock.now())
    response = see_other(request, HOME)
    if asked:
        say(request, response, "ok", "A sync was started.")
    else:
        say(request, response, "attention", "There is no connection to sync. Press Connect first.")
    return response


@routes.get(f"{HOME}/freshbooks/disconnect")
async def confirm_disconnect(request: web.Request) -> web.Response:
    """Ask before the connection is ended, and say what that means (C6)."""
    module = await find_module(request)
    if module.status is ConnectionStatus.NOT_CONNECTED:
        return see_other(request, HOME)
    return page(request, "disconnect.html", {"module": module})


@routes.post(f"{HOME}/freshbooks/disconnect")
async def disconnect(request: web.Request) -> web.Response:
    """End the connection; the data stay."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    ended = await dashboard.consent.disconnect(session.partner_id, WHO)
    response = see_other(request, HOME)
    if ended:
        say(request, response, "ok", "FreshBooks is being disconnected. Your data stay here.")
    return response


async def _close(request: web.Request, outcome: ConsentOutcome) -> web.Response:
    response = see_other(request, f"{HOME}/freshbooks/done")
    _tell(request, response, outcome)
    return response


def _tell(request: web.Request, response: web.Response, outcome: ConsentOutcome) -> None:
    match outcome:
        case ConsentConnected(business=business, resumed=resumed):
            begun = "The sync goes on where it stopped." if resumed else "The initial sync has begun."
            say(request, response, "ok", f"{business.name} is connected. {begun}")
        case ConsentRefused(sentence=sentence):
            say(request, response, "attention", sentence)
        case ChooseBusiness():
            pass
