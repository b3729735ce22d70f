"""The quirks of FreshBooks that touch our resources, one test each, named as the row (FB API s10)."""

from datetime import UTC, datetime

import pytest

from daemon.sandbox.accounts import Membership
from tests.sandbox.serving import Api, consent
from tests.sandbox.webhook_ear import Ear, ear


async def ids(api: Api, path: str, **query: str | int) -> list[int]:
    result = (await api.get(path, per_page=100, **query)).result
    rows = next(value for value in result.values() if isinstance(value, list))
    return [row["id"] for row in rows]


async def as_client_member(api: Api) -> Membership:
    """Turn the api to the account of which its person is only a client."""
    member = api.sandbox.directory.logins["robin@sandbox.example"].memberships[2]
    api.greeting["accounts"][0] = {
        "account_id": member.account.account_id,
        "business_uuid": member.account.business_uuid,
    }
    return member


async def test_quirk_01_unknown_filters_and_sort_keys_are_ignored_and_the_answer_is_200(api: Api) -> None:
    everything = await ids(api, "invoices/invoices")
    for query in ({"search[status]": "4"}, {"search[create_date_min]": "2099-01-01"}, {"sort": "updated:asc"}):
        assert await ids(api, "invoices/invoices", **query) == everything


async def test_quirk_02_updated_min_has_day_granularity_in_eastern_time(api: Api) -> None:
    await api.post("/_sandbox/clock", {"set": "2026-03-11T03:30:00+00:00"})  # 23:30 of the 10th in New York
    key = (await api.invoice())["id"]
    assert key in await ids(api, "invoices/invoices", **{"search[updated_min]": "2026-03-10"})
    assert key not in await ids(api, "invoices/invoices", **{"search[updated_min]": "2026-03-11"})
    reply = await api.get("invoices/invoices", **{"search[updated_min]": "2026-03-10 12:00:00"})
    assert (reply.status, reply.error["errno"]) == (422, 1023)


async def test_quirk_03_deleted_rows_vanish_from_lists_and_have_a_pass_of_their_own(api: Api) -> None:
    key = (await api.invoice())["id"]
    assert key in await ids(api, "invoices/invoices")
    await api.edit(f"invoices/invoices/{key}", "invoice", vis_state=1)
    assert key not in await ids(api, "invoices/invoices")
    deleted = await ids(api, "invoices/invoices", **{"search[vis_state]": "1"})
    assert key in deleted
    assert (await api.read_invoice(key))["vis_state"] == 1
    await api.edit(f"invoices/invoices/{key}", "invoice", vis_state=2)
    assert key in await ids(api, "invoices/invoices")
    assert key not in await ids(api, "invoices/invoices", **{"search[vis_state]": "0"})


async def test_quirk_04_credit_notes_have_no_updated_and_journal_entries_cannot_be_listed(api: Api) -> None:
    rows = (await api.get("credit_notes/credit_notes")).result["credit_notes"]
    assert rows
    assert not {"updated", "created_at"} & set(rows[0])
    assert (await api.get("journal_entries/journal_entries")).status == 405


async def test_quirk_05_a_payment_bumps_its_invoice_and_an_invoice_its_client(api: Api) -> None:
    client = await api.client()
    await api.advance(minutes=1)
    invoice = await api.invoice(customerid=client["id"])
    fresh = (await api.get(f"users/clients/{client['id']}")).result["client"]
    assert fresh["updated"] == invoice["updated"] > client["updated"]
    await api.advance(minutes=1)
    payment = await api.pay(invoice, "10")
    assert (await api.read_invoice(invoice["id"]))["updated"] == payment["updated"] > invoice["updated"]


async def test_quirk_05_a_client_edit_rewrites_and_bumps_its_drafts_only(api: Api) -> None:
    client = await api.client(fname="Old")
    draft = await api.invoice(customerid=client["id"], status=1)
    sent = await api.invoice(customerid=client["id"])
    await api.advance(minutes=1)
    edited = await api.edit(f"users/clients/{client['id']}", "client", fname="New")
    draft_after, sent_after = [await api.read_invoice(row["id"]) for row in (draft, sent)]
    assert (draft_after["fname"], draft_after["updated"]) == ("New", edited["updated"])
    assert (sent_after["fname"], sent_after["updated"]) == ("Old", sent["updated"])


async def test_quirk_06_the_overdue_transition_does_not_change_updated(api: Api) -> None:
    invoice = await api.invoice(due_offset_days=30)
    assert invoice["v3_status"] == "sent"
    await api.move_clock(advance=60 * 86_400)
    after = await api.read_invoice(invoice["id"])
    assert after["v3_status"] == "overdue"
    assert (after["updated"], after["version"]) == (invoice["updated"], invoice["version"])


async def test_quirk_07_an_overpayment_is_split_and_a_paid_invoice_takes_zero(api: Api) -> None:
    invoice = await api.invoice("60.00")
    split = await api.pay(invoice, "100.00")
    assert split["amount"] == {"amount": "60.00", "code": "USD"}
    assert split["overpaymentid"] == split["id"] + 1
    nothing = await api.pay(invoice, "30.00")
    assert nothing["amount"]["amount"] == "0.00"
    assert nothing["overpaymentid"] == nothing["id"] + 1
    notes = (await api.get("credit_notes/credit_notes", per_page=2)).result["credit_notes"]
    assert [row["amount"]["amount"] for row in notes] == ["30.00", "40.00"]
    assert notes[1]["credit_type"] == "overpayment"
    assert notes[1]["notes"] == notes[1]["description"] == f"Overpayment: invoice #{invoice['invoice_number']}"


async def test_quirk_08_exact_twins_are_accepted(api: Api) -> None:
    invoice = await api.invoice("500.00")
    first, second = [await api.pay(invoice, "100.00", note="same") for _ in range(2)]
    assert first["id"] != second["id"]
    assert {**first, "id": 0, "logid": 0} == {**second, "id": 0, "logid": 0}
    assert (await api.read_invoice(invoice["id"]))["outstanding"]["amount"] == "300.00"


async def test_quirk_09_payments_of_deleted_invoices_stay_active_and_are_bumped(api: Api) -> None:
    invoice = await api.invoice()
    payment = await api.pay(invoice, "10.00")
    await api.advance(minutes=1)
    deleted = await api.edit(f"invoices/invoices/{invoice['id']}", "invoice", vis_state=1)
    after = (await api.get(f"payments/payments/{payment['id']}")).result["payment"]
    assert after["vis_state"] == 0
    assert after["updated"] == deleted["updated"] > payment["updated"]
    assert payment["id"] in await ids(api, "payments/payments")


async def test_quirk_10_from_credit_payments_are_marked_as_such(api: Api) -> None:
    invoice = await api.invoice("100.00")
    lines = [{"name": "Goodwill", "qty": "1", "unit_cost": {"amount": "50.00"}}]
    body = {"clientid": invoice["customerid"], "create_date": "2026-03-01", "lines": lines}
    credit = (await api.post("credit_notes/credit_notes", {"credit_note": body})).result["credit_note"]
    payment = await api.pay(invoice, "30.00", type="Credit", creditid=credit["id"])
    assert (payment["from_credit"], payment["creditid"], payment["type"]) == (True, credit["id"], "Credit")
    listed = await ids(api, "payments/payments", **{"search[from_credit]": "true"})
    assert payment["id"] in listed
    assert (await api.read_invoice(invoice["id"]))["outstanding"]["amount"] == "70.00"


async def test_quirk_11_the_status_number_never_shows_partial(api: Api) -> None:
    invoice = await api.invoice("100.00")
    await api.pay(invoice, "10.00")
    after = await api.read_invoice(invoice["id"])
    assert (after["status"], after["payment_status"], after["v3_status"]) == (2, "partial", "partial")


async def test_quirk_12_retry_after_stands_on_a_200(api: Api) -> None:
    reply = await api.get("invoices/invoices")
    assert reply.status == 200
    assert 1 <= int(reply.headers["retry-after"]) <= 60


async def test_quirk_13_errors_come_with_200_in_two_formats_and_as_an_object(api: Api) -> None:
    await api.fault({"kind": "200_with_errors", "errno": 12001, "message": "No access"}, match={"path": "invoices"})
    reply = await api.get("invoices/invoices")
    assert (reply.status, reply.error["errno"]) == (200, 12001)
    await api.put("/_sandbox/faults", [])
    newer = await api.call("GET", "invoices/invoices/1", headers={"X-API-VERSION": "2023-09-25"})
    assert (newer.json["code"], newer.json["details"][0]["reason"]) == (5, "1012")
    await api.switch(errors_as_object=True)
    assert (await api.get("invoices/invoices/1")).json["response"]["errors"]["errno"] == 1012


async def test_quirk_14_total_counts_rows_the_reader_may_not_see(api: Api) -> None:
    await as_client_member(api)
    result = (await api.get("invoices/invoices", per_page=100)).result
    assert result["total"] > len(result["invoices"])


async def test_quirk_15_role_client_reads_and_gets_403_on_every_write(api: Api) -> None:
    await as_client_member(api)
    assert (await api.get("users/clients")).status == 200
    assert (await api.post("users/clients", {"client": {"organization": "x"}})).status == 403
    assert (await api.post("payments/payments", {"payment": {}})).status == 403
    assert (await api.put("invoices/invoices/200001", {"invoice": {"notes": "x"}})).status == 403


async def test_quirk_16_scopes_are_all_or_nothing_and_profile_has_no_write(api: Api) -> None:
    url = api.running.base_url + "/oauth/authorize/"
    asked = {
        "client_id": api.greeting["client_id"],
        "redirect_uri": api.greeting["redirect_uris"][0],
        "response_type": "code",
        "scope": "user:invoices:read user:reports:write",
    }
    async with api.session.get(url, params=asked, allow_redirects=False) as answer:
        assert "invalid_scope" in answer.headers["Location"]
    assert "code" in await consent(api, {"scope": "user:invoices:read user:reports:read"})


async def test_quirk_17_refresh_tokens_are_single_use(api: Api) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": api.greeting["refresh_token"]}
    assert (await api.token_call(**fields)).status == 200
    assert (await api.token_call(**fields)).status == 400


async def test_quirk_18_a_webhook_carries_ids_only_and_is_signed_in_received_order(api: Api) -> None:
    async with ear() as listener:
        verifier = await verified_callback(api, listener, "payment.create")
        payment = await api.pay(await api.invoice(), "10.00")
        delivery = await listener.next("payment.create")
        assert set(delivery.fields) == {"name", "object_id", "account_id", "business_id", "identity_id", "user_id"}
        assert delivery.fields["object_id"] == str(payment["id"])
        assert delivery.is_signed_with(verifier)


async def verified_callback(api: Api, listener: Ear, event: str) -> str:
    path = f"/events/account/{api.account_id}/events/callbacks"
    body = {"callback": {"event": event, "uri": listener.url}}
    key = (await api.post(path, body)).result["callback"]["callbackid"]
    hello = await listener.next("callback.verify")
    verifier = hello.fields["verifier"]
    assert (await api.put(f"{path}/{key}", {"callback": {"verifier": verifier}})).result["callback"]["verified"]
    return verifier


async def test_quirk_19_an_invoice_may_be_in_another_currency_than_its_client(api: Api) -> None:
    client = await api.client(currency_code="KES")
    invoice = await api.invoice(customerid=client["id"], currency_code="USD")
    money = [invoice[key]["code"] for key in ("amount", "outstanding", "paid", "discount_total")]
    assert {*money, invoice["currency_code"]} == {"USD"}


async def test_quirk_20_lines_are_left_out_unless_included(api: Api) -> None:
    plain, full = await api.invoice(), await api.invoice(include="?include[]=lines")
    assert "lines" not in plain
    assert [line["lineid"] for line in full["lines"]] == [1]
    path = f"invoices/invoices/{plain['id']}"
    assert "lines" not in await api.edit(path, "invoice", notes="x")
    assert "lines" in await api.edit(f"{path}?include[]=lines", "invoice", notes="y")
    rows = (await api.get("invoices/invoices?include[]=lines&per_page=100")).result["invoices"]
    assert all("lines" in row for row in rows)


async def test_quirk_21_due_date_is_read_only_and_follows_due_offset_days(api: Api) -> None:
    invoice = await api.invoice(create_date="2026-03-01", due_offset_days=30)
    path = f"invoices/invoices/{invoice['id']}"
    reply = await api.put(path, {"invoice": {"due_date": "2026-12-31"}})
    assert (reply.status, reply.error["errno"], reply.error["field"]) == (403, 1038, "due_date")
    assert (await api.edit(path, "invoice", due_offset_days=14))["due_date"] == "2026-03-15"


async def test_quirk_22_a_put_with_vis_state_or_an_action_drops_the_other_changes(api: Api) -> None:
    invoice = await api.invoice(status=1, notes="old")
    path = f"invoices/invoices/{invoice['id']}"
    acted = await api.edit(path, "invoice", action_mark_as_sent=True, notes="new")
    assert (acted["status"], acted["notes"]) == (2, "old")
    deleted = await api.edit(path, "invoice", vis_state=1, action_mark_as_sent=True, notes="new")
    assert (deleted["vis_state"], deleted["notes"]) == (1, "old")


async def test_quirk_23_petty_cash_clears_payments_and_there_is_no_bank_resource(api: Api) -> None:
    await api.pay(await api.invoice(), "10.00")
    rows = (await api.get("journal_entries/journal_entry_details", per_page=2)).result["journal_entry_details"]
    debit = next(row for row in rows if row["debit"])
    assert debit["account"]["account_number"] == "1000"
    assert debit["sub_account"]["account_sub_name"] == "Petty Cash"
    assert (await api.get("bank_accounts/bank_accounts")).status == 404


async def test_quirk_24_a_plan_limit_answers_402_errno_7005(api: Api) -> None:
    await api.switch(client_limit=1)
    reply = await api.post("users/clients", {"client": {"organization": "x"}})
    assert (reply.status, reply.error["errno"]) == (402, 7005)
    assert reply.error["message"] == "Client limit of 1 reached"


async def test_quirk_25_empty_strings_and_nulls_are_mixed(api: Api) -> None:
    client = await api.client()
    assert (client["p_city"], client["vat_number"]) == ("", None)
    assert (await api.pay(await api.invoice(), "1.00"))["note"] == ""


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 7, 1, 16, 49, 8, tzinfo=UTC), "2026-07-01 12:49:08"),
        (datetime(2026, 12, 1, 16, 49, 8, tzinfo=UTC), "2026-12-01 11:49:08"),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "2026-11-01 01:30:00"),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "2026-11-01 01:30:00"),
    ],
)
async def test_the_repeated_autumn_hour_is_ambiguous_in_updated(api: Api, moment: datetime, text: str) -> None:
    await api.move_clock(set=moment.isoformat())
    client = await api.client()
    assert client["updated"] == text
    assert client["signup_date"] == moment.strftime("%Y-%m-%d %H:%M:%S")
