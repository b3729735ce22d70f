"""The fault plan: what a rule picks, and what happens then."""

import json
from pathlib import Path

import aiohttp
import pytest

from daemon.sandbox.clock import stopwatch_s, wait_s
from daemon.sandbox.faults import Action, Distribution, FaultPlan, Kind, RuleSpec
from tests.polling import eventually
from tests.sandbox.serving import Api, Json, sandbox_api
from tests.sandbox.test_quirks import verified_callback
from tests.sandbox.webhook_ear import ear


async def log(api: Api) -> list[Json]:
    return list((await api.get("/_sandbox/requests")).json["requests"])


async def test_a_rule_picks_by_method_path_query_and_account(api: Api) -> None:
    await api.fault(
        {"kind": "status", "status": 503},
        match={"method": "GET", "path": "payments$", "query": "page=2", "account": api.account_id},
    )
    assert (await api.get("payments/payments", page=2)).status == 503
    assert (await api.get("payments/payments", page=1)).status == 200
    assert (await api.get("invoices/invoices", page=2)).status == 200
    assert (await api.post("payments/payments?page=2", {})).status == 422


async def test_a_rule_skips_after_matches_and_fires_count_times(api: Api) -> None:
    await api.fault({"kind": "status", "status": 500}, after=2, count=1)
    assert [(await api.get("invoices/invoices")).status for _ in range(4)] == [200, 200, 500, 200]
    rule = (await api.get("/_sandbox/faults")).json["faults"][0]
    assert (rule["seen"], rule["fired"]) == (4, 1)


async def test_probabilities_are_seeded(api: Api) -> None:
    runs = []
    for _ in range(2):
        async with sandbox_api(seed=7) as fresh:
            await fresh.fault({"kind": "status", "status": 500}, probability=0.5)
            runs.append([(await fresh.get("invoices/invoices")).status for _ in range(30)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize(
    ("kind", "committed"),
    [
        ("timeout_before_commit", False),
        ("drop_connection", False),
        ("timeout_after_commit", True),
        ("torn_body", True),
        ("malformed_json", True),
        ("200_with_errors", False),
        ("status", False),
        ("unauthorized", False),
    ],
)
async def test_the_log_says_whether_a_faulty_call_committed(api: Api, kind: str, committed: bool) -> None:
    invoice = await api.invoice("100.00")
    await api.fault({"kind": kind}, match={"path": "payments"}, count=1)
    try:
        await api.try_pay(invoice, "10.00")
    except aiohttp.ClientError:
        assert kind in ("timeout_before_commit", "drop_connection", "timeout_after_commit", "torn_body")
    entry = next(row for row in await log(api) if row["fault"])
    assert (entry["fault"], entry["committed"]) == (kind, committed)
    assert (await api.read_invoice(invoice["id"]))["paid"]["amount"] == ("10.00" if committed else "0.00")


async def test_a_5xx_may_come_after_the_commit(api: Api) -> None:
    invoice = await api.invoice("100.00")
    await api.fault({"kind": "status", "status": 502, "body": "html", "after_commit": True}, match={"path": "payments"})
    reply = await api.try_pay(invoice, "10.00")
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (502, "text/html")
    assert (await api.read_invoice(invoice["id"]))["paid"]["amount"] == "10.00"


@pytest.mark.parametrize(("given", "seen"), [(None, None), (7, "7")])
async def test_a_429_comes_with_or_without_retry_after(api: Api, given: int | None, seen: str | None) -> None:
    await api.fault({"kind": "status", "status": 429, "retry_after": given, "body": "text"})
    reply = await api.get("invoices/invoices")
    assert (reply.status, reply.headers.get("retry-after")) == (429, seen)


@pytest.mark.parametrize(
    ("style", "start"), [("json", b'{"response":{"errors"'), ("text", b"There was"), ("html", b"<html"), ("empty", b"")]
)
async def test_a_status_has_the_wanted_body(api: Api, style: str, start: bytes) -> None:
    await api.fault({"kind": "status", "status": 500, "body": style})
    body = (await api.get("invoices/invoices")).body
    assert body.startswith(start)
    assert bool(body) == bool(start)


async def test_a_torn_body_ends_in_the_middle(api: Api) -> None:
    await api.fault({"kind": "torn_body"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get("invoices/invoices")


async def test_malformed_json_is_whole_but_unreadable(api: Api) -> None:
    await api.fault({"kind": "malformed_json"})
    reply = await api.get("invoices/invoices")
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)


async def test_the_error_format_can_be_switched_for_some_calls(api: Api) -> None:
    await api.fault({"kind": "error_format", "format": "new"}, match={"path": "clients"})
    assert "code" in (await api.get("users/clients/1")).json
    assert "response" in (await api.get("invoices/invoices/1")).json


async def test_tokens_can_be_revoked_in_the_middle(api: Api) -> None:
    await api.fault({"kind": "revoke_tokens"}, after=1, count=1)
    assert [(await api.get("invoices/invoices")).status for _ in range(3)] == [200, 401, 401]
    spent = await api.token_call(grant_type="refresh_token", refresh_token=api.greeting["refresh_token"])
    assert spent.json["error"] == "invalid_grant"


async def test_latency_is_felt_and_adds_to_another_fault(api: Api) -> None:
    slow = {"action": {"kind": "latency", "seconds": 0.05, "distribution": "fixed"}}
    await api.put("/_sandbox/faults", [slow, slow, {"action": {"kind": "status", "status": 500}}])
    started = stopwatch_s()
    assert (await api.get("invoices/invoices")).status == 500
    assert stopwatch_s() - started >= 0.1
    assert (await log(api))[-1]["latency_s"] >= 0.1


async def test_a_timed_out_call_may_hold_the_connection_before_it_drops(api: Api) -> None:
    await api.fault({"kind": "timeout_after_commit", "hold_s": 0.05})
    started = stopwatch_s()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.get("invoices/invoices")
    assert stopwatch_s() - started >= 0.05


@pytest.mark.parametrize("distribution", list(Distribution))
def test_latencies_follow_their_distribution_and_are_never_negative(distribution: Distribution) -> None:
    plan = FaultPlan(1)
    action = Action(kind=Kind.LATENCY, seconds=0.1, spread=0.05, distribution=distribution)
    drawn = [plan.draw_s(action) for _ in range(2_000)]
    assert min(drawn) >= 0
    assert 0.08 < sum(drawn) / len(drawn) < 0.13
    assert (len(set(drawn)) == 1) == (distribution is Distribution.FIXED)


@pytest.mark.parametrize(
    "body", [{"action": {"kind": "nonsense"}}, {"action": {"kind": "status", "seconds": "x"}}, {}, {"x": 1},
             {"action": {"kind": "status"}, "match": {"path": "("}}]
)  # fmt: skip
async def test_an_unusable_rule_is_refused_and_the_old_ones_stay(api: Api, body: Json) -> None:
    await api.fault({"kind": "status", "status": 500}, match={"path": "nowhere"})
    assert (await api.put("/_sandbox/faults", body)).status == 400
    assert len((await api.get("/_sandbox/faults")).json["faults"]) == 1


async def test_rules_are_added_and_removed_by_name(api: Api) -> None:
    rule = {"action": {"kind": "status"}, "match": {"path": "nowhere"}}
    await api.post("/_sandbox/faults", {**rule, "id": "mine"})
    await api.post("/_sandbox/faults", rule)
    left = (await api.call("DELETE", "/_sandbox/faults?id=mine")).json["faults"]
    assert [row["id"] for row in left] == ["fault-1"]
    assert (await api.call("DELETE", "/_sandbox/faults")).json == {"faults": []}


async def test_a_plan_can_come_from_a_file(tmp_path: Path) -> None:
    plan = tmp_path / "faults.json"
    plan.write_text('[{"action": {"kind": "status", "status": 500}, "match": {"path": "clients"}}]', encoding="utf-8")
    async with sandbox_api(faults_file=plan) as api:
        assert (await api.get("users/clients")).status == 500
        assert (await api.get("invoices/invoices")).status == 200


def test_a_rule_that_does_not_fire_leaves_the_next_its_turn() -> None:
    plan = FaultPlan(1)
    never = RuleSpec(action=Action(kind=Kind.STATUS, status=500), count=0)
    always = RuleSpec(action=Action(kind=Kind.STATUS, status=501))
    plan.replace([never, always])
    picked = plan.for_request(method="GET", path="/", query="", account=None)
    assert [action.status for action in picked] == [501]


async def test_forged_webhooks_carry_a_wrong_signature_beside_the_true_one(api: Api) -> None:
    async with ear() as listener:
        verifier = await verified_callback(api, listener, "client.create")
        await api.fault({"kind": "webhook_forge"}, match={"event": "client"})
        await api.client()
        heard = [await listener.next("client.create") for _ in range(2)]
        assert sorted(each.is_signed_with(verifier) for each in heard) == [False, True]


async def test_delayed_webhooks_come_late_and_shuffled_ones_out_of_order(api: Api) -> None:
    async with ear() as listener:
        await verified_callback(api, listener, "client.create")
        await api.fault({"kind": "webhook_delay", "seconds": 0.15}, match={"event": "client"}, count=1)
        late, early = await api.client(), await api.client()
        order = [(await listener.next("client.create")).fields["object_id"] for _ in range(2)]
        assert order == [str(early["id"]), str(late["id"])]
        await api.fault({"kind": "webhook_shuffle", "seconds": 0.2}, match={"event": "client"})
        made = [str((await api.client())["id"]) for _ in range(10)]
        await eventually(lambda: len(listener.named("client.create")) == 12)
        heard = [each.fields["object_id"] for each in listener.named("client.create")][2:]
        assert sorted(heard) == sorted(made) != heard


async def test_failed_deliveries_are_retried_and_end_a_callback_when_switched(api: Api) -> None:
    async with ear() as listener:
        await verified_callback(api, listener, "client.create")
        await api.switch(webhook_retries=1, webhook_retry_s=0.01, webhook_disable_after=1)
        listener.statuses = [500, 200]
        await api.client()
        await eventually(lambda: len(listener.named("client.create")) == 2)
        assert all(row.verified for row in api.books.callbacks.values())
        listener.statuses = [500, 500]
        await api.client()
        await eventually(lambda: not any(row.verified for row in api.books.callbacks.values()))
        outcomes = [row["outcome"] for row in (await api.get("/_sandbox/webhooks")).json["deliveries"]]
        assert outcomes == ["200", "500", "200", "500", "500"]


async def test_an_unverified_callback_stays_silent_and_a_wrong_verifier_is_refused(api: Api) -> None:
    path = f"/events/account/{api.account_id}/events/callbacks"
    async with ear() as listener:
        made = (await api.post(path, {"callback": {"event": "client", "uri": listener.url}})).result["callback"]
        await listener.next("callback.verify")
        reply = await api.put(f"{path}/{made['callbackid']}", {"callback": {"verifier": "guess"}})
        assert (reply.status, reply.json["errno"]) == (422, 422)
        await api.client()
        other = (await api.post(path, {"callback": {"event": "invoice", "uri": listener.url}})).result["callback"]
        while (await listener.next("callback.verify")).fields["object_id"] != str(other["callbackid"]):
            await wait_s(0.01)
        assert listener.named("client.create") == []


async def test_a_noun_subscribes_to_all_its_events_and_payments_announce_their_invoice(api: Api) -> None:
    async with ear() as listener:
        await verified_callback(api, listener, "invoice")
        invoice = await api.invoice("50.00")
        payment = await api.pay(invoice, "10.00")
        await api.edit(f"payments/payments/{payment['id']}", "payment", vis_state=1)
        await api.edit(f"invoices/invoices/{invoice['id']}", "invoice", vis_state=1)
        draft = await api.invoice("50.00", status=1)
        await api.pay(draft, "10.00")  # marks it sent and moves its balance: two writes, one announcement
        await eventually(lambda: len(listener.heard) >= 7)
        names = sorted(each.fields["name"] for each in listener.heard[1:])
        assert names == [*["invoice.create"] * 2, "invoice.delete", *["invoice.update"] * 3]


async def test_https_callbacks_can_be_demanded_and_deletion_answers_as_switched(api: Api) -> None:
    path = f"/events/account/{api.account_id}/events/callbacks"
    body = {"callback": {"event": "client", "uri": "http://127.0.0.1:9/x"}}
    await api.switch(webhook_https_only=True)
    assert (await api.post(path, body)).status == 422
    await api.switch(webhook_https_only=False, callback_delete_answer=200, callback_time_style="sql")
    made = (await api.post(path, body)).result["callback"]
    assert made["updated_at"] == "2026-03-10 12:00:00"
    assert (await api.call("DELETE", f"{path}/{made['callbackid']}")).json == {"response": {}}


async def test_without_webhooks_nothing_is_sent() -> None:
    async with sandbox_api(webhooks=False) as api, ear() as listener:
        path = f"/events/account/{api.account_id}/events/callbacks"
        await api.post(path, {"callback": {"event": "client", "uri": listener.url}})
        assert (await api.get("/_sandbox/webhooks")).json == {"deliveries": [], "dropped": 0}
        assert api.sandbox.courier._queue.empty()
