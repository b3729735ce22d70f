"""Lists: every filter that works, every one that does not, sorting, paging and includes (FB API s4)."""

from typing import Any

import pytest

from tests.sandbox.serving import Api, Json
from tests.sandbox.test_quirks import ids


@pytest.fixture
async def shop(api: Api) -> Json:
    """Two clients with an invoice each, one paid by two payments, beside the generated books."""
    ana = await api.client(
        organization="Ana Ltd", fname="Ana", lname="Diaz", email="ana@shop.example", note="gold", p_city="Lisbon",
        bus_phone="5550101",
    )  # fmt: skip
    bob = await api.client(organization="Bob Inc", fname="Bob", email="bob@shop.example", currency_code="CAD")
    first = await api.invoice("80.00", customerid=ana["id"], create_date="2024-01-05", invoice_number="A-1")
    second = await api.invoice("50.00", customerid=bob["id"], create_date="2024-01-06", invoice_number="B-1")
    part = await api.pay(first, "30.00", date="2024-01-10", note="wire 77", type="ACH")
    rest = await api.pay(first, "50.00", date="2024-01-11", type="Cash")
    return {"ana": ana, "bob": bob, "first": first, "second": second, "part": part, "rest": rest}


def picked(shop: Json, names: str) -> list[int]:
    return sorted((shop[name]["id"] for name in names.split()), reverse=True)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"search[invoiceid]": "{first}"}, "first"),
        ({"search[invoice_number]": "B-1"}, "second"),
        ({"search[customerid]": "{ana}"}, "first"),
        ({"search[date_min]": "2024-01-06", "search[date_max]": "2024-01-07"}, "second"),
        ({"search[date_min]": "2024-01-05", "search[date_max]": "2024-01-06"}, "first"),
        ({"search[customerid]": "{ana}", "search[paid]": "true"}, "first"),
        ({"search[customerid]": "{ana}", "search[outstanding]": "true"}, ""),
        ({"search[customerid]": "{bob}", "search[outstanding]": "true"}, "second"),
        ({"search[customerid]": "{bob}", "search[v3_status]": "overdue"}, "second"),
        ({"search[customerid]": "{bob}", "search[v3_status]": "sent"}, ""),
        ({"search[customerid]": "{bob}", "search[vis_state]": "1"}, ""),
    ],
)
async def test_an_invoice_filter_works(api: Api, shop: Json, query: dict[str, str], names: str) -> None:
    filled = {k: v.format(**{name: row["id"] for name, row in shop.items()}) for k, v in query.items()}
    assert await ids(api, "invoices/invoices", **filled) == picked(shop, names)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"search[userid]": "{ana}"}, "ana"),
        ({"search[email]": "ANA@shop.example"}, "ana"),
        ({"search[email_like]": "@shop."}, "ana bob"),
        ({"search[fname_like]": "bo", "search[email_like]": "shop"}, "bob"),
        ({"search[lname_like]": "dia", "search[email_like]": "shop"}, "ana"),
        ({"search[organization_like]": "ana ltd"}, "ana"),
        ({"search[address_like]": "lisb"}, "ana"),
        ({"search[phone_like]": "5550101"}, "ana"),
        ({"search[note_like]": "gold"}, "ana"),
        ({"search[user_like]": "bob inc"}, "bob"),
        ({"search[email_like]": "@shop.", "search[has_outstanding]": "true"}, "bob"),
        ({"search[email_like]": "@shop.", "search[has_overdue]": "true"}, "bob"),
        ({"search[email_like]": "@shop.", "search[has_draft]": "true"}, ""),
        ({"search[email_like]": "@shop.", "search[has_credit]": "false"}, "ana bob"),
    ],
)
async def test_a_client_filter_works(api: Api, shop: Json, query: dict[str, str], names: str) -> None:
    filled = {k: v.format(**{name: row["id"] for name, row in shop.items()}) for k, v in query.items()}
    assert await ids(api, "users/clients", **filled) == picked(shop, names)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"search[logid]": "{part}"}, "part"),
        ({"search[invoiceid]": "{first}"}, "part rest"),
        ({"search[clientid]": "{ana}"}, "part rest"),
        ({"search[customerid]": "{ana}"}, "part rest"),
        ({"search[date_min]": "2024-01-11", "search[date_max]": "2024-01-12"}, "rest"),
        ({"search[invoiceid]": "{first}", "search[amount_min]": "40"}, "rest"),
        ({"search[invoiceid]": "{first}", "search[amount_max]": "50"}, "part"),
        ({"search[invoiceid]": "{first}", "search[type]": "ach"}, "part"),
        ({"search[invoiceid]": "{first}", "search[currency]": "CAD"}, ""),
        ({"search[notes]": "wire 77"}, "part"),
        ({"search[invoiceid]": "{first}", "search[from_credit]": "false"}, "part rest"),
        ({"search[invoiceid]": "{first}", "search[payment_or_credit]": "credit"}, ""),
        ({"search[client_name]": "ana ltd"}, "part rest"),
        ({"search[number]": "A-1"}, "part rest"),
    ],
)
async def test_a_payment_filter_works(api: Api, shop: Json, query: dict[str, str], names: str) -> None:
    filled = {k: v.format(**{name: row["id"] for name, row in shop.items()}) for k, v in query.items()}
    assert await ids(api, "payments/payments", **filled) == picked(shop, names)


@pytest.mark.parametrize("path", ["users/clients", "invoices/invoices", "payments/payments"])
async def test_updated_bounds_work_for_what_has_an_updated(api: Api, shop: Json, path: str) -> None:
    today = await ids(api, path, **{"search[updated_min]": "2026-03-10"})
    assert set(today) >= {shop["ana"]["id"]} or path != "users/clients"
    earlier = await ids(api, path, **{"search[updated_max]": "2026-03-10"})
    assert sorted(today + earlier) == sorted(await ids(api, path))


async def test_a_row_written_again_leaves_the_day_it_was_written_before(api: Api) -> None:
    key = (await api.invoice())["id"]
    await api.move_clock(advance=86_400)
    query = {"search[updated_min]": "2026-03-10", "search[updated_max]": "2026-03-11"}
    assert key in await ids(api, "invoices/invoices", **query)
    await api.edit(f"invoices/invoices/{key}", "invoice", notes="x")
    assert key not in await ids(api, "invoices/invoices", **query)
    assert key in await ids(api, "invoices/invoices", **{"search[updated_min]": "2026-03-11"})


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("invoices/invoices", "status statusid payment_status create_date_min"),
        ("users/clients", "fname organization"),
        ("credit_notes/credit_notes", "create_date_min client_id"),
        ("other_incomes/other_incomes", "source date_min"),
        ("journal_entry_accounts/journal_entry_accounts", "account_number accountid"),
    ],
)
async def test_other_filters_are_ignored_silently(api: Api, path: str, names: str) -> None:
    everything = (await api.get(path)).result["total"]
    for name in names.split():
        assert (await api.get(path, **{f"search[{name}]": "2099-01-01"})).result["total"] == everything


@pytest.mark.parametrize(("bound", "days"), [("exclusive", ["05"]), ("inclusive", ["05", "06"])])
async def test_whether_max_bounds_count_is_a_switch(api: Api, shop: Json, bound: str, days: list[str]) -> None:
    await api.switch(max_bound=bound)
    query = {"search[date_min]": "2024-01-05", "search[date_max]": "2024-01-06", "sort": "invoice_date_asc"}
    rows = (await api.get("invoices/invoices", **query)).result["invoices"]
    assert [row["create_date"][-2:] for row in rows] == days


@pytest.mark.parametrize(
    ("query", "errno"),
    [({"page": "two"}, 1014), ({"per_page": "many"}, 1013), ({"search[invoiceid]": "x"}, 1024),
     ({"search[paid]": "maybe"}, 1032), ({"search[date_min]": "01/02/2026"}, 1023)],
)  # fmt: skip
async def test_unreadable_values_have_their_error_numbers(api: Api, query: dict[str, str], errno: int) -> None:
    reply = await api.get("invoices/invoices", **query)
    assert (reply.status, reply.error["errno"]) == (422, errno)


async def test_page_zero_is_the_first_and_beyond_the_end_is_empty(api: Api) -> None:
    first = (await api.get("invoices/invoices", page=0, per_page=5)).result
    assert (first["page"], len(first["invoices"]), first["pages"]) == (1, 5, 3)
    beyond = (await api.get("invoices/invoices", page=9, per_page=5)).result
    assert (beyond["page"], beyond["invoices"], beyond["total"]) == (9, [], first["total"])


async def test_the_pages_together_hold_every_row_once(api: Api) -> None:
    pages = [(await api.get("payments/payments", page=n, per_page=3)).result for n in (1, 2, 3)]
    found = [row["id"] for page in pages for row in page["payments"]]
    assert found == (await ids(api, "payments/payments"))[:9]


@pytest.mark.parametrize(
    ("path", "key", "field"),
    [
        ("invoices/invoices", "invoice_date", "create_date"),
        ("users/clients", "organization_name", "organization"),
        ("users/clients", "client_id", "id"),
        ("users/clients", "email", "email"),
    ],
)
async def test_a_sort_key_works_both_ways(api: Api, shop: Json, path: str, key: str, field: str) -> None:
    up, down = [(await api.get(path, per_page=100, sort=f"{key}_{way}")).result for way in ("asc", "desc")]
    name = path.rpartition("/")[2]
    values = [str(row[field]).casefold() for row in up[name]]
    assert values == sorted(values) == [str(row[field]).casefold() for row in down[name]][::-1]


async def test_sorting_by_create_date_is_a_switch(api: Api, shop: Json) -> None:
    query = {"sort": "create_date_asc", "search[customerids][]": shop["ana"]["id"]}
    late = await api.invoice(customerid=shop["ana"]["id"], create_date="2025-01-01")
    assert await ids(api, "invoices/invoices", **query) == [shop["first"]["id"], late["id"]]
    await api.switch(sort_by_create_date=False)
    assert await ids(api, "invoices/invoices", **query) == [late["id"], shop["first"]["id"]]


async def test_includes_bring_what_they_name(api: Api, shop: Json) -> None:
    await api.pay(shop["second"], "75.00")
    client = await api.get(f"users/clients/{shop['bob']['id']}?include[]=credit_balance&include[]=outstanding_balance")
    row = client.result["client"]
    assert row["credit_balance"] == [{"amount": {"amount": "25.00", "code": "CAD"}}]
    assert row["outstanding_balance"] == []
    query = "?include[]=client&include[]=invoice&include[]=credit_note"
    payment = (await api.get(f"payments/payments/{shop['part']['id']}{query}")).result["payment"]
    assert payment["client"]["organization"] == "Ana Ltd"
    assert payment["invoice"]["outstanding"]["amount"] == "0.00"
    assert payment["credit_note"] is None
    names = ("owner", "presentation", "allowed_gateways", "client")
    wanted = "&".join(f"include[]={name}" for name in names)
    assert set(names) <= set(await api.read_invoice(shop["first"]["id"], include=f"?{wanted}"))


@pytest.mark.parametrize(("status", "expected"), [(401, 401), (403, 403), (404, 404)])
async def test_a_foreign_account_is_refused_as_switched(status: int, expected: int, api: Api) -> None:
    other = (await api.post("/_sandbox/accounts", {"name": "Other One", "email": "o@sandbox.example"})).json
    await api.switch(foreign_account_status=status)
    reply = await api.get(f"/accounting/account/{other['account_id']}/invoices/invoices")
    assert (reply.status, reply.error["errno"]) == (expected, 1003)


async def test_the_wrong_kind_of_identifier_is_a_404(api: Api) -> None:
    for path in (f"/accounting/account/{api.business_uuid}/invoices/invoices",
                 f"/accounting/businesses/{api.account_id}/ledger_accounts/accounts"):  # fmt: skip
        assert (await api.get(path)).status == 404


async def test_a_listing_follows_writes_at_once(api: Api) -> None:
    for _ in range(3):
        before: Any = (await api.get("invoices/invoices", per_page=1)).result
        made = await api.invoice()
        after = (await api.get("invoices/invoices", per_page=1)).result
        assert (after["total"], after["invoices"][0]["id"]) == (before["total"] + 1, made["id"])
