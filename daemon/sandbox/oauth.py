"""The authorisation server's state and rules: codes, grants, one-time refresh tokens (FB API s2)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from daemon.sandbox.errors import ApiError, unauthorized
from daemon.sandbox.options import SandboxOptions
from daemon.sandbox.switches import Switches

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE_S = 43_200
_OBJECTS = (
    "bill_payments", "bill_vendors", "billable_items", "bills", "business", "clients", "credit_notes", "estimates",
    "expenses", "invoices", "journal_entries", "online_payments", "other_income", "payments", "projects", "retainers",
    "taxes", "teams", "time_entries",
)  # fmt: skip
SCOPES = frozenset(f"user:{thing}:{verb}" for thing in _OBJECTS for verb in ("read", "write")) | {
    "user:profile:read", "user:notifications:read", "user:reports:read",
}  # fmt: skip
_PROFILE = "user:profile:read"


@dataclass(slots=True, kw_only=True)
class Grant:
    """One consent of one person: the chain of its tokens."""

    id: int
    identity_id: int
    scopes: frozenset[str]
    refresh_token: str = ""
    latest_access: str = ""
    access_tokens: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorisation code, valid once and for five minutes."""

    grant_id: int
    redirect_uri: str
    challenge: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A pair of tokens that was just issued; `counter` is how many secrets were made until then."""

    grant: Grant
    access: str
    refresh: str
    expires_at: datetime
    counter: int


def _ignore(_fact: object) -> None:
    """Nobody keeps what happens."""


def oauth_error(status: int, code: str, message: str) -> ApiError:
    """An error of the OAuth family."""
    return ApiError(status, message, code=code)


def _invalid_grant() -> ApiError:
    message = "The provided authorization grant is invalid, expired, or revoked."
    return oauth_error(400, "invalid_grant", message)


class AuthorizationServer:
    """Issues and checks tokens for the one registered app; every token follows from the seed and a counter."""

    def __init__(self, options: SandboxOptions, switches: Switches) -> None:
        """Start without any grant."""
        self.options = options
        self.switches = switches
        self.grants: dict[int, Grant] = {}
        self._by_identity: dict[int, list[Grant]] = {}
        self.codes: dict[str, Code] = {}
        self.access: dict[str, tuple[int, datetime]] = {}
        self.refresh: dict[str, int] = {}
        self._counter = 0
        self.on_issue: Callable[[Issued], None] = _ignore
        self.on_end: Callable[[int], None] = _ignore
        self._key = hashlib.sha256(f"{options.seed}/{options.client_secret}".encode()).digest()

    def _secret(self, kind: str) -> str:
        self._counter += 1
        return hmac.new(self._key, f"{kind}/{self._counter}".encode(), hashlib.sha256).hexdigest()

    def check_client(self, client_id: str | None, client_secret: str | None) -> None:
        """Raise 401 invalid_client unless both match; there are no public clients (FB API s2.1)."""
        known = hmac.compare_digest(client_id or "", self.options.client_id)
        if not known or not hmac.compare_digest(client_secret or "", self.options.client_secret):
            raise oauth_error(401, "invalid_client", "Client authentication failed due to unknown client.")

    def redirect_problem(self, uri: str) -> str | None:
        """Why `uri` cannot be redirected to, or None: exact match, https, no query (FB API s2.6)."""
        parts = urlsplit(uri)
        if uri not in self.options.redirect_uris:
            return "The redirect uri included is not valid."
        if parts.scheme != "https" and not self.options.allow_http_redirects:
            return "Redirect URIs must use https."
        if parts.query or parts.fragment:
            return "Redirect URIs may not contain a query or a fragment."
        return None

    def parse_scopes(self, text: str) -> frozenset[str]:
        """The asked scopes plus the profile's; raises 400 invalid_scope when a single one is unknown (FB API s2.5)."""
        asked = frozenset(text.split()) if text.strip() else SCOPES
        if not asked <= SCOPES:
            raise oauth_error(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
        return asked | {_PROFILE}

    def grant(self, identity_id: int, scopes: frozenset[str]) -> Grant:
        """Record a consent; an older chain of the same person ends with it unless switched."""
        if self.switches["second_consent_revokes"]:
            for old in self._by_identity.get(identity_id, ()):
                self.revoke_grant(old)
        return self._remember(Grant(id=self._next_grant_id(), identity_id=identity_id, scopes=scopes))

    def _next_grant_id(self) -> int:
        """Consents that never led to a token are not kept across restarts, so count from the newest known."""
        return next(reversed(self.grants), 0) + 1

    def _remember(self, grant: Grant) -> Grant:
        self.grants[grant.id] = grant
        self._by_identity.setdefault(grant.identity_id, []).append(grant)
        return grant

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str, now: datetime) -> str:
        """A code for the redirect back to the app."""
        code = self._secret("code")
        self.codes[code] = Code(
            grant_id=grant.id, redirect_uri=redirect_uri, challenge=challenge, expires_at=now + CODE_LIFE
        )
        return code

    def exchange_code(self, code: str, redirect_uri: str, verifier: str, now: datetime) -> dict[str, Any]:
        """Tokens for a code; raises 400 invalid_grant when it is spent, late, for another uri, or unverified."""
        known = self.codes.pop(code, None)
        if known is None or known.expires_at <= now or known.redirect_uri != redirect_uri:
            raise _invalid_grant()
        if known.challenge and self.switches["pkce_enforced"] and _challenge(verifier) != known.challenge:
            raise _invalid_grant()
        grant = self.grants[known.grant_id]
        if grant.revoked:
            raise _invalid_grant()
        return self.issue(grant, now)

    def exchange_refresh(self, token: str, now: datetime) -> dict[str, Any]:
        """A new pair for a refresh token, which dies with this call (FB API s2.4)."""
        grant_id = self.refresh.pop(token, None)
        if grant_id is None or self.grants[grant_id].revoked:
            raise _invalid_grant()
        grant = self.grants[grant_id]
        if self.switches["refresh_revokes_access"]:
            self._drop_access(grant)
        return self.issue(grant, now)

    def issue(self, grant: Grant, now: datetime) -> dict[str, Any]:
        """A fresh pair of tokens in FreshBooks' token answer."""
        refresh, access = self._secret("refresh"), self._access_token(grant, now)
        self.refresh.pop(grant.refresh_token, None)
        grant.refresh_token = refresh
        expires_at = now + timedelta(seconds=ACCESS_LIFE_S)
        self._adopt(grant, access=access, refresh=refresh, expires_at=expires_at)
        self.on_issue(Issued(grant=grant, access=access, refresh=refresh, expires_at=expires_at, counter=self._counter))
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": ACCESS_LIFE_S,
            "refresh_token": refresh,
            "scope": " ".join(sorted(grant.scopes)),
            "created_at": int(now.timestamp()),
            "direct_buy_tokens": {},
        }
        return {**answer, "id_token": access} if self.switches["id_token"] else answer

    def adopt_chain(
        self,
        *,
        grant_id: int,
        identity_id: int,
        scopes: frozenset[str],
        access: str,
        refresh: str,
        expires_at: datetime,
        counter: int,
    ) -> None:
        """Make a pair of tokens live that an earlier run issued."""
        grant = self.grants.get(grant_id)
        if grant is None:
            grant = self._remember(Grant(id=grant_id, identity_id=identity_id, scopes=scopes))
        self._counter = max(self._counter, counter)
        self.refresh.pop(grant.refresh_token, None)
        self._adopt(grant, access=access, refresh=refresh, expires_at=expires_at)

    def live_pair(self, identity_id: int) -> tuple[str, str] | None:
        """The latest access and refresh token of this person, if a chain of theirs is alive."""
        for grant in self._by_identity.get(identity_id, ()):
            if not grant.revoked and grant.refresh_token:
                return grant.latest_access, grant.refresh_token
        return None

    def _adopt(self, grant: Grant, *, access: str, refresh: str, expires_at: datetime) -> None:
        self.refresh[refresh] = grant.id
        grant.refresh_token = refresh
        self.access[access] = (grant.id, expires_at)
        grant.access_tokens.add(access)
        grant.latest_access = access

    def _access_token(self, grant: Grant, now: datetime) -> str:
        header = {"alg": "HS256", "typ": "JWT", "kid": self._secret("kid")}
        claims = {
            "iss": "https://auth.freshbooks.com",
            "sub": str(grant.identity_id),
            "aud": self.options.client_id,
            "scope": " ".join(sorted(grant.scopes)),
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + ACCESS_LIFE_S,
            "jti": self._secret("jti"),
        }
        text = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
        return f"{text}.{_b64(hmac.new(self._key, text.encode(), hashlib.sha256).digest())}"

    def authenticate(self, header: str, now: datetime) -> Grant:
        """The grant of a `Bearer` header; raises 401 when it is absent, unknown, expired or revoked."""
        scheme, _, token = header.partition(" ")
        known = self.access.get(token) if scheme.lower() == "bearer" else None
        if known is None or known[1] <= now:
            raise unauthorized()
        return self.grants[known[0]]

    def revoke_token(self, token: str) -> None:
        """Revoke by access or refresh token: the access token stops at once; an unknown token is no error."""
        grant_id = self.refresh.get(token) or (self.access[token][0] if token in self.access else None)
        if grant_id is not None:
            self.revoke_grant(self.grants[grant_id])

    def revoke_grant(self, grant: Grant) -> None:
        """End a whole chain."""
        if not grant.revoked:
            self.on_end(grant.id)
        grant.revoked = True
        self.refresh.pop(grant.refresh_token, None)
        self._drop_access(grant)

    def _drop_access(self, grant: Grant) -> None:
        for token in grant.access_tokens:
            self.access.pop(token, None)
        grant.access_tokens.clear()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _challenge(verifier: str) -> str:
    return _b64(hashlib.sha256(verifier.encode()).digest())
