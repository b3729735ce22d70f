"""OAuth with FreshBooks: the authorize address, codes, refreshes, revokes and who consented."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest

from daemon.adapters.freshbooks.calls import Call, open_session
from daemon.adapters.freshbooks.oauth import App, FreshBooksOAuth, expiry
from daemon.core.consent import Membership
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.sandbox.command import RunningSandbox
from tests.adapters.freshbooks_servers import a_sandbox, answering, caller, told

NOW = datetime(2026, 8, 4, 12, tzinfo=UTC)
REDIRECT = "https://localhost/callback"
SCOPES = ("user:profile:read", "user:invoices:read", "user:payments:read", "user:payments:write")
VERIFIER = "v" * 43
TOKENS: dict[str, Any] = {
    "access_token": "an-access-token",
    "refresh_token": "a-refresh-token",
    "expires_in": 43200,
    "created_at": int(NOW.timestamp()),
    "scope": "user:invoices:read user:profile:read",
    "token_type": "Bearer",
    "direct_buy_tokens": {},
}


@asynccontextmanager
async def oauth_at(base_url: str, **changes: Any) -> AsyncIterator[FreshBooksOAuth]:
    app = {
        "client_id": "sandbox-client-id",
        "client_secret": "sandbox-client-secret",
        "redirect_uri": REDIRECT,
        "scopes": SCOPES,
        "auth_url": base_url,
    }
    async with open_session() as session:
        yield FreshBooksOAuth(caller=caller(session, base_url), app=App(**{**app, **changes}), now=lambda: NOW)


@asynccontextmanager
async def told_oauth(*answers: aiohttp.web.Response) -> AsyncIterator[FreshBooksOAuth]:
    async with answering(answers) as server, oauth_at(server.base_url) as oauth:
        yield oauth


async def consent(started: RunningSandbox, oauth: FreshBooksOAuth, *, decision: str = "allow") -> dict[str, str]:
    """Go through FreshBooks' pages as a person would, and tell what comes back in the redirect."""
    login = started.greeting["logins"][0]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        address = oauth.authorize_url("the-state", VERIFIER)
        async with browser.get(address) as page:
            assert "password" in await page.text()
        form = {"email": login["email"], "password": login["password"], "next": address.removeprefix(started.base_url)}
        async with browser.post(f"{started.base_url}/oauth/login", data=form) as page:
            fields = dict(re.findall(r'name="([^"]+)"\s+value="([^"]*)"', await page.text()))
        fields = {name: value.replace("&amp;", "&") for name, value in fields.items()}
        async with browser.post(
            f"{started.base_url}/oauth/authorize/", data=fields | {"decision": decision}, allow_redirects=False
        ) as answer:
            location = urlsplit(answer.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == REDIRECT
    return dict(parse_qsl(location.query))


def test_the_authorize_address_asks_for_our_scopes_with_state_and_challenge() -> None:
    app = App(client_id="cid", client_secret="s", redirect_uri=REDIRECT, scopes=SCOPES)
    oauth = FreshBooksOAuth(caller=None, app=app, now=lambda: NOW)  # type: ignore[arg-type]
    # RFC 7636, appendix B
    address = urlsplit(oauth.authorize_url("a state", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
    assert (address.netloc, address.path) == ("auth.freshbooks.com", "/oauth/authorize/")
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["cid"],
        "redirect_uri": [REDIRECT],
        "scope": [" ".join(SCOPES)],
        "state": ["a state"],
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        "code_challenge_method": ["S256"],
    }


async def test_a_consent_at_freshbooks_gives_tokens_that_work() -> None:
    async with a_sandbox() as started, oauth_at(started.base_url) as oauth:
        back = await consent(started, oauth)
        assert back["state"] == "the-state"
        pair = await oauth.exchange(back["code"], VERIFIER)
        assert pair.scopes == frozenset(SCOPES)
        identity = await oauth.identity(pair.access_token)
    assert identity.email == started.greeting["logins"][0]["email"]
    kinds = [(m.role, m.account_id is None, m.journal_entries, m.plan) for m in identity.memberships]
    assert kinds == [("owner", False, True, "active"), ("owner", True, None, None), ("client", False, False, "active")]
    assert identity.memberships[0] == Membership(
        name="Hale Managed IT",
        business_id=started.greeting["accounts"][0]["business_id"],
        business_uuid=started.greeting["accounts"][0]["business_uuid"],
        account_id=started.greeting["accounts"][0]["account_id"],
        role="owner",
        timezone=identity.memberships[0].timezone,
        plan="active",
        journal_entries=True,
    )


async def test_a_declined_consent_comes_back_with_the_error() -> None:
    async with a_sandbox() as started, oauth_at(started.base_url) as oauth:
        back = await consent(started, oauth, decision="deny")
    assert back["error"] == "access_denied"
    assert back["state"] == "the-state"


async def test_a_code_works_once_and_only_with_its_verifier() -> None:
    async with a_sandbox() as started, oauth_at(started.base_url) as oauth:
        code = (await consent(started, oauth))["code"]
        with pytest.raises(FreshBooksRefused):
            await oauth.exchange(code, "w" * 43)
        code = (await consent(started, oauth))["code"]
        await oauth.exchange(code, VERIFIER)
        with pytest.raises(FreshBooksRefused):
            await oauth.exchange(code, VERIFIER)


async def test_a_refresh_gives_a_new_pair_and_spends_the_old_refresh_token() -> None:
    async with a_sandbox() as started, oauth_at(started.base_url) as oauth:
        first = started.greeting["refresh_token"]
        pair = await oauth.refresh(first)
        assert pair.refresh_token != first
        await oauth.identity(pair.access_token)
        with pytest.raises(AuthorizationLost):
            await oauth.refresh(first)


async def test_a_revoked_token_stops_at_once_and_may_be_revoked_again() -> None:
    async with a_sandbox() as started, oauth_at(started.base_url) as oauth:
        token = started.greeting["access_token"]
        await oauth.revoke(token)
        with pytest.raises(AuthorizationExpired):
            await oauth.identity(token)
        await oauth.revoke(token)
        with pytest.raises(AuthorizationLost):
            await oauth.refresh(started.greeting["refresh_token"])


async def test_a_token_that_freshbooks_forgot_counts_as_revoked() -> None:
    forgotten = told({"error": "invalid_token", "error_description": "Unknown."}, 401)
    async with answering([forgotten]) as server, oauth_at(server.base_url) as oauth:
        await oauth.revoke("gone")
    assert [dict(parse_qsl(body.decode()))["token"] for body in server.bodies] == ["gone"]


async def test_a_wrong_client_secret_is_the_operators_to_mend_and_loses_no_consent() -> None:
    async with a_sandbox() as started, oauth_at(started.base_url, client_secret="wrong") as oauth:
        with pytest.raises(FreshBooksUnavailable, match="client id, secret"):
            await oauth.refresh(started.greeting["refresh_token"])
        with pytest.raises(FreshBooksUnavailable, match="client id, secret"):
            await oauth.revoke(started.greeting["access_token"])
        with pytest.raises(FreshBooksRefused, match="invalid_client"):
            await oauth.exchange("a-code", VERIFIER)


async def test_a_refresh_sends_the_redirect_uri_too() -> None:
    async with answering([told(TOKENS)]) as server, oauth_at(server.base_url) as oauth:
        await oauth.refresh("r1")
    assert dict(parse_qsl(server.bodies[0].decode())) == {
        "client_id": "sandbox-client-id",
        "client_secret": "sandbox-client-secret",
        "grant_type": "refresh_token",
        "refresh_token": "r1",
        "redirect_uri": REDIRECT,
    }
    assert server.asked[0].content_type == "application/x-www-form-urlencoded"
    assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    "answer",
    [
        {},
        TOKENS | {"access_token": ""},
        TOKENS | {"access_token": "a\r\nX-Evil: 1"},
        TOKENS | {"access_token": "tökén"},
        TOKENS | {"refresh_token": ""},
        TOKENS | {"refresh_token": None},
        TOKENS | {"expires_in": 0},
        TOKENS | {"expires_in": 10**18},
    ],
)
async def test_an_answer_without_usable_tokens_is_not_taken(answer: dict[str, Any]) -> None:
    async with told_oauth(told(answer)) as oauth:
        with pytest.raises(FreshBooksAnswerInvalid):
            await oauth.exchange("a-code", VERIFIER)
        with pytest.raises(FreshBooksUnavailable):
            await oauth.refresh("r1")


@pytest.mark.parametrize(("status", "body"), [(500, "<html>"), (503, {"error": "internal_server_error"}), (429, {})])
async def test_a_freshbooks_that_is_down_loses_no_authorization(status: int, body: Any) -> None:
    async with told_oauth(told(body, status)) as oauth:
        with pytest.raises(FreshBooksUnavailable):
            await oauth.refresh("r1")
        with pytest.raises(FreshBooksUnavailable):
            await oauth.identity("a")


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("created", "ends"),
    [
        (NOW, NOW + 12 * HOURS),
        (NOW - HOURS, NOW + 11 * HOURS),
        (NOW - 20 * HOURS, NOW + 12 * HOURS),
        (NOW + HOURS, NOW + 12 * HOURS),
        (None, NOW + 12 * HOURS),
    ],
    ids=["now", "an hour ago", "an old date repeated", "a clock ahead of ours", "not told"],
)
def test_an_access_token_ends_when_freshbooks_says_as_far_as_that_can_be_meant(
    created: datetime | None, ends: datetime
) -> None:
    assert expiry(None if created is None else int(created.timestamp()), 43200, NOW) == ends


@pytest.mark.parametrize("created_at", [-1, 0, 10**15])
def test_a_created_at_that_is_no_time_counts_as_not_told(created_at: int) -> None:
    assert expiry(created_at, 43200, NOW) == NOW + 12 * HOURS


def test_secrets_do_not_show_in_a_representation() -> None:
    app = App(client_id="cid", client_secret="hush", redirect_uri=REDIRECT, scopes=SCOPES)
    assert "hush" not in repr(app)
    assert Call(method="GET", path="/").body is None


@pytest.mark.parametrize(
    "me",
    [
        {"response": {"id": 1}},
        {"response": {"id": 1, "business_memberships": [{"business": {"id": 2}}], "permissions": {"": []}}},
        {"response": {"id": 1, "business_memberships": [{"business": {"id": 2, "account_id": ""}, "role": None}]}},
    ],
)
async def test_a_sparse_identity_is_read(me: dict[str, Any]) -> None:
    async with told_oauth(told(me)) as oauth:
        identity = await oauth.identity("a")
    assert all(member.account_id is None and member.name == "Business 2" for member in identity.memberships)


async def test_an_identity_of_another_shape_is_not_guessed() -> None:
    async with told_oauth(told({"response": {"result": {}}})) as oauth:
        with pytest.raises(FreshBooksAnswerInvalid):
            await oauth.identity("a")
