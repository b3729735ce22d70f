"""Every answer has the keys and types that FreshBooks' recordings and client libraries show."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import key_sets
from tests.sandbox.serving import Api
from tests.sandbox.test_quirks import verified_callback
from tests.sandbox.webhook_ear import ear

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded answers are not beside this checkout")

# Where the sandbox differs from a recording on purpose, by file and path, and why.
NEWER = "a key that appears only in newer answers than this recording"
DEVIATIONS: dict[str, dict[str, str]] = {
    "clients": {"number_format": NEWER, "exceeds_client_limit": NEWER},
    "invoices": {
        **dict.fromkeys(
            ("basecampid", "discount", "lock_status", "net_paid_amount", "sender_address", "series", "uuid", "version"),
            NEWER,
        ),
        "email": "rarely returned (FB API s3.3): only when the invoice was written with one",
    },
    "payments": dict.fromkeys(("bulk_paymentid", "send_client_notification", "transaction_uuid"), NEWER),
    "credit_notes": {
        "payment_type": "absent from the recordings, null in the client library",
        "clientid": "a text in the Node client's test data, a number in recordings (FB API s3.5)",
        "creditid": "as clientid",
        "id": "as clientid",
    },
    "other_income": dict.fromkeys(("sourceid", "userid"), NEWER),
    "ledger_accounts": dict.fromkeys(("category_id", "jea_id", "jesa_id"), NEWER),
    "identity": dict.fromkeys(
        ("active", "status", "timezone", "advanced_accounting_enabled", "billing_country_code", "number_format",
         "business_uuid", "business_statuses", "business_clients"),
        NEWER,
    ),
    "oauth": {"direct_buy_tokens": NEWER, "id_token": "absent from some live answers: the switch id_token adds it"},
    "payment_options": {
        "has_acss_debit": NEWER,
        "gateway_info": NEWER,
        "stripe_acss_payment_options": NEWER,
        "allow_partial_payments": NEWER,
    },
    "journal_entries": {"categoryid": "absent from the oldest recordings"},
}  # fmt: skip


def recorded(path: str) -> Any:
    return json.loads((FIXTURES / path).read_text(encoding="utf-8"))


def differences(ours: Any, theirs: Any, allowed: dict[str, str], path: str = "") -> list[str]:
    """Where keys or JSON types differ; null goes with anything, and lists are compared by their first rows."""
    name = path.rpartition(".")[2]
    if name in allowed or ours is None or theirs is None:
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        loose = path.endswith(("permissions", "subscription_statuses", "business_statuses", "integrations"))
        keys = () if loose else sorted((ours.keys() ^ theirs.keys()) - allowed.keys())
        found = [f"{path}.{key} only {'ours' if key in ours else 'theirs'}" for key in keys]
        for key in () if loose else ours.keys() & theirs.keys():
            found += differences(ours[key], theirs[key], allowed, f"{path}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], allowed, path) if ours and theirs else []
    return [] if type(ours) is type(theirs) else [f"{path}: ours {ours!r}, theirs {theirs!r}"]


@needs_fixtures
@pytest.mark.parametrize(
    ("path", "fixture"),
    [
        ("users/clients", "clients/python_sdk_list_clients.json"),
        ("invoices/invoices", "invoices/node_sdk_list_invoices_draft.json"),
        ("invoices/invoices", "invoices/postman_list_invoices_excerpt_overdue_partial_draft.json"),
        ("payments/payments", "payments/node_sdk_list_payments.json"),
        ("credit_notes/credit_notes", "credit_notes/postman_list_credit_notes_all_types.json"),
        ("credit_notes/credit_notes?include[]=lines", "credit_notes/node_sdk_list_credit_notes_with_lines.json"),
        ("other_incomes/other_incomes", "other_income/node_sdk_list_other_income.json"),
        ("journal_entries/journal_entry_details", "journal_entries/node_sdk_list_journal_entry_details.json"),
        ("journal_entry_accounts/journal_entry_accounts",
         "journal_entry_accounts/node_sdk_list_journal_entry_accounts.json"),
        ("/auth/api/v1/users/me", "identity/python_sdk_users_me.json"),
    ],
)  # fmt: skip
async def test_a_list_has_the_recorded_shape(api: Api, path: str, fixture: str) -> None:
    income = {"amount": {"amount": "1.00"}, "date": "2026-03-01", "source": "Etsy", "payment_type": "Cash"}
    await api.post("other_incomes/other_incomes", {"other_income": {**income, "taxes": [{"name": "T", "amount": "3"}]}})
    ours = (await api.get(path)).json
    assert differences(ours, recorded(fixture), DEVIATIONS.get(fixture.partition("/")[0], {})) == []


@needs_fixtures
async def test_single_answers_have_the_recorded_shape(api: Api) -> None:
    invoice = await api.invoice("180.00", status=1)
    payment = await api.pay(invoice, "3300.00", note="Paid in full")
    deleted = await api.put(f"payments/payments/{payment['id']}", {"payment": {"vis_state": 1}})
    chart = f"/accounting/businesses/{api.business_uuid}/ledger_accounts/accounts"
    accounts = (await api.get(chart)).json
    pairs = [
        ({"response": {"result": {"payment": payment}}}, "payments/postman_make_payment_response_overpaid.json"),
        (deleted.json, "payments/node_sdk_delete_payment_response.json"),
        (accounts, "ledger_accounts/python_sdk_list_ledger_accounts.json"),
        ((await api.get(f"{chart}/{accounts['data'][0]['uuid']}")).json,
         "ledger_accounts/python_sdk_get_ledger_account.json"),
        ((await api.post("users/clients", {"client": {}})).json, "clients/python_sdk_create_client_response.json"),
        ((await api.get(f"invoices/invoices/{invoice['id']}")).json, "invoices/node_sdk_get_invoice_draft.json"),
        ((await api.get(f"invoices/invoices/{invoice['id']}/share_link")).json, "invoices/node_sdk_share_link.json"),
        ((await api.get(f"/payments/account/{api.account_id}/invoice/{invoice['id']}/payment_options")).json,
         "payment_options/python_sdk_get_payment_options.json"),
        ((await api.token_call(grant_type="refresh_token", refresh_token=api.greeting["refresh_token"])).json,
         "oauth/python_sdk_token_response.json"),
        ((await api.token_call(grant_type="refresh_token", refresh_token="spent")).json,
         "oauth/irl_token_error_invalid_grant.json"),
    ]  # fmt: skip
    found = [
        differences(ours, recorded(name), DEVIATIONS.get(name.partition("/")[0], {}), name) for ours, name in pairs
    ]
    assert [each for each in found if each] == []


@needs_fixtures
async def test_journal_entries_and_callbacks_have_the_recorded_shape(api: Api) -> None:
    subs = [row.legacy_id for row in api.books.ledger.values() if row.parent_uuid]
    request = recorded("journal_entries/node_sdk_create_journal_entry_request.json")
    for detail, sub in zip(request["journal_entry"]["details"], subs, strict=False):
        detail["sub_accountid"] = sub
    made = (await api.post("journal_entries/journal_entries", request)).json
    theirs = recorded("journal_entries/node_sdk_create_journal_entry_response.json")
    assert differences(made, theirs, {}) == []
    async with ear() as listener:
        await verified_callback(api, listener, "invoice.create")
    listed = (await api.get(f"/events/account/{api.account_id}/events/callbacks")).json
    assert differences(listed, recorded("callbacks/python_sdk_list_callbacks.json"), {}) == []


@needs_fixtures
async def test_recorded_requests_are_accepted(api: Api) -> None:
    client = await api.client()
    invoice = recorded("invoices/node_sdk_create_invoice_request.json")
    invoice["invoice"]["customerid"] = client["id"]
    made = (await api.post("invoices/invoices", invoice)).result["invoice"]
    assert (made["invoice_number"], made["email"]) == ("SS007", "gavin.belson@domain.com")
    for name in (
        "payments/node_sdk_create_payment_request.json",
        "payments/postman_make_payment_request_overpaying.json",
    ):
        payment = recorded(name)
        payment["payment"]["invoiceid"] = made["id"]
        assert (await api.post("payments/payments", payment)).status == 200
    income = recorded("other_income/node_sdk_create_other_income_request.json")
    assert (await api.post("other_incomes/other_incomes", income)).result["other_income"]["payment_type"] == "VISA"


@needs_fixtures
@pytest.mark.parametrize(
    ("method", "path", "body", "fixture"),
    [
        ("GET", "users/clients/12345", None, "python_sdk_accounting_client_not_found.json"),
        ("GET", "{events}/12345", None, "python_sdk_events_404.json"),
        ("POST", "{events}", {"callback": {"event": "x", "uri": "foo"}},
         "python_sdk_events_callback_validation_422.json"),
        ("GET", "{chart}/nothing", None, "python_sdk_ledger_account_404.json"),
        ("POST", "{chart}", {}, "python_sdk_ledger_account_validation_400.json"),
        ("GET", "/payments/account/{account}/invoice/1/payment_options", None, "python_sdk_online_payments_404.json"),
    ],
)  # fmt: skip
async def test_an_error_is_the_recorded_one(api: Api, method: str, path: str, body: Any, fixture: str) -> None:
    path = path.format(
        events=f"/events/account/{api.account_id}/events/callbacks",
        chart=f"/accounting/businesses/{api.business_uuid}/ledger_accounts/accounts",
        account=api.account_id,
    )
    assert (await api.call(method, path, body)).json == recorded(f"errors/{fixture}")


@needs_fixtures
async def test_errors_without_a_token_are_the_recorded_ones(api: Api) -> None:
    api.token = "spent"
    pairs = {
        "invoices/invoices": "node_sdk_accounting_401_errno_1003.json",
        "/auth/api/v1/users/me": "python_sdk_auth_unauthenticated.json",
        f"/events/account/{api.account_id}/events/callbacks": "python_sdk_events_401.json",
        f"/payments/account/{api.account_id}/payment_options": "node_sdk_online_payments_unauthorized.json",
    }
    for path, fixture in pairs.items():
        assert (await api.get(path)).json == recorded(f"errors/{fixture}")


@needs_fixtures
async def test_the_other_error_styles_are_the_recorded_ones(api: Api) -> None:
    old = recorded("errors/python_sdk_accounting_client_not_found.json")["response"]["errors"][0]
    new = recorded("errors/node_sdk_accounting_new_style_item_not_found.json")
    ours = (await api.call("GET", "users/clients/12345", headers={"X-API-VERSION": "2023-09-25"})).json
    metadata = {key: old[key] for key in ("object", "message", "value", "field")}
    new["details"][0]["metadata"] = metadata
    assert ours == new
    await api.switch(events_error_style="older")
    path = f"/events/account/{api.account_id}/events/callbacks"
    assert (await api.get(f"{path}/1")).json == recorded("errors/node_sdk_events_not_found_old.json")
    older = (await api.post(path, {"callback": {"event": "x", "uri": "foo"}})).json
    assert differences(older, recorded("errors/node_sdk_events_validation_old.json"), {}) == []


@pytest.mark.parametrize(
    ("path", "name", "keys"),
    [
        ("users/clients", "clients", key_sets.CLIENT),
        ("invoices/invoices", "invoices", key_sets.INVOICE),
        ("payments/payments", "payments", key_sets.PAYMENT),
        ("credit_notes/credit_notes", "credit_notes", key_sets.CREDIT_NOTE),
        ("other_incomes/other_incomes", "other_income", key_sets.OTHER_INCOME),
        ("journal_entries/journal_entry_details", "journal_entry_details", key_sets.JOURNAL_DETAIL),
    ],
)
async def test_every_row_has_exactly_the_known_keys(api: Api, path: str, name: str, keys: frozenset[str]) -> None:
    income = {"amount": {"amount": "1.00"}, "date": "2026-03-01", "source": "Etsy"}
    await api.post("other_incomes/other_incomes", {"other_income": income})
    rows = (await api.get(path, per_page=100)).result[name]
    assert rows
    assert {frozenset(row) for row in rows} == {keys}


async def test_lines_ledger_accounts_callbacks_and_tokens_have_exactly_the_known_keys(api: Api) -> None:
    rows = (await api.get("invoices/invoices?include[]=lines&per_page=100")).result["invoices"]
    lines = [line for row in rows for line in row["lines"]]
    assert {frozenset(line) for line in lines} == {key_sets.LINE}
    chart = (await api.get(f"/accounting/businesses/{api.business_uuid}/ledger_accounts/accounts")).json["data"]
    assert {frozenset(row) for row in chart} == {key_sets.LEDGER_ACCOUNT}
    body = {"callback": {"event": "invoice", "uri": "http://127.0.0.1:9/hook"}}
    made = await api.post(f"/events/account/{api.account_id}/events/callbacks", body)
    assert frozenset(made.result["callback"]) == key_sets.CALLBACK
    pair = await api.token_call(grant_type="refresh_token", refresh_token=api.greeting["refresh_token"])
    assert frozenset(pair.json) == key_sets.TOKEN
