"""Consent, tokens and identity as FreshBooks does them (FB API s2)."""

import base64
import hashlib
import json

import pytest

from tests.sandbox.serving import Api, consent, sandbox_api

PROFILE = "user:profile:read"


async def exchange(api: Api, code: str, **fields: str) -> dict[str, object]:
    uri = api.greeting["redirect_uris"][0]
    reply = await api.token_call(grant_type="authorization_code", code=code, redirect_uri=uri, **fields)
    return {"status": reply.status, **reply.json}


async def refresh(api: Api, token: str) -> dict[str, object]:
    reply = await api.token_call(grant_type="refresh_token", refresh_token=token, redirect_uri="https://x")
    return {"status": reply.status, **reply.json}


async def test_a_person_logs_in_allows_and_the_app_gets_tokens(api: Api) -> None:
    back = await consent(api, {"state": "s 1", "scope": "user:invoices:read"})
    assert back["state"] == "s 1"
    tokens = await exchange(api, back["code"])
    assert tokens["status"] == 200
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 43_200
    assert tokens["scope"] == f"user:invoices:read {PROFILE}"
    assert len(str(tokens["refresh_token"])) == 64
    assert tokens["created_at"] == int(api.sandbox.clock.now().timestamp())


async def test_the_access_token_is_a_jwt_with_a_scope_claim(api: Api) -> None:
    payload = api.token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert "user:invoices:write" in claims["scope"].split()
    assert len(api.token) > 900


async def test_a_person_who_declines_sends_access_denied_back(api: Api) -> None:
    back = await consent(api, {"state": "s"}, decision="deny")
    assert back["error"] == "access_denied"
    assert back["state"] == "s"


async def test_a_wrong_password_is_refused_with_a_sentence(api: Api) -> None:
    person = api.greeting["logins"][0]
    page = await api.form("/oauth/login", {"email": person["email"], "password": "wrong", "next": "/books"})
    assert page.status == 401
    assert b"do not match" in page.body


async def test_a_code_lives_five_minutes(api: Api) -> None:
    back = await consent(api)
    await api.advance(minutes=5)
    assert (await exchange(api, back["code"]))["error"] == "invalid_grant"


async def test_a_code_works_once(api: Api) -> None:
    back = await consent(api)
    assert (await exchange(api, back["code"]))["status"] == 200
    again = await exchange(api, back["code"])
    assert (again["status"], again["error"]) == (400, "invalid_grant")


async def test_a_code_is_bound_to_its_redirect_uri(api: Api) -> None:
    back = await consent(api)
    reply = await api.token_call(grant_type="authorization_code", code=back["code"], redirect_uri="https://other")
    assert reply.json["error"] == "invalid_grant"


@pytest.mark.parametrize(("enforced", "status"), [(True, 400), (False, 200)])
async def test_a_wrong_code_verifier_is_refused_when_pkce_is_enforced(api: Api, enforced: bool, status: int) -> None:
    await api.switch(pkce_enforced=enforced)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"right").digest()).rstrip(b"=").decode()
    back = await consent(api, {"code_challenge": challenge, "code_challenge_method": "S256"})
    assert (await exchange(api, back["code"], code_verifier="wrong"))["status"] == status
    back = await consent(api, {"code_challenge": challenge, "code_challenge_method": "S256"})
    assert (await exchange(api, back["code"], code_verifier="right"))["status"] == 200


async def test_a_refresh_token_works_once_and_its_successor_lives(api: Api) -> None:
    first = await refresh(api, api.greeting["refresh_token"])
    assert first["status"] == 200
    again = await refresh(api, api.greeting["refresh_token"])
    assert (again["status"], again["error"]) == (400, "invalid_grant")
    assert (await refresh(api, str(first["refresh_token"])))["status"] == 200


async def test_access_tokens_outlive_a_refresh_unless_switched(api: Api) -> None:
    pair = await refresh(api, api.greeting["refresh_token"])
    assert (await api.get("/auth/api/v1/users/me")).status == 200
    await api.switch(refresh_revokes_access=True)
    await refresh(api, str(pair["refresh_token"]))
    assert (await api.get("/auth/api/v1/users/me")).status == 401


async def test_an_access_token_lives_twelve_hours(api: Api) -> None:
    await api.advance(hours=11, minutes=59)
    assert (await api.get("/auth/api/v1/users/me")).status == 200
    await api.advance(minutes=1)
    assert (await api.get("/auth/api/v1/users/me")).status == 401
    assert (await api.get("invoices/invoices")).error["errno"] == 1003


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_a_revoked_token_stops_at_once(api: Api, kind: str) -> None:
    secret = {"client_id": api.greeting["client_id"], "client_secret": api.greeting["client_secret"]}
    reply = await api.form("/auth/oauth/revoke", {**secret, "token": api.greeting[kind]})
    assert (reply.status, reply.json) == (200, {})
    assert (await api.get("/auth/api/v1/users/me")).status == 401
    assert (await refresh(api, api.greeting["refresh_token"]))["error"] == "invalid_grant"


@pytest.mark.parametrize(("revokes", "status"), [(True, 400), (False, 200)])
async def test_a_second_consent_ends_the_first_chain_when_switched(api: Api, revokes: bool, status: int) -> None:
    await api.switch(second_consent_revokes=revokes)
    await consent(api)
    assert (await refresh(api, api.greeting["refresh_token"]))["status"] == status


async def test_a_wrong_secret_is_an_invalid_client(api: Api) -> None:
    reply = await api.token_call(grant_type="refresh_token", refresh_token="x", client_secret="wrong")
    assert (reply.status, reply.json["error"]) == (401, "invalid_client")


async def test_the_client_may_authenticate_by_basic(api: Api) -> None:
    pair = f"{api.greeting['client_id']}:{api.greeting['client_secret']}"
    headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    fields = {"grant_type": "refresh_token", "refresh_token": api.greeting["refresh_token"]}
    assert (await api.form("/auth/oauth/token", fields, headers=headers)).status == 200


async def test_the_token_endpoint_reads_json_and_multipart_bodies(api: Api) -> None:
    secret = {"client_id": api.greeting["client_id"], "client_secret": api.greeting["client_secret"]}
    body = {**secret, "grant_type": "refresh_token", "refresh_token": api.greeting["refresh_token"]}
    first = await api.post("/auth/oauth/token", body)
    assert first.status == 200
    parts = {**body, "refresh_token": first.json["refresh_token"]}
    text = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    )
    url = api.running.base_url + "/service/auth/oauth/token"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with api.session.post(url, data=text + "--b--\r\n", headers=headers) as answer:
        assert answer.status == 200, await answer.text()


async def test_an_unknown_client_gets_a_500_page_on_authorise(api: Api) -> None:
    page = await api.get("/oauth/authorize/", client_id="nobody", response_type="code")
    assert page.status == 500
    assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("scope", ["user:nothing:read", "user:profile:write", "user:invoices:read user:x:read"])
async def test_one_unknown_scope_fails_the_whole_consent(api: Api, scope: str) -> None:
    query = {"client_id": api.greeting["client_id"], "redirect_uri": api.greeting["redirect_uris"][0]}
    url = api.running.base_url + "/oauth/authorize/"
    asked = {**query, "response_type": "code", "scope": scope}
    async with api.session.get(url, params=asked, allow_redirects=False) as answer:
        assert "error=invalid_scope" in answer.headers["Location"]


async def test_redirects_are_https_only_unless_the_named_exception_is_made() -> None:
    uri = "http://127.0.0.1:1/back"
    for allowed, status in ((False, 400), (True, 200)):
        async with sandbox_api(redirect_uris=(uri,), allow_http_redirects=allowed) as api:
            query = {"client_id": api.greeting["client_id"], "redirect_uri": uri, "response_type": "code"}
            assert (await api.get("/oauth/authorize/", **query)).status == status


async def test_a_redirect_uri_must_match_exactly(api: Api) -> None:
    uri = api.greeting["redirect_uris"][0] + "/"
    query = {"client_id": api.greeting["client_id"], "redirect_uri": uri, "response_type": "code"}
    assert (await api.get("/oauth/authorize/", **query)).status == 400


async def test_the_metadata_names_the_second_set_of_addresses(api: Api) -> None:
    body = (await api.get("/.well-known/oauth-authorization-server")).json
    assert body["token_endpoint"].endswith("/service/auth/oauth/token")
    assert body["code_challenge_methods_supported"] == ["S256"]


async def test_the_identity_has_an_owner_a_null_account_and_a_client_role(api: Api) -> None:
    body = (await api.get("/auth/api/v1/users/me")).json
    assert "result" not in body["response"]
    rows = body["response"]["business_memberships"]
    assert [row["role"] for row in rows] == ["owner", "owner", "client"]
    assert [row["business"]["account_id"] is None for row in rows] == [False, True, False]
    assert all(row["id"] != row["business"]["id"] for row in rows)
    own = body["response"]["permissions"][api.account_id]
    assert own["manual_journal_entries_feature.access"] is True
    foreign = rows[2]["business"]["account_id"]
    assert {"client": foreign} == {
        r["role"]: r["accountid"] for r in body["response"]["roles"] if r["role"] == "client"
    }


async def test_a_missing_bearer_is_unauthenticated(api: Api) -> None:
    reply = await api.call("GET", "/auth/api/v1/users/me", headers={"Authorization": ""})
    assert reply.status == 401
    assert reply.json["error"] == "unauthenticated"


async def test_a_token_without_the_scope_is_refused(api: Api) -> None:
    back = await consent(api, {"scope": "user:clients:read"})
    tokens = await exchange(api, back["code"])
    api.token = str(tokens["access_token"])
    assert (await api.get("users/clients")).status == 200
    assert (await api.get("invoices/invoices")).status == 403
    assert (await api.post("users/clients", {"client": {"organization": "x"}})).status == 403
