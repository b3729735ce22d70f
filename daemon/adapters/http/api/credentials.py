"""Who calls the API: a machine's stored token, or a short-lived JWT that the platform signed for one partner."""

import enum
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from daemon.adapters.http.api.ports import Tokens
from daemon.core.model import PartnerId

AUDIENCE: Final = "freshbooks-syncd"
JWT_LIFETIME_MAX: Final = timedelta(minutes=10)
"""A JWT that claims to live longer is refused, whoever signed it."""
TOKEN_PREFIX: Final = "syncd_"  # noqa: S105 -- what secrets begin with, so that scanners find leaked ones
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a machine's token may be called."""
_BEARER: Final = re.compile(r"Bearer ([A-Za-z0-9._~+/=-]{1,4096})", re.IGNORECASE)
_NOT_OURS: Final = "This credential is not valid here. Ask for a new one."


class Scope(enum.StrEnum):
    """What a credential may do; the area and the verb, as in the platform's public API."""

    CONNECTION_READ = "connection:read"
    CONNECTION_WRITE = "connection:write"
    INVOICES_READ = "invoices:read"
    INVOICES_WRITE = "invoices:write"
    CUSTOMERS_READ = "customers:read"
    PAYMENTS_READ = "payments:read"
    PAYOUTS_READ = "payouts:read"
    ISSUES_READ = "issues:read"
    ISSUES_WRITE = "issues:write"
    HISTORY_READ = "history:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, for which partner, with which scopes; `who` is what the audit log names."""

    partner_id: PartnerId
    scopes: frozenset[str]
    who: str


class NotAuthorised(Exception):
    """The request carries no credential that is valid now; the message is a sentence for the caller."""


def hash_token(token: str) -> bytes:
    """The stored form of a machine's token: reading the table authorises nobody."""
    return hashlib.sha256(token.encode()).digest()


async def identify(header: str, tokens: Tokens, keys: Mapping[str, str], now: datetime) -> Caller:
    """Tell who sent this Authorization header. Raises NotAuthorised, StoreUnavailable."""
    found = _BEARER.fullmatch(header.strip())
    if found is None:
        raise NotAuthorised("Send a credential in the header: Authorization: Bearer <token>.")
    if not found[1].startswith(TOKEN_PREFIX):
        return _caller_of_jwt(found[1], keys, now)
    stored = await tokens.find_token(hash_token(found[1]), now)
    if stored is None:
        raise NotAuthorised(_NOT_OURS)
    return Caller(partner_id=stored.partner_id, scopes=stored.scopes, who=f"api:{stored.name}")


def sign_jwt(partner_id: PartnerId, scopes: frozenset[Scope], now: datetime, *, key_id: str, secret: str) -> str:
    """Sign a credential for one partner, as the platform does with a key of `public.link_keys`; it lives 5 minutes."""
    claims = {
        "aud": AUDIENCE,
        "sub": partner_id,
        "scope": " ".join(sorted(scopes)),
        "iat": int(now.timestamp()),
        "exp": int((now + JWT_LIFETIME_MAX / 2).timestamp()),
    }
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": key_id})


def _caller_of_jwt(token: str, keys: Mapping[str, str], now: datetime) -> Caller:
    try:
        secret = keys[str(jwt.get_unverified_header(token).get("kid"))]
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            # The times are checked below, by the daemon's own clock.
            options={"require": ["sub", "iat", "exp"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        issued_at, expires_at = (datetime.fromtimestamp(int(claims[name]), UTC) for name in ("iat", "exp"))
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        raise NotAuthorised(_NOT_OURS) from error
    if expires_at <= now:
        raise NotAuthorised("This credential has expired. Sign a new one.")
    if expires_at - min(issued_at, now) > JWT_LIFETIME_MAX:
        raise NotAuthorised(f"A signed credential may live {JWT_LIFETIME_MAX.seconds // 60} minutes at most.")
    scopes = frozenset(str(claims.get("scope", "")).split())
    return Caller(partner_id=PartnerId(str(claims["sub"])), scopes=scopes, who="platform")
