"""The official `freshbooks-sdk` runs against the sandbox unmodified; only its base addresses are ours."""

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import anyio.to_thread
import pytest
from freshbooks.builders.filter import FilterBuilder
from freshbooks.builders.includes import IncludesBuilder
from freshbooks.builders.paginator import PaginateBuilder
from freshbooks.builders.sort import SortBuilder
from freshbooks.client import Client as FreshBooksClient
from freshbooks.errors import FreshBooksError
from freshbooks.models import VisState

from tests.sandbox.serving import Api, consent, sandbox_api
from tests.sandbox.webhook_ear import ear

# The official client never closes its sessions.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
T = TypeVar("T")


async def off_loop(work: Callable[[], T]) -> T:
    """The official client blocks, so it runs beside the loop that serves it."""
    return await anyio.to_thread.run_sync(work)


def with_lines() -> IncludesBuilder:
    builder = IncludesBuilder()
    builder.include("lines")
    return builder


@pytest.fixture
def addresses(api: Api) -> Iterator[None]:
    """The two environment variables by which the client is pointed elsewhere."""
    names = ("FRESHBOOKS_API_URL", "FRESHBOOKS_AUTH_URL")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, api.running.base_url))
    yield
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def sdk(api: Api, addresses: None) -> FreshBooksClient:
    return FreshBooksClient(
        api.greeting["client_id"],
        client_secret=api.greeting["client_secret"],
        redirect_uri=api.greeting["redirect_uris"][0],
        access_token=api.token,
        auto_retry=False,
    )


async def test_it_authorises_and_refreshes(api: Api, sdk: FreshBooksClient) -> None:
    url = sdk.get_auth_request_url(scopes=["user:profile:read", "user:invoices:read"])
    asked = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    back = await consent(api, asked)
    first = await off_loop(lambda: sdk.get_access_token(back["code"]))
    assert first.access_token == sdk.access_token
    second = await off_loop(sdk.refresh_access_token)
    assert second.refresh_token != first.refresh_token
    user = await off_loop(sdk.current_user)
    assert user.full_name == "Robin Hale"
    assert user.business_memberships[0].business.account_id == api.account_id


async def test_it_sees_a_spent_refresh_token_refused(api: Api, sdk: FreshBooksClient) -> None:
    token = api.greeting["refresh_token"]
    await off_loop(lambda: sdk.refresh_access_token(token))
    with pytest.raises(FreshBooksError) as refusal:
        await off_loop(lambda: sdk.refresh_access_token(token))
    assert refusal.value.status_code == 400


async def test_it_pages_with_its_own_paginator(api: Api, sdk: FreshBooksClient) -> None:
    for number in range(30):
        await api.client(organization=f"Paged {number}")
    pages = PaginateBuilder(1, 10)
    found = await off_loop(lambda: sdk.clients.list(api.account_id, builders=[pages]))
    while found.pages.page < found.pages.pages:
        pages.page(found.pages.page + 1)
        found += await off_loop(lambda: sdk.clients.list(api.account_id, builders=[pages]))
    assert found.pages.total == len(found) == len({row.id for row in found}) > 30


async def test_it_filters_includes_and_sorts(api: Api, sdk: FreshBooksClient) -> None:
    dates = ["2026-01-05", "2026-01-07", "2026-01-06"]
    made = [await api.invoice(create_date=each) for each in dates]
    wanted = [row["id"] for row in made]
    picked = FilterBuilder().in_list("invoiceid", wanted)
    sort, include = SortBuilder().ascending("invoice_date"), with_lines()
    rows = await off_loop(lambda: sdk.invoices.list(api.account_id, builders=[picked, sort, include]))
    assert [row.create_date for row in rows] == [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)]
    assert {row.id for row in rows} == set(wanted)
    assert rows[0].lines[0].unit_cost.amount == "100.00"


async def test_it_filters_by_day_equality_and_likeness(api: Api, sdk: FreshBooksClient) -> None:
    client = await api.client(email="ana@x-ray.example")
    like = FilterBuilder().like("email_like", "@x-ray")
    same = FilterBuilder()
    same.equals("email", "ana@x-ray.example")
    same.between("updated", min=date(2026, 3, 10))
    for builder in (like, same):
        rows = await off_loop(lambda b=builder: sdk.clients.list(api.account_id, builders=[b]))  # type: ignore[misc]
        assert [row.id for row in rows] == [client["id"]]


async def test_clients_create_get_update_delete(api: Api, sdk: FreshBooksClient) -> None:
    data = {"fname": "Ana", "lname": "Diaz", "currency_code": "EUR"}
    made = await off_loop(lambda: sdk.clients.create(api.account_id, data))
    assert made.organization == "Ana Diaz"
    assert made.updated == datetime.fromisoformat("2026-03-10T16:00:00+00:00")
    changed = await off_loop(lambda: sdk.clients.update(api.account_id, made.id, {"organization": "Diaz SL"}))
    assert (await off_loop(lambda: sdk.clients.get(api.account_id, made.id))).organization == changed.organization
    gone = await off_loop(lambda: sdk.clients.delete(api.account_id, made.id))
    assert gone.vis_state is VisState.DELETED


async def test_invoices_create_get_update_delete(api: Api, sdk: FreshBooksClient) -> None:
    line = {"name": "Work", "qty": 2, "unit_cost": {"amount": "50.00"}}
    data = {"customerid": (await api.client())["id"], "create_date": "2026-03-10", "lines": [line]}
    lines = with_lines()
    made = await off_loop(lambda: sdk.invoices.create(api.account_id, data, includes=lines))
    assert (made.amount.amount, made.v3_status, made.lines[0].qty) == ("100.00", "draft", "2")
    sent = await off_loop(lambda: sdk.invoices.update(api.account_id, made.id, {"action_mark_as_sent": True}))
    assert sent.v3_status == "sent"
    read = await off_loop(lambda: sdk.invoices.get(api.account_id, made.id, includes=lines))
    assert read.lines[0].name == "Work"
    await off_loop(lambda: sdk.invoices.delete(api.account_id, made.id))
    assert (await off_loop(lambda: sdk.invoices.get(api.account_id, made.id))).vis_state is VisState.DELETED


async def test_payments_create_list_update_delete(api: Api, sdk: FreshBooksClient) -> None:
    invoice = await api.invoice("100.00")
    data = {
        "invoiceid": invoice["id"],
        "amount": {"amount": "130.00"},
        "date": date(2026, 3, 10).isoformat(),
        "type": "ach",
    }
    made = await off_loop(lambda: sdk.payments.create(api.account_id, data))
    assert (made.amount.amount, made.type, made.overpaymentid) == ("100.00", "ACH", made.id + 1)
    own = FilterBuilder().equals("invoiceid", invoice["id"])
    assert [row.id for row in await off_loop(lambda: sdk.payments.list(api.account_id, builders=[own]))] == [made.id]
    less = {"amount": {"amount": "40.00"}, "note": "corrected"}
    changed = await off_loop(lambda: sdk.payments.update(api.account_id, made.id, less))
    assert (changed.amount.amount, changed.note) == ("40.00", "corrected")
    await off_loop(lambda: sdk.payments.delete(api.account_id, made.id))
    assert (await api.read_invoice(invoice["id"]))["outstanding"]["amount"] == "100.00"


async def test_credit_notes_create_get_update_delete(api: Api, sdk: FreshBooksClient) -> None:
    line = {"name": "Goodwill", "qty": "1", "unit_cost": {"amount": "25.00"}}
    data = {"clientid": (await api.client())["id"], "create_date": "2026-03-01", "lines": [line]}
    made = await off_loop(lambda: sdk.credit_notes.create(api.account_id, data))
    assert (made.amount.amount, made.credit_type, made.payment_status) == ("25.00", "goodwill", "paid")
    changed = await off_loop(lambda: sdk.credit_notes.update(api.account_id, made.id, {"notes": "thanks"}))
    assert changed.notes == "thanks"
    lines = with_lines()
    assert (await off_loop(lambda: sdk.credit_notes.get(api.account_id, made.id, includes=lines))).lines[0].qty == "1"
    gone = await off_loop(lambda: sdk.credit_notes.delete(api.account_id, made.id))
    assert gone.vis_state is VisState.DELETED


async def test_other_income_create_get_update_delete(api: Api, sdk: FreshBooksClient) -> None:
    data = {
        "amount": {"amount": "113.00", "code": "USD"},
        "date": "2026-03-01",
        "source": "Etsy",
        "payment_type": "Visa",
    }
    made = await off_loop(lambda: sdk.other_income.create(api.account_id, data))
    assert (made.payment_type, made.category_name) == ("VISA", "other")
    changed = await off_loop(lambda: sdk.other_income.update(api.account_id, made.incomeid, {**data, "note": "fair"}))
    assert changed.note == "fair"
    rows = await off_loop(lambda: sdk.other_income.list(api.account_id))
    assert [row.incomeid for row in rows] == [made.incomeid]
    await off_loop(lambda: sdk.other_income.delete(api.account_id, made.incomeid))
    assert len(await off_loop(lambda: sdk.other_income.list(api.account_id))) == 0


async def test_ledger_accounts_create_get_update_list(api: Api, sdk: FreshBooksClient) -> None:
    rows = await off_loop(lambda: sdk.ledger_accounts.list(api.business_uuid))
    cash = next(row for row in rows if row.number == "1000")
    data = {"name": "Undeposited Funds", "sub_type": "Cash & Bank", "parent_account": cash.uuid}
    made = await off_loop(lambda: sdk.ledger_accounts.create(api.business_uuid, data))
    assert (made.number, made.type, made.auto_created) == ("1000-4", "asset", False)
    changed = await off_loop(
        lambda: sdk.ledger_accounts.update(api.business_uuid, made.uuid, {"description": "to clear"})
    )
    read = await off_loop(lambda: sdk.ledger_accounts.get(api.business_uuid, made.uuid))
    assert read.description == changed.description == "to clear"
    with pytest.raises(FreshBooksError) as refusal:
        await off_loop(lambda: sdk.ledger_accounts.create(api.business_uuid, {}))
    assert refusal.value.status_code == 400
    assert {each["field"] for each in refusal.value.error_details or []} == {"name", "sub_type", "parent_account"}


async def test_callbacks_create_verify_list_delete(api: Api, sdk: FreshBooksClient) -> None:
    async with ear() as listener:
        data = {"event": "invoice.create", "uri": listener.url}
        made = await off_loop(lambda: sdk.callbacks.create(api.account_id, data))
        assert made.verified is False
        verifier = (await listener.next("callback.verify")).fields["verifier"]
        await off_loop(lambda: sdk.callbacks.resend_verification(api.account_id, made.callbackid))
        assert (await listener.next("callback.verify")).fields["verifier"] == verifier
        done = await off_loop(lambda: sdk.callbacks.verify(api.account_id, made.callbackid, verifier))
        assert done.verified is True
        rows = await off_loop(lambda: sdk.callbacks.list(api.account_id))
        assert [row.event for row in rows] == ["invoice.create"]
        await off_loop(lambda: sdk.callbacks.delete(api.account_id, made.callbackid))
        with pytest.raises(FreshBooksError) as refusal:
            await off_loop(lambda: sdk.callbacks.get(api.account_id, made.callbackid))
        assert (refusal.value.status_code, refusal.value.error_code) == (404, 404)


async def test_invoice_payment_options(api: Api, sdk: FreshBooksClient) -> None:
    invoice = await api.invoice()
    data = {"gateway_name": "fbpay", "entity_id": invoice["id"], "entity_type": "invoice", "has_ach_transfer": True}
    await off_loop(lambda: sdk.invoice_payment_options.create(api.account_id, invoice["id"], data))
    read = await off_loop(lambda: sdk.invoice_payment_options.get(api.account_id, invoice["id"]))
    assert (read.has_ach_transfer, read.entity_id) == (True, str(invoice["id"]))
    default = await off_loop(lambda: sdk.invoice_payment_options.defaults(api.account_id))
    assert default.entity_type == "invoice"


async def test_its_errors_for_401_404_422_and_429(api: Api, sdk: FreshBooksClient) -> None:
    with pytest.raises(FreshBooksError) as missing:
        await off_loop(lambda: sdk.clients.get(api.account_id, 99_999))
    assert (str(missing.value), missing.value.status_code, missing.value.error_code) == ("Client not found.", 404, 1012)
    with pytest.raises(FreshBooksError) as invalid:
        await off_loop(lambda: sdk.payments.create(api.account_id, {"invoiceid": 1}))
    assert (invalid.value.status_code, invalid.value.error_code) == (422, 1001)
    with pytest.raises(FreshBooksError) as callback:
        await off_loop(lambda: sdk.callbacks.create(api.account_id, {"event": "x", "uri": "y"}))
    assert callback.value.status_code == 422
    assert "event: Value error, Unrecognized event." in map(str, callback.value.error_details or [])
    await api.fault({"kind": "status", "status": 429, "body": "json"}, count=1)
    with pytest.raises(FreshBooksError) as throttled:
        await off_loop(lambda: sdk.invoices.list(api.account_id))
    assert throttled.value.status_code == 429
    sdk.access_token = "spent"
    with pytest.raises(FreshBooksError) as stranger:
        await off_loop(lambda: sdk.invoices.list(api.account_id))
    assert (stranger.value.status_code, stranger.value.error_code) == (401, 1003)
    with pytest.raises(FreshBooksError) as nobody:
        await off_loop(sdk.current_user)
    assert nobody.value.status_code == 401


async def test_its_own_retries_get_through_a_short_outage(api: Api, addresses: None) -> None:
    retrying = FreshBooksClient(api.greeting["client_id"], access_token=api.token)
    await api.fault({"kind": "status", "status": 503}, count=2)
    rows = await off_loop(lambda: retrying.invoices.list(api.account_id))
    assert len(rows) > 0


async def test_two_sandboxes_with_the_same_seed_hold_the_same_books(api: Api, sdk: FreshBooksClient) -> None:
    async with sandbox_api() as other:
        pages = [await each.get("invoices/invoices?include[]=lines&per_page=100") for each in (api, other)]
    assert pages[0].body == pages[1].body
