"""Where FreshBooks rings: a small form, its fields in the order they came, and a signature over them (FB API s6)."""

from urllib.parse import parse_qsl

from aiohttp import web

from daemon.adapters.http.context import DASHBOARD
from daemon.adapters.http.security import WEBHOOKS
from daemon.core.callbacks import Heard, Ring
from daemon.core.model import PartnerId

BYTES_MAX = 4096
FIELDS_MAX = 20
SIGNATURE = "X-FreshBooks-Hmac-SHA256"
_ANSWERS = {
    Heard.RANG: 200,
    Heard.REPEATED: 200,
    Heard.HANDSHAKE: 200,
    Heard.UNKNOWN: 404,
    Heard.FORGED: 401,
    Heard.MALFORMED: 400,
    Heard.OVERSIZED: 413,
}

routes = web.RouteTableDef()


@routes.post(WEBHOOKS + "{partner_id}")
async def receive(request: web.Request) -> web.Response:
    """Take one delivery: size first, then shape, then signature; what is believed only says what to read again."""
    webhooks = request.app[DASHBOARD].webhooks
    if webhooks is None:
        raise web.HTTPNotFound
    body = await _read(request)
    if body is None:
        webhooks.heard(Heard.OVERSIZED)
        return web.Response(status=_ANSWERS[Heard.OVERSIZED])
    ring = _parse(request, body)
    if ring is None:
        webhooks.heard(Heard.MALFORMED)
        return web.Response(status=_ANSWERS[Heard.MALFORMED])
    partner_id = PartnerId(request.match_info["partner_id"])
    outcome = await webhooks.deliver(partner_id, ring, request.headers.get(SIGNATURE, ""))
    return web.Response(status=_ANSWERS[outcome])


async def _read(request: web.Request) -> bytes | None:
    """Read a body of limited size, whatever its headers say of it; None when it is larger."""
    if (request.content_length or 0) > BYTES_MAX:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BYTES_MAX:
            return None
    return bytes(body)


def _parse(request: web.Request, body: bytes) -> Ring | None:
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return None
    if any("\x00" in text for field in fields for text in field) or len(dict(fields)) < len(fields):
        return None
    return Ring(fields=tuple(fields))
