"""The partner's switches (O1-O4): each is explained before it is switched on, and switched off with one press."""

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.flash import say
from daemon.adapters.http.pages_connect import HOME, WHO, find_module
from daemon.adapters.http.rendering import page, see_other
from daemon.adapters.http.security import session_of
from daemon.adapters.http.wording_options import OptionWords, words_of

OPTIONS = f"{HOME}/freshbooks/options/{{option}}"

routes = web.RouteTableDef()


@routes.get(OPTIONS)
async def explain(request: web.Request) -> web.Response:
    """Say what a switch does before it is used."""
    words = _words(request)
    module = await find_module(request)
    return page(request, "option.html", {"module": module, "words": words, "is_on": module.options.get(words.option)})


@routes.post(OPTIONS)
async def switch(request: web.Request) -> web.Response:
    """Switch it on or off."""
    dashboard, session = request.app[DASHBOARD], session_of(request)
    words = _words(request)
    on = (await request.post()).get("on") == "yes"
    response = see_other(request, HOME)
    if await dashboard.desk.set_option(session.partner_id, words.option, WHO, on=on):
        say(request, response, "ok", f"{words.name} is {'on' if on else 'off'}. {words.on if on else words.off}")
    else:
        say(request, response, "attention", "There is no connection to set this for. Press Connect first.")
    return response


def _words(request: web.Request) -> OptionWords:
    words = words_of(request.match_info["option"])
    if words is None:
        raise web.HTTPNotFound
    return words
