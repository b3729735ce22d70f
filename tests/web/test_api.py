"""The HTTP API: the pages' verbs as JSON, for one partner at a time, with the platform's shapes of lists and errors."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import anyio
import jwt
import pytest

from daemon.adapters.http.api.app import OPERATIONS
from daemon.adapters.http.api.credentials import Scope
from daemon.core.policy import RatePolicy
from tests.adapters.postgres_rows import PARTNER
from tests.builders import INVOICE, make_fb_invoice
from tests.polling import eventually
from tests.web.api_site import MACHINE, OTHER, ApiSite, serving_api
from tests.web.site import KEYS

READS = {
    "/connection": ("status", "connected"),
    "/invoices": ("data.0.id", INVOICE),
    f"/invoices/{INVOICE}": ("line_items.0.quantity", "1"),
    "/customers": ("data", []),
    "/payments": ("data.0.freshbooks.label", "Sync issue"),
    "/payments/pay_1": ("amount", "100"),
    "/payouts": ("data.0.members.1.amount", "-3"),
    "/payouts/po_1": ("net", "97"),
    "/issues": ("data.0.actions", ["still_owes", "owes_nothing"]),
    "/runs": ("data.0.pages", 2),
    "/audit": ("data", []),
    "/events": ("data.0.kind", "issue_opened"),
    "/verifications": ("data", []),
}


@pytest.fixture
async def api(database: str) -> AsyncIterator[ApiSite]:
    async with serving_api(database) as site:
        yield site


def at(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found[int(part) if part.isdigit() else part]
    return found


async def test_every_list_and_record_is_told_as_it_is_stored(api: ApiSite) -> None:
    for path, (name, value) in READS.items():
        answer = await api.get(path)
        assert answer.status == 200, (path, answer.text)
        assert at(answer.json, name) == value, (path, answer.text)


# ---- who may ask -----------------------------------------------------------------------------------------------------


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


# ---- what is wrong is said -------------------------------------------------------------------------------------------

WRONG: list[tuple[str, str, dict[str, Any], int, str | None]] = [
    ("GET", "/nothing", {}, 404, None),
    ("PATCH", "/invoices", {}, 405, None),
    ("GET", "/invoices/abc", {}, 404, None),
    ("GET", "/invoices/0", {}, 404, None),
    ("GET", f"/invoices/{10**18 + 1}", {}, 404, None),
    ("GET", "/invoices?limit=0", {}, 422, "limit"),
    ("GET", "/invoices?limit=501", {}, 422, "limit"),
    ("GET", "/invoices?limit=5&limit=6", {}, 422, "limit"),
    ("GET", "/invoices?colour=red", {}, 422, "colour"),
    ("GET", "/invoices?status=lost", {}, 422, "status"),
    ("GET", "/invoices?after=bm9uc2Vuc2U", {}, 422, "after"),
    ("GET", "/invoices?after=%F0%9F%92%A9", {}, 422, "after"),
    ("GET", "/invoices?search=%00", {}, 400, None),
    ("GET", "/events?after=-1", {}, 422, "after"),
    ("POST", "/issues/1/actions", {"data": b"{"}, 415, None),
    ("POST", "/issues/1/actions", {"data": b"{", "Content_Type": "application/json"}, 400, None),
    ("POST", "/issues/1/actions", {"data": b"\xff", "Content_Type": "application/json"}, 400, None),
    ("POST", "/issues/1/actions", {"data": b"[" * 60_000, "Content_Type": "application/json"}, 400, None),
    ("POST", "/issues/1/actions", {"data": b" " * 70_000, "Content_Type": "application/json"}, 413, None),
    ("POST", "/issues/1/actions", {"body": []}, 422, "body"),
    ("POST", "/issues/1/actions", {"body": {}}, 422, "action"),
    ("POST", "/issues/1/actions", {"body": {"action": "still_owes", "more": 1}}, 422, "more"),
    ("PATCH", "/connection/options", {"body": {"everything": True}}, 422, "everything"),
    ("PATCH", "/connection/options", {"body": {"pdf_invoices": 0}}, 422, "pdf_invoices"),
    ("PUT", "/connection/accounts", {"body": {"payments": "", "deposits": "acc-bank"}}, 422, "payments"),
]


@pytest.mark.parametrize(("method", "path", "given", "status", "field"), WRONG)
async def test_what_is_wrong_is_said_by_field(
    api: ApiSite, method: str, path: str, given: dict[str, Any], status: int, field: str | None
) -> None:
    answer = await api.call(method, path, **given)
    assert answer.status == status, answer.text
    assert answer.json["message"]
    assert set(answer.json["validation_errors"]) == ({field} if field else set())
    if status == 405:
        assert "GET" in answer.headers["Allow"]


# ---- what is done ----------------------------------------------------------------------------------------------------


async def test_an_invoice_is_archived_only_after_freshbooks_copy(api: ApiSite) -> None:
    refused = await api.post(f"/invoices/{INVOICE}/archive")
    assert refused.status == 409
    await api.books.execute("UPDATE platform.payment SET status = 'succeeded'")
    refused = await api.post(f"/invoices/{INVOICE}/archive")
    assert (refused.status, refused.json["message"]) == (
        409,
        "This invoice is active in FreshBooks. Archive or delete it there first, then here.",
    )
    await api.books.execute("UPDATE sync.invoice SET vis_state = 1")
    assert (await api.post(f"/invoices/{INVOICE}/archive")).json["status"] == "archived"
    assert (await api.call("DELETE", f"/invoices/{INVOICE}/archive")).json["status"] != "archived"


async def test_an_invoice_can_be_read_anew_before_it_is_charged(api: ApiSite) -> None:
    answers: list[int] = []

    async def refresh() -> None:
        answers.append((await api.post(f"/invoices/{INVOICE}/refresh")).status)

    api.books.clock = api.site.clock.now()
    async with anyio.create_task_group() as group:
        group.start_soon(refresh)
        await eventually(api.books.rereads)
        await api.books.snapshot(make_fb_invoice())
    assert answers == [200]
    assert await api.books.rereads() == {("invoices", INVOICE): "asked"}


async def test_an_issues_action_is_taken_once_and_only_if_it_is_offered(api: ApiSite) -> None:
    (issue,) = (await api.get("/issues")).json["data"]
    path = f"/issues/{issue['id']}/actions"
    assert (await api.post(path, {"action": "post_anyway"})).status == 409
    assert (await api.post("/issues/999/actions", {"action": "still_owes"})).status == 404


async def test_sync_now_is_asked_for_and_a_connection_that_is_none_is_said(api: ApiSite) -> None:
    assert (await api.post("/connection/sync")).status == 202
    who = await api.books.value("SELECT who FROM sync.audit WHERE what = 'asked for a sync'")
    assert who == "platform"
    await api.books.execute("UPDATE sync.connection SET status = 'not_connected', account_id = NULL")
    assert (await api.post("/connection/sync")).status == 409
    assert (await api.get("/connection/accounts")).status == 409


async def test_options_are_switched_one_by_one_and_those_left_out_stay(api: ApiSite) -> None:
    path = "/connection/options"
    switched = await api.call("PATCH", path, {"mirror_invoices": True, "pdf_invoices": True})
    assert switched.status == 200
    again = await api.call("PATCH", path, {"pdf_invoices": False})
    options = {"mirror_invoices": True, "pdf_invoices": False}
    assert again.json["options"].items() >= options.items()
    assert (await api.get("/connection")).json["options"] == again.json["options"]
    assert (await api.call("PATCH", path, {})).json["options"] == again.json["options"]
    rows = await api.books.fetch("SELECT who, what FROM sync.audit WHERE what LIKE 'switched%' ORDER BY audit_id")
    assert [tuple(row) for row in rows] == [
        ("platform", "switched on the option mirror_invoices"),
        ("platform", "switched on the option pdf_invoices"),
        ("platform", "switched off the option pdf_invoices"),
    ]
    await api.books.execute("UPDATE sync.connection SET status = 'not_connected', account_id = NULL")
    assert (await api.call("PATCH", path, {"pdf_invoices": True})).status == 409


async def test_a_comparison_is_asked_for_once_at_a_time(api: ApiSite) -> None:
    assert (await api.post("/verifications", {})).status == 202
    assert (await api.post("/verifications", {})).status == 409
    (asked,) = (await api.get("/verifications")).json["data"]
    assert (asked["outcome"], asked["asked_by"]) == (None, "platform")


async def test_a_month_is_reconciled_by_payout(api: ApiSite) -> None:
    await api.books.execute("UPDATE platform.payout SET arrival_date = '2026-03-05'")
    month = (await api.get("/reconciliation?month=2026-03")).json
    assert (month["is_reconciled"], month["payouts"][0]["fees"], month["totals"][0]["undeposited"]) == (
        False,
        "-3",
        "97",
    )
    assert (await api.get("/reconciliation?month=2026-13")).status == 422
    assert (await api.get("/reconciliation")).status == 422


async def test_a_link_brings_the_partners_browser_into_the_dashboard(api: ApiSite) -> None:
    link = (await api.post("/connection/dashboard-links")).json["url"]
    browser = await api.site.browser(None)
    entered = await browser.get(link)
    assert entered.status == 303
    assert (await browser.get("/integrations")).status == 200


# ---- once, unchanged, live -------------------------------------------------------------------------------------------


async def test_a_repeated_post_with_one_key_acts_once(api: ApiSite) -> None:
    first = await api.post("/connection/sync", Idempotency_Key="one")
    again = await api.post("/connection/sync", Idempotency_Key="one")
    assert (first.status, first.text) == (again.status, again.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await api.books.value("SELECT count(*) FROM sync.audit WHERE what = 'asked for a sync'") == 1
    other = await api.post(f"/invoices/{INVOICE}/archive", Idempotency_Key="one")
    assert (other.status, set(other.json["validation_errors"])) == (409, {"Idempotency-Key"})
    assert (await api.post("/connection/sync", Idempotency_Key="one", token=api.jwt(OTHER))).status == 202
    # What was refused did nothing: the same key may try again.
    assert (await api.post(f"/invoices/{INVOICE}/archive", Idempotency_Key="two")).status == 409
    await api.books.execute("UPDATE platform.payment SET status = 'succeeded'")
    await api.books.execute("UPDATE sync.invoice SET vis_state = 1")
    assert (await api.post(f"/invoices/{INVOICE}/archive", Idempotency_Key="two")).status == 200
    api.site.clock.advance(timedelta(hours=25))
    assert (await api.post("/connection/sync", Idempotency_Key="one")).status == 202
    assert await api.books.value("SELECT count(*) FROM sync.audit WHERE what = 'asked for a sync'") == 3


async def test_a_key_is_held_while_its_first_request_is_worked_on(api: ApiSite) -> None:
    await api.store.begin_answer(PARTNER, "k", b"another", api.site.clock.now())
    assert (await api.post("/connection/sync", Idempotency_Key="k")).status == 409
    await api.books.execute("DELETE FROM sync.api_answer")
    async with anyio.create_task_group() as group:
        group.start_soon(api.post, f"/invoices/{INVOICE}/refresh", None)
        group.cancel_scope.cancel()
    api.site.clock.advance(timedelta(minutes=2))
    await api.store.begin_answer(PARTNER, "k", b"died with its process", api.site.clock.now() - timedelta(minutes=2))
    assert (await api.post("/connection/sync", Idempotency_Key="k")).status == 202


async def test_a_record_that_did_not_change_is_not_sent_again(api: ApiSite) -> None:
    first = await api.get("/payments/pay_1")
    again = await api.get("/payments/pay_1", If_None_Match=first.headers["ETag"])
    assert (again.status, again.text) == (304, "")
    await api.books.execute("UPDATE platform.payment SET status = 'succeeded'")
    assert (await api.get("/payments/pay_1", If_None_Match=first.headers["ETag"])).status == 200
