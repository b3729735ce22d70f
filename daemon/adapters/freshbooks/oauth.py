"""FreshBooks' OAuth: the authorize address, tokens for a code, a fresh pair for a refresh token, revoke (FB API s2)."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from daemon.adapters.freshbooks.calls import Call, Caller
from daemon.adapters.freshbooks.envelopes import parse
from daemon.adapters.freshbooks.errors import error_of, read_complaint
from daemon.adapters.freshbooks.identity import read_identity
from daemon.core.consent import Identity, TokenPair
from daemon.core.errors import (
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)

_BAD_REQUEST, _UNAUTHORIZED = 400, 401
_DEAD = frozenset({"invalid_grant", "invalid_token"})
_FORM = "application/x-www-form-urlencoded"


class _Token(Struct, gc=False):
    access_token: str
    refresh_token: str
    expires_in: int
    created_at: int | None = None
    scope: str | None = None


_token_decoder = msgspec.json.Decoder(_Token)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The application that partners authorise, as registered at FreshBooks."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    auth_url: str = "https://auth.freshbooks.com"


@dataclass(slots=True, kw_only=True)
class FreshBooksOAuth:
    """Fulfils `Authority` (actors/consent_ports.py), and refreshes. Every coroutine is one call, never repeated."""

    caller: Caller
    app: App
    now: Callable[[], datetime]

    def use_secret(self, client_secret: str) -> None:
        """Prove who we are by another secret from the next call on."""
        self.app = replace(self.app, client_secret=client_secret)

    def authorize_url(self, state: str, verifier: str) -> str:
        """Build the address where the person allows access, with the PKCE S256 challenge of `verifier`."""
        query = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": self.app.redirect_uri,
            "scope": " ".join(self.app.scopes),
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.app.auth_url}/oauth/authorize/?{urlencode(query)}"

    async def exchange(self, code: str, verifier: str) -> TokenPair:
        """Exchange a code for tokens; a bad, spent or late code is FreshBooksRefused."""
        try:
            return await self._token({"grant_type": "authorization_code", "code": code, "code_verifier": verifier})
        except AuthorizationLost as error:
            raise FreshBooksRefused(str(error), status=_BAD_REQUEST) from error

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair; the old one is spent by the attempt (FB API s2.4).

        Raises AuthorizationLost for a spent or revoked token, FreshBooksUnavailable when FreshBooks cannot answer or
        does not accept this application.
        """
        try:
            return await self._token({"grant_type": "refresh_token", "refresh_token": refresh_token})
        except FreshBooksRefused as error:
            raise _misconfigured(error) from error
        except FreshBooksAnswerInvalid as error:
            raise FreshBooksUnavailable(f"FreshBooks gave no usable tokens: {error}") from error

    async def revoke(self, access_token: str) -> None:
        """End an access token and its refresh token; one that FreshBooks no longer knows is ended already."""
        call = self._form("/auth/oauth/revoke", {"token": access_token})
        try:
            await self.caller.call(call, explain=_oauth_error_of)
        except AuthorizationLost:
            return
        except FreshBooksRefused as error:
            raise _misconfigured(error) from error

    async def identity(self, access_token: str) -> Identity:
        """Tell who consented, and their businesses. Also raises AuthorizationExpired."""
        return read_identity(
            await self.caller.call(Call(method="GET", path="/auth/api/v1/users/me"), token=access_token)
        )

    async def _token(self, fields: Mapping[str, str]) -> TokenPair:
        # The redirect URI is sent on a refresh too, as all of FreshBooks' own SDKs do (FB API s2.2).
        call = self._form("/auth/oauth/token", {**fields, "redirect_uri": self.app.redirect_uri})
        token = parse(await self.caller.call(call, explain=_oauth_error_of), _token_decoder)
        if not (token.access_token.isascii() and token.access_token.isprintable() and token.access_token):
            raise FreshBooksAnswerInvalid("FreshBooks answered an access token that no header can carry")
        if not token.refresh_token or not 0 < token.expires_in < _SECONDS_MAX:
            raise FreshBooksAnswerInvalid("FreshBooks answered tokens without a refresh token or a lifetime")
        return TokenPair(
            access_token=token.access_token,
            refresh_token=token.refresh_token,
            expires_at=expiry(token.created_at, token.expires_in, self.now()),
            scopes=frozenset((token.scope or "").split()),
        )

    def _form(self, path: str, fields: Mapping[str, str]) -> Call:
        secret = {"client_id": self.app.client_id, "client_secret": self.app.client_secret}
        return Call(method="POST", path=path, body=urlencode({**secret, **fields}).encode(), content_type=_FORM)


_SECONDS_MAX = 10 * 365 * 86_400


def expiry(created_at: int | None, expires_in: int, now: datetime) -> datetime:
    """Tell when an access token ends: `created_at` + `expires_in`, as FreshBooks counts (FB API s2.3).

    FreshBooks has been seen to repeat an old `created_at` on a refresh, and clocks differ: an end that has passed
    cannot be meant, and one later than a full life from now would be noticed too late; the local clock then counts.
    """
    by_clock = now + timedelta(seconds=expires_in)
    if created_at is None or not 0 < created_at < _FAR:
        return by_clock
    by_freshbooks = datetime.fromtimestamp(created_at, UTC) + timedelta(seconds=expires_in)
    return by_freshbooks if now < by_freshbooks < by_clock else by_clock


_FAR = 253_370_764_800  # the year 9999: a longer number is no Unix time in seconds


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _oauth_error_of(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """Turn an OAuth error into the core's: a dead grant is AuthorizationLost, a refused client FreshBooksRefused."""
    complaint = read_complaint(body)
    if status in (_BAD_REQUEST, _UNAUTHORIZED) and complaint is not None:
        if complaint.kind in _DEAD:
            return AuthorizationLost(f"FreshBooks says that the grant is spent or revoked: {complaint.message}")
        return FreshBooksRefused(f"FreshBooks refused ({complaint.kind}): {complaint.message}", status=status)
    return error_of(status, headers, body)


def _misconfigured(error: FreshBooksRefused) -> FreshBooksUnavailable:
    """The partner's consent stands; what FreshBooks refuses is the operator's application."""
    return FreshBooksUnavailable(f"check the FreshBooks client id, secret and redirect URI: {error}")
