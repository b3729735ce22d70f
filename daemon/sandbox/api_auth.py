"""The OAuth token endpoints and the identity over HTTP (FB API s2)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from daemon.sandbox.call import Answer, Call
from daemon.sandbox.course import endpoint
from daemon.sandbox.errors import Family
from daemon.sandbox.identity import me_json
from daemon.sandbox.oauth import SCOPES, oauth_error

encode = msgspec.json.encode


async def _fields(call: Call) -> Mapping[str, Any]:
    """The body's fields: form, multipart and JSON are all parsed (FB API s2.1)."""
    if call.request.content_type == "application/json":
        body = await call.json()
        return body if isinstance(body, dict) else {}
    return {key: value for key, value in (await call.request.post()).items() if isinstance(value, str)}


def _check_client(call: Call, fields: Mapping[str, Any]) -> None:
    """Client authentication in the body or by HTTP Basic."""
    client_id, secret = fields.get("client_id"), fields.get("client_secret")
    scheme, _, encoded = call.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client_id = secret = None
    call.sandbox.oauth.check_client(_text(client_id), _text(secret))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


async def _token(call: Call) -> Answer:
    fields = await _fields(call)
    _check_client(call, fields)
    server = call.sandbox.oauth
    kind = fields.get("grant_type")
    if kind == "authorization_code":
        verifier, uri = _text(fields.get("code_verifier")), _text(fields.get("redirect_uri"))
        answer = server.exchange_code(_text(fields.get("code")), uri, verifier, call.now)
    elif kind == "refresh_token":
        answer = server.exchange_refresh(_text(fields.get("refresh_token")), call.now)
    else:
        raise oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported.")
    call.entry.committed = True
    return Answer(body=encode(answer))


async def _revoke(call: Call) -> Answer:
    fields = await _fields(call)
    _check_client(call, fields)
    call.sandbox.oauth.revoke_token(_text(fields.get("token")))
    call.entry.committed = True
    return Answer()


async def _me(call: Call) -> Answer:
    return Answer(body=encode(me_json(call.login)))


async def _metadata(call: Call) -> Answer:
    """RFC 8414 metadata; it names the second set of addresses, which behave the same (FB API s2.1)."""
    root = str(call.request.url.origin())
    base = f"{root}/service/auth/oauth"
    return Answer(
        body=encode(
            {
                "issuer": root,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "revocation_endpoint": f"{base}/revoke",
                "introspection_endpoint": f"{base}/introspect",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "scopes_supported": sorted(SCOPES),
            }
        )
    )


async def _introspect(call: Call) -> Answer:
    fields = await _fields(call)
    _check_client(call, fields)
    known = call.sandbox.oauth.access.get(_text(fields.get("token")))
    if known is None or known[1] <= call.now:
        return Answer(body=encode({"active": False}))
    grant = call.sandbox.oauth.grants[known[0]]
    body = {"active": True, "scope": " ".join(sorted(grant.scopes)), "exp": int(known[1].timestamp())}
    return Answer(body=encode({**body, "sub": str(grant.identity_id)}))


def add_routes(app: web.Application) -> None:
    """Serve both sets of OAuth addresses and the identity."""
    for base in ("/auth/oauth", "/service/auth/oauth"):
        app.router.add_post(f"{base}/token", endpoint(Family.AUTH, _token))
        app.router.add_post(f"{base}/revoke", endpoint(Family.AUTH, _revoke))
        app.router.add_post(f"{base}/introspect", endpoint(Family.AUTH, _introspect))
    app.router.add_get("/auth/api/v1/users/me", endpoint(Family.AUTH, _me))
    app.router.add_get("/.well-known/oauth-authorization-server", endpoint(Family.AUTH, _metadata, limited=False))
