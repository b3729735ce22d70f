"""What a faithful simulator should reproduce, one test for each row and named as the row (FB API s11)."""

import aiohttp
import pytest

from daemon.sandbox.options import RateLimits
from tests.polling import eventually
from tests.sandbox.serving import Api, consent, sandbox_api
from tests.sandbox.test_quirks import ids, verified_callback
from tests.sandbox.webhook_ear import ear


async def test_oauth_code_rotation_revoke_https_scope_and_client(api: Api) -> None:
    back = await consent(api)
    uri = api.greeting["redirect_uris"][0]
    asked = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": uri}
    first = await api.token_call(**asked)
    assert (first.status, first.json["expires_in"]) == (200, 43_200)
    assert (await api.token_call(**asked)).json["error"] == "invalid_grant"
    rotated = await api.token_call(grant_type="refresh_token", refresh_token=first.json["refresh_token"])
    assert rotated.json["refresh_token"] != first.json["refresh_token"]
    spent = await api.token_call(grant_type="refresh_token", refresh_token=first.json["refresh_token"])
    assert (spent.status, spent.json["error"]) == (400, "invalid_grant")
    assert (await api.token_call(client_secret="no")).json["error"] == "invalid_client"


async def test_identity_response_without_result_with_a_null_account(api: Api) -> None:
    body = (await api.get("/auth/api/v1/users/me")).json["response"]
    accounts = [row["business"]["account_id"] for row in body["business_memberships"]]
    assert len(accounts) >= 2
    assert None in accounts


async def test_envelope_keys_pages_cap_total_newest_first_and_post_200(api: Api) -> None:
    created = await api.post("users/clients", {"client": {"organization": "x"}})
    assert created.status == 200
    result = (await api.get("invoices/invoices")).result
    assert {"invoices", "page", "pages", "per_page", "total"} == set(result)
    assert result["per_page"] == 15
    found = [row["id"] for row in result["invoices"]]
    assert found == sorted(found, reverse=True)
    assert (await api.get("invoices/invoices", per_page=500)).result["per_page"] == 100
    nothing = (await api.get("invoices/invoices", **{"search[invoiceid]": "1"})).result
    assert (nothing["pages"], nothing["total"], nothing["invoices"]) == (0, 0, [])


async def test_filters_working_ones_work_and_the_default_leaves_deleted_rows_out(api: Api) -> None:
    invoice = await api.invoice(invoice_number="SS-7")
    assert await ids(api, "invoices/invoices", **{"search[invoice_number]": "SS-7"}) == [invoice["id"]]
    await api.edit(f"invoices/invoices/{invoice['id']}", "invoice", vis_state=1)
    assert await ids(api, "invoices/invoices", **{"search[invoice_number]": "SS-7"}) == []


async def test_time_updated_is_new_york_and_signup_date_is_utc(api: Api) -> None:
    client = await api.client()
    assert client["updated"] == "2026-03-10 12:00:00"
    assert client["signup_date"] == "2026-03-10 16:00:00"


async def test_invoices_status_machine_totals_and_errors(api: Api) -> None:
    lines = [
        {"name": "a", "qty": "4", "unit_cost": {"amount": "6.50"}},
        {"name": "b", "qty": "1", "unit_cost": {"amount": "18.00"}, "taxName1": "HST", "taxAmount1": "13"},
    ]
    invoice = await api.invoice(lines=lines, discount_value="10", status=1)
    # 44.00 less 10 % is 39.60, and 13 % on the discounted 16.20 is 2.11 when taxed after the discount.
    assert (invoice["amount"]["amount"], invoice["discount_total"]["amount"]) == ("41.71", "-4.40")
    assert (invoice["status"], invoice["v3_status"], invoice["fulfillment_date"]) == (1, "draft", None)
    path = f"invoices/invoices/{invoice['id']}"
    text = await api.put(path, {"invoice": {"status": "2"}})
    assert (text.status, text.error["errno"]) == (422, 1015)
    paid = await api.put(path, {"invoice": {"status": 4}})
    assert paid.status == 422
    assert "must be one of" in paid.error["message"]


async def test_payments_split_twins_restore_and_unknown_fields(api: Api) -> None:
    invoice = await api.invoice("180.00")
    payment = await api.pay(invoice, "3300.00", surcharge="5", transactionid="tx-1")
    assert payment["amount"]["amount"] == "180.00"
    assert "surcharge" not in payment
    assert payment["transactionid"] is None
    assert (await api.read_invoice(invoice["id"]))["payment_status"] == "paid"
    deleted = await api.edit(f"payments/payments/{payment['id']}", "payment", vis_state=1, amount={"amount": "1"})
    assert (deleted["vis_state"], deleted["amount"]["amount"]) == (1, "180.00")
    after = await api.read_invoice(invoice["id"])
    assert (after["outstanding"]["amount"], after["payment_status"]) == ("180.00", "unpaid")


async def test_ledger_petty_cash_journal_entries_and_accounts(api: Api) -> None:
    tops = (await api.get("journal_entry_accounts/journal_entry_accounts")).result["journal_entry_accounts"]
    subs = {row["account_sub_name"]: row["sub_accountid"] for top in tops for row in top["sub_accounts"]}
    sides = [
        {"sub_accountid": subs["Checking Account"], "debit": "176"},
        {"sub_accountid": str(subs["Petty Cash"]), "credit": "176"},
    ]
    entry = {"name": "Payout", "description": "p-1", "user_entered_date": "2026-03-09", "details": sides}
    path = "journal_entries/journal_entries"
    assert (await api.post(path, {"journal_entry": entry})).status == 500
    made = (await api.post(path, {"journal_entry": {**entry, "currency_code": "USD"}})).result["journal_entry"]
    assert [(row["debit"], row["credit"]) for row in made["details"]] == [("176", None), (None, "176")]
    wrong = {**entry, "currency_code": "USD", "details": [{**sides[0], "debit": "175"}, sides[1]]}
    assert (await api.post(path, {"journal_entry": wrong})).status == 422
    chart = await api.get(f"/accounting/businesses/{api.business_uuid}/ledger_accounts/accounts")
    assert "1000-1" in {row["number"] for row in chart.json["data"]}


async def test_webhooks_handshake_own_verifier_hmac_and_shuffled_field_order(api: Api) -> None:
    async with ear() as listener:
        first = await verified_callback(api, listener, "invoice.create")
        second = await verified_callback(api, listener, "client.create")
        assert first != second
        for _ in range(8):
            await api.invoice()
        for _ in range(8):
            assert (await listener.next("invoice.create")).is_signed_with(first)
            assert (await listener.next("client.create")).is_signed_with(second)
        assert len({tuple(each.fields) for each in listener.heard}) > 2


@pytest.mark.parametrize(
    ("action", "count"),
    [({"kind": "webhook_duplicate", "copies": 2}, 3), ({"kind": "webhook_drop"}, 0)],
)
async def test_webhooks_duplicates_and_drops(api: Api, action: dict[str, object], count: int) -> None:
    async with ear() as listener:
        await verified_callback(api, listener, "client.create")
        await api.fault(action, match={"event": "client.create"})
        first = await api.client()
        await api.call("DELETE", "/_sandbox/faults")
        last = await api.client()

        def seen() -> list[str]:
            return [heard.fields["object_id"] for heard in listener.named("client.create")]

        await eventually(lambda: str(last["id"]) in seen() and len(seen()) == count + 1)
        assert seen().count(str(first["id"])) == count


async def test_limits_two_buckets_headers_and_429() -> None:
    async with sandbox_api(rate_limits=RateLimits(calls=4, creates=2)) as api:
        replies = [await api.get("invoices/invoices") for _ in range(5)]
        assert [reply.status for reply in replies] == [200, 200, 200, 200, 429]
        assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["3", "2", "1", "0", "0"]
        assert replies[0].headers["x-ratelimit-limit"] == "4"
        creates = [await api.post("users/clients", {"client": {"organization": "x"}}) for _ in range(3)]
        assert [reply.status for reply in creates] == [200, 200, 429]
        await api.post("/_sandbox/clock", {"advance": int(replies[-1].headers["retry-after"])})
        assert (await api.get("invoices/invoices")).status == 200


async def test_faults_200_with_errors_formats_bodies_and_lost_answers(api: Api) -> None:
    invoice = await api.invoice("100.00")
    await api.fault({"kind": "timeout_after_commit"}, match={"method": "POST", "path": "payments"}, count=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.try_pay(invoice, "10.00")
    assert (await api.read_invoice(invoice["id"]))["paid"]["amount"] == "10.00"
    await api.fault({"kind": "timeout_before_commit"}, match={"method": "POST", "path": "payments"}, count=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.try_pay(invoice, "10.00")
    assert (await api.read_invoice(invoice["id"]))["paid"]["amount"] == "10.00"
