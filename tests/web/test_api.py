"""The HTTP API: the pages' verbs as JSON, for one partner at a time, with the platform's shapes of lists and errors."""

from datetime import timedelta
from typing import Any

import anyio
import pytest

from tests.adapters.postgres_rows import PARTNER
from tests.builders import INVOICE, make_fb_invoice
from tests.polling import eventually
from tests.web.api_site import OTHER, READS, ApiSite


def at(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = found[int(part) if part.isdigit() else part]
    return found


async def test_every_list_and_record_is_told_as_it_is_stored(api: ApiSite) -> None:
    for path, (name, value) in READS.items():
        answer = await api.get(path)
        assert answer.status == 200, (path, answer.text)
        assert at(answer.json, name) == value, (path, answer.text)


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
