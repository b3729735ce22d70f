"""The sentence that a page shows once after something was done; it travels in a signed cookie, so nothing is stored."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD, SESSION

FLASH_CHARACTERS_MAX = 600
_LIFETIME = timedelta(minutes=2)
_COOKIE = "syncd_said"
_TONES = frozenset({"ok", "attention"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flash:
    """What to say, and whether it is good news (`ok`) or not (`attention`)."""

    tone: str
    sentence: str


def say(request: web.Request, response: web.StreamResponse, tone: str, sentence: str) -> None:
    """Show this sentence on the next page that this session opens."""
    session = request.get(SESSION)
    if session is None:
        return
    text = base64.urlsafe_b64encode(f"{tone} {sentence[:FLASH_CHARACTERS_MAX]}".encode()).decode()
    response.set_cookie(
        _COOKIE,
        f"{text}.{_mac(session.csrf, text)}",
        max_age=int(_LIFETIME.total_seconds()),
        path="/",
        secure=request.app[DASHBOARD].is_https,
        httponly=True,
        samesite="Lax",
    )


def take_flash(request: web.Request, response: web.StreamResponse) -> Flash | None:
    """The sentence left for this session, once; parts of pages that htmx reads again leave it for the whole page."""
    session, cookie = request.get(SESSION), request.cookies.get(_COOKIE)
    if session is None or not cookie or "HX-Request" in request.headers:
        return None
    response.del_cookie(_COOKIE, path="/")
    text, _, mac = cookie.partition(".")
    if not hmac.compare_digest(mac.encode(errors="surrogateescape"), _mac(session.csrf, text).encode()):
        return None
    try:
        tone, _, sentence = base64.urlsafe_b64decode(text).decode().partition(" ")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Flash(tone=tone if tone in _TONES else "attention", sentence=sentence)


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), f"flash\n{text}".encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
