"""The login and consent pages a person sees when an app asks for access (FB API s2.1)."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from daemon.sandbox.accounts import Login
from daemon.sandbox.call import SANDBOX
from daemon.sandbox.errors import ApiError
from daemon.sandbox.sandbox import Sandbox

SESSION_COOKIE = "freshbooks_sandbox_session"
SESSIONS: web.AppKey[dict[str, int]] = web.AppKey("sessions", dict)
TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates", jinja2.Environment)
_ASKED = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
_AUTHORIZE_PATHS = ("/oauth/authorize/", "/oauth/authorize", "/service/auth/oauth/authorize", "/auth/oauth/authorize")
_KNOWN_LOGINS = 6
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(request: web.Request, name: str, values: Mapping[str, object], *, status: int = 200) -> web.Response:
    """Render a template."""
    text = request.app[TEMPLATES].get_template(name).render(values)
    return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)


def see_other(address: str) -> web.Response:
    """Redirect a browser after a form."""
    return web.Response(status=303, headers={**_HEADERS, "Location": address})


def current_login(request: web.Request) -> Login | None:
    """The person whose browser this is."""
    identity = request.app[SESSIONS].get(request.cookies.get(SESSION_COOKIE, ""))
    return request.app[SANDBOX].directory.identities.get(identity) if identity is not None else None


def login_page(request: web.Request, next_address: str, *, email: str = "", problem: str = "") -> web.Response:
    """The login form, leading on to `next_address`."""
    status = 401 if problem else 200
    known = list(request.app[SANDBOX].directory.logins.values())[:_KNOWN_LOGINS]
    values = {"next": next_address, "email": email, "problem": problem, "known": known}
    return page(request, "login.html", values, status=status)


def _local(address: str) -> str:
    """`address` when it stays on this host, else the start of the books."""
    return address if address.startswith("/") and not address.startswith("//") else "/books"


async def _login(request: web.Request) -> web.Response:
    form = await request.post()
    email, password, onward = (str(form.get(name, "")) for name in ("email", "password", "next"))
    login = request.app[SANDBOX].directory.logins.get(email.strip().lower())
    if login is None or not secrets.compare_digest(login.password.encode(), password.encode()):
        problem = "That email and password do not match any login of this sandbox."
        return login_page(request, _local(onward), email=email, problem=problem)
    token = secrets.token_urlsafe(24)
    request.app[SESSIONS][token] = login.identity_id
    response = see_other(_local(onward))
    response.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Lax", path="/")
    return response


async def _logout(request: web.Request) -> web.Response:
    form = await request.post()
    request.app[SESSIONS].pop(request.cookies.get(SESSION_COOKIE, ""), None)
    response = see_other(_local(str(form.get("next", ""))))
    response.del_cookie(SESSION_COOKIE, path="/")
    return response


def _problem(request: web.Request, status: int, title: str, message: str) -> web.Response:
    return page(request, "problem.html", {"title": title, "message": message}, status=status)


def _refusal(request: web.Request, sandbox: Sandbox, asked: dict[str, str]) -> web.Response | None:
    """The answer when the request cannot go on to a consent, as FreshBooks refuses it (FB API s2.5)."""
    if asked.get("client_id") != sandbox.options.client_id:
        return _problem(request, 500, "Something went wrong", "We could not find that app.")
    uri_problem = sandbox.oauth.redirect_problem(asked.get("redirect_uri", ""))
    if uri_problem is not None:
        return _problem(request, 400, "This app cannot be connected", uri_problem)
    if asked.get("response_type") != "code":
        return _problem(request, 400, "This app cannot be connected", "The response type must be 'code'.")
    try:
        sandbox.oauth.parse_scopes(asked.get("scope", ""))
    except ApiError as error:
        return _back(asked, {"error": str(error.code), "error_description": error.message})
    if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
        return _back(asked, {"error": "invalid_request", "error_description": "Only S256 is supported."})
    return None


def _back(asked: dict[str, str], values: dict[str, str]) -> web.Response:
    state = {"state": asked["state"]} if "state" in asked else {}
    return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode({**values, **state})}"})


async def _authorize(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    asked = {key: request.query[key] for key in _ASKED if key in request.query}
    refusal = _refusal(request, sandbox, asked)
    if refusal is not None:
        return refusal
    onward = f"/oauth/authorize/?{urlencode(asked)}"
    login = current_login(request)
    if login is None:
        return login_page(request, onward)
    scopes = sorted(sandbox.oauth.parse_scopes(asked.get("scope", "")))
    token = request.cookies[SESSION_COOKIE]
    fields = {**asked, "session": token[:12]}
    values = {"login": login, "scopes": scopes, "fields": fields, "next": onward, "app_name": "Your app"}
    return page(request, "consent.html", values)


async def _decide(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    form = {key: str(value) for key, value in (await request.post()).items()}
    asked = {key: form[key] for key in _ASKED if key in form}
    refusal = _refusal(request, sandbox, asked)
    if refusal is not None:
        return refusal
    login = current_login(request)
    if login is None:
        return login_page(request, f"/oauth/authorize/?{urlencode(asked)}")
    if form.get("session") != request.cookies[SESSION_COOKIE][:12]:
        return _problem(request, 403, "This form is out of date", "Go back to the app and connect again.")
    if form.get("decision") != "allow":
        denied = "The resource owner or authorization server denied the request."
        return _back(asked, {"error": "access_denied", "error_description": denied})
    grant = sandbox.oauth.grant(login.identity_id, sandbox.oauth.parse_scopes(asked.get("scope", "")))
    challenge = asked.get("code_challenge", "")
    code = sandbox.oauth.issue_code(grant, asked["redirect_uri"], challenge, sandbox.clock.now())
    return _back(asked, {"code": code})


async def _no_icon(_: web.Request) -> web.Response:
    """Browsers ask for one by themselves, and complain of a 404."""
    return web.Response(status=204)


def add_routes(app: web.Application) -> None:
    """Serve the pages, their styles, and both sets of authorise addresses."""
    folder = Path(__file__).parent
    app[SESSIONS] = {}
    app[TEMPLATES] = jinja2.Environment(loader=jinja2.FileSystemLoader(folder / "templates"), autoescape=True)
    for path in _AUTHORIZE_PATHS:
        app.router.add_get(path, _authorize)
        app.router.add_post(path, _decide)
    app.router.add_post("/oauth/login", _login)
    app.router.add_get("/favicon.ico", _no_icon)
    app.router.add_post("/oauth/logout", _logout)
    app.router.add_static("/_sandbox/static", folder / "static")
