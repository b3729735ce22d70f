"""Who may ask the HTTP API for what, and how often."""

from datetime import timedelta
from typing import Any

import jwt

from daemon.adapters.http.api.app import OPERATIONS
from daemon.adapters.http.api.credentials import Scope
from daemon.core.policy import RatePolicy
from tests.adapters.postgres_rows import PARTNER
from tests.builders import INVOICE
from tests.web.api_site import MACHINE, OTHER, READS, ApiSite, serving_api
from tests.web.site import KEYS


def claims(api: ApiSite, **changed: Any) -> dict[str, Any]:
    now = int(api.site.clock.now().timestamp())
    return {"aud": "freshbooks-syncd", "sub": PARTNER, "scope": "invoices:read", "iat": now, "exp": now + 60, **changed}


def signed(payload: dict[str, Any], key: str = KEYS["k1"], kid: str = "k1", algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid})


async def test_a_request_without_a_valid_credential_is_refused(api: ApiSite) -> None:
    now = int(api.site.clock.now().timestamp())
    await api.add_token("syncd_expired", "old", expires_at=api.site.clock.now() - timedelta(seconds=1))
    await api.add_token("syncd_revoked", "gone")
    assert await api.store.revoke_token(PARTNER, "gone", api.site.clock.now(), "operator:root")
    without_end = claims(api)
    del without_end["exp"]
    refused = {
        "none": "",
        "nonsense": "x.y.z",
        "an unknown token": "syncd_unknown",
        "an expired token": "syncd_expired",
        "a revoked token": "syncd_revoked",
        "an unknown key": signed(claims(api), kid="k9"),
        "another's key": signed(claims(api), key="x" * 40),
        "no signature": jwt.encode(claims(api), "", algorithm="none", headers={"kid": "k1"}),
        "an expired one": signed(claims(api, exp=now - 1)),
        "one that lives too long": signed(claims(api, exp=now + 3600)),
        "one from the future that lives too long": signed(claims(api, iat=now + 9000, exp=now + 9060)),
        "one without an end": signed(without_end),
        "for another audience": signed(claims(api, aud="elsewhere")),
        "with nonsense for times": signed(claims(api, iat="now")),
    }
    for what, token in refused.items():
        answer = await api.get("/invoices", token=token)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized"), what
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert not await api.books.value("SELECT count(*) FROM sync.audit WHERE what LIKE 'asked%'")


async def test_a_machines_token_works_until_it_is_revoked_and_is_stored_as_its_hash_alone(api: ApiSite) -> None:
    await api.add_token()
    assert (await api.get("/invoices", token=MACHINE)).status == 200
    row = (await api.books.fetch("SELECT * FROM sync.api_token"))[0]
    assert MACHINE not in str(dict(row))
    assert row["last_used_at"] == api.site.clock.now()
    assert await api.store.revoke_token(PARTNER, "machine", api.site.clock.now(), "operator:root")
    assert (await api.get("/invoices", token=MACHINE)).status == 401
    rows = await api.books.fetch("SELECT who, what FROM sync.audit ORDER BY audit_id")
    assert [tuple(row) for row in rows] == [
        ("operator:root", "made an API token"),
        ("operator:root", "revoked an API token"),
    ]


async def test_a_credential_does_only_what_its_scopes_allow(api: ApiSite) -> None:
    for operation in OPERATIONS:
        token = api.jwt(scopes=frozenset(Scope) - {operation.scope})
        path = operation.path.replace("{invoice_id}", str(INVOICE)).replace("{issue_id}", "1")
        answer = await api.call(operation.method, path.format(payment_id="pay_1", payout_id="po_1"), token=token)
        assert answer.status == 403, operation.name
        assert operation.scope.value in answer.json["message"]


async def test_nothing_of_one_partner_is_found_by_another(api: ApiSite) -> None:
    issue_id = (await api.get("/issues")).json["data"][0]["id"]
    stranger = api.jwt(OTHER)
    for method, path in {
        ("GET", f"/invoices/{INVOICE}"),
        ("POST", f"/invoices/{INVOICE}/refresh"),
        ("POST", f"/invoices/{INVOICE}/archive"),
        ("DELETE", f"/invoices/{INVOICE}/archive"),
        ("GET", "/payments/pay_1"),
        ("GET", "/payouts/po_1"),
        ("GET", f"/issues/{issue_id}"),
        ("POST", f"/issues/{issue_id}/actions"),
    }:
        body = {"action": "still_owes"} if path.endswith("actions") else None
        assert (await api.call(method, path, body, token=stranger)).status == 404, path
    for path in READS:
        if path.count("/") == 1 and path != "/connection":
            assert (await api.get(path, token=stranger)).json["data"] == [], path


async def test_a_browsers_cookie_opens_nothing_of_the_api(api: ApiSite) -> None:
    browser = await api.site.browser(PARTNER)
    answer = await browser.get("/v1/invoices")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json; charset=utf-8")


async def test_too_many_requests_for_one_partner_do_not_slow_another(database: str) -> None:
    async with serving_api(database, RatePolicy(calls_per_window=4, burst=2)) as api:
        statuses = [(await api.get("/runs")).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        answer = await api.get("/runs")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await api.get("/runs", token=api.jwt(OTHER))).status == 200
        api.site.clock.advance(timedelta(minutes=1))
        assert (await api.get("/runs")).status == 200
