"""Who may ask for what: sessions, CSRF and Origin checks, and the headers that every public answer carries."""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from daemon.adapters.http.context import DASHBOARD, SESSION, SINCE, Dashboard
from daemon.adapters.http.ports import Session
from daemon.core.model import PartnerId

SESSION_LIFETIME = timedelta(hours=8)
BODY_BYTES_MAX = 64 * 1024
CSRF_FIELD = "csrf"
FORM_TYPE = "application/x-www-form-urlencoded"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    # The pop-up must stay ours to close after it has been to FreshBooks and back (C1).
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_OPEN_PATHS = frozenset({"/", "/enter", "/signed-out"})
WEBHOOKS = "/webhooks/freshbooks/"
"""Followed by the partner's id: where FreshBooks rings."""
API = "/v1/"
"""Below it no cookie counts: every request brings its own credential."""
_OPEN_PREFIXES = ("/static/", WEBHOOKS, API)
_OK = 200
_SAME_SITE = frozenset({"same-origin", "none"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


# ---- sessions --------------------------------------------------------------------------------------------------------


def hash_id(session_id: str) -> bytes:
    """The stored form of a session's id: reading the table signs nobody in."""
    return hashlib.sha256(session_id.encode(errors="surrogateescape")).digest()


def cookie_name(dashboard: Dashboard) -> str:
    """The session cookie's name: over https the prefix ties it to this very host."""
    return "__Host-syncd" if dashboard.is_https else "syncd"


async def sign_in(request: web.Request, response: web.Response, partner_id: PartnerId, now: datetime) -> bool:
    """Open a session with a fresh id and hand its cookie out; an id that the browser brought along is never taken over.

    Tells False, and hands nothing out, when the platform knows no such partner.
    """
    dashboard = request.app[DASHBOARD]
    await sign_out(request)
    session_id = secrets.token_urlsafe(32)
    opened = await dashboard.sessions.open_session(
        hash_id(session_id), partner_id, secrets.token_urlsafe(32), now, now + SESSION_LIFETIME
    )
    if opened:
        set_cookie(response, dashboard, cookie_name(dashboard), session_id, SESSION_LIFETIME)
    return opened


async def sign_out(request: web.Request) -> None:
    """Forget the session that the browser brought along, if any."""
    dashboard = request.app[DASHBOARD]
    session_id = request.cookies.get(cookie_name(dashboard))
    if session_id:
        await dashboard.sessions.close_session(hash_id(session_id))


def set_cookie(response: web.Response, dashboard: Dashboard, name: str, value: str, lifetime: timedelta) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send along with a POST."""
    response.set_cookie(
        name,
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=dashboard.is_https,
        httponly=True,
        samesite="Lax",
    )


@web.middleware
async def require_session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the browser's session; without one only the open pages answer, all others with 401."""
    dashboard = request.app[DASHBOARD]
    session_id = None if request.path.startswith(API) else request.cookies.get(cookie_name(dashboard))
    session = await dashboard.sessions.find_session(hash_id(session_id), dashboard.clock.now()) if session_id else None
    if session is not None:
        request[SESSION] = session
        request[SINCE] = dashboard.hub.mark(session.partner_id)
    elif not _is_open(request):
        raise web.HTTPUnauthorized
    return await handler(request)


def session_of(request: web.Request) -> Session:
    """The session of a request that passed `require_session`."""
    if SESSION not in request:
        raise web.HTTPUnauthorized
    return request[SESSION]


def _is_open(request: web.Request) -> bool:
    return request.path in _OPEN_PATHS or request.path.startswith(_OPEN_PREFIXES)


# ---- cross-site requests ---------------------------------------------------------------------------------------------


@web.middleware
async def require_own_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse every change that comes from no page of ours: by origin, by form type, and by the session's token."""
    if request.method in _SAFE_METHODS or request.path.startswith((WEBHOOKS, API)):
        # A delivery is believed by its own signature, an API call by its bearer's credential; no browser adds either.
        return await handler(request)
    dashboard = request.app[DASHBOARD]
    if not _is_own_origin(request, dashboard.public_url):
        raise web.HTTPForbidden(text="This request came from another site and was refused.")
    if request.content_type != FORM_TYPE:
        raise web.HTTPUnsupportedMediaType(text="Send the form as it stands on the page.")
    sent = (await _read_form(request)).get(CSRF_FIELD, "")
    expected = session_of(request).csrf
    if not hmac.compare_digest(sent.encode(errors="replace"), expected.encode()):
        raise web.HTTPForbidden(text="This form is out of date. Go back, reload the page and try again.")
    return await handler(request)


async def _read_form(request: web.Request) -> dict[str, str]:
    try:
        form = {name: str(value) for name, value in (await request.post()).items()}
    except (UnicodeDecodeError, LookupError) as error:
        raise web.HTTPBadRequest(text="This form is not written in UTF-8.") from error
    if any("\x00" in value for value in form.values()):
        raise web.HTTPBadRequest(text="This form holds a character that no field takes.")
    return form


def is_cross_site(request: web.Request) -> bool:
    """Whether the browser says that another site led here; browsers that say nothing are believed."""
    return request.headers.get("Sec-Fetch-Site", "none") not in _SAME_SITE


def _is_own_origin(request: web.Request, public_url: str) -> bool:
    if is_cross_site(request):
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin == origin_of(public_url)


def origin_of(url: str) -> str:
    """The scheme, host and port of an address, as browsers write an Origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


# ---- headers ---------------------------------------------------------------------------------------------------------


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer its headers, errors and streams included; only static files may be kept by a browser."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    is_file = request.path.startswith("/static/") and response.status == _OK and "v" in request.query
    response.headers.setdefault("Cache-Control", "public, max-age=31536000, immutable" if is_file else "no-store")
    if request.app[DASHBOARD].is_https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    # Which server this is helps nobody but an attacker.
    response.headers.popall("Server", None)
