"""What is asked of FreshBooks, and the check that what came is what was asked."""

import json
from datetime import date
from typing import Any

import pytest
from aiohttp import web

from daemon.core.backfill import Pass
from daemon.core.errors import (
    FilterIgnored,
    FreshBooksAnswerInvalid,
)
from daemon.core.exchange import Undecodable
from daemon.core.model import InvoiceId, Resource
from tests.adapters import freshbooks_rows as rows
from tests.adapters.freshbooks_servers import TOKEN, account_at, answering, told, told_account, yes

INVOICES = Pass(resource=Resource.INVOICES)
PAYMENTS = Pass(resource=Resource.PAYMENTS)


# ---- what was asked --------------------------------------------------------------------------------------------------


async def test_every_request_carries_the_token_and_our_name() -> None:
    async with answering([told(rows.listed("invoices", []))]) as server, account_at(server.base_url) as account:
        await account.list_page(INVOICES, 1, 100)
    headers = server.asked[0].headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["User-Agent"] == "freshbooks-syncd/test"


async def test_a_pass_is_written_as_freshbooks_filters() -> None:
    listing = Pass(
        resource=Resource.INVOICES,
        deleted=True,
        issued_from=date(2026, 1, 1),
        issued_to=date(2026, 2, 1),
        updated_from=date(2026, 3, 1),
    )
    page = told(rows.listed("invoices", []))
    async with answering([page]) as server, account_at(server.base_url) as account:
        await account.list_page(listing, 3, 500)
    assert dict(server.asked[0].query) == {
        "page": "3",
        "per_page": "100",
        "search[date_min]": "2026-01-01",
        "search[date_max]": "2026-02-01",
        "search[updated_min]": "2026-03-01",
        "search[vis_state]": "1",
        "include[]": "lines",
    }
    assert server.asked[0].path == "/accounting/account/wkMd2g/invoices/invoices"


async def test_a_payments_body_is_exactly_what_freshbooks_documents() -> None:
    made = told(rows.single("payment", rows.payment()))
    async with answering([made]) as server, account_at(server.base_url) as account:
        await account.create_payment(rows.DRAFT, may_send=yes)
    assert json.loads(server.bodies[0]) == {
        "payment": {
            "invoiceid": 812,
            "amount": {"amount": "60.00", "code": "USD"},
            "date": "2026-08-04",
            "type": "ACH",
            "note": "AP:pay_1:1",
            "send_client_notification": False,
        }
    }
    assert server.asked[0].headers["Content-Type"] == "application/json"
    assert len(server.asked) == 1


# ---- ignored filters -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listing", "row", "name"),
    [
        (Pass(resource=Resource.INVOICES, issued_from=date(2026, 8, 6)), {}, "date_min"),
        (Pass(resource=Resource.INVOICES, issued_to=date(2026, 7, 31)), {}, "date_max"),
        (Pass(resource=Resource.INVOICES, updated_from=date(2026, 8, 7)), {}, "updated_min"),
        (Pass(resource=Resource.INVOICES, deleted=True), {}, "vis_state"),
    ],
)
async def test_a_filter_that_freshbooks_ignored_is_noticed(listing: Pass, row: dict[str, Any], name: str) -> None:
    async with told_account(told(rows.listed("invoices", [rows.invoice(**row)]))) as account:
        with pytest.raises(FilterIgnored) as caught:
            await account.list_page(listing, 1, 100)
    assert caught.value.filter == name


@pytest.mark.parametrize(
    "listing",
    [
        Pass(resource=Resource.INVOICES, issued_from=date(2026, 8, 5)),
        Pass(resource=Resource.INVOICES, issued_to=date(2026, 8, 1)),
        Pass(resource=Resource.INVOICES, updated_from=date(2026, 8, 6)),
        Pass(resource=Resource.INVOICES, issued_from=date.min, issued_to=date.max, updated_from=date.min),
    ],
)
async def test_a_row_two_days_outside_the_window_is_no_ignored_filter(listing: Pass) -> None:
    async with told_account(told(rows.listed("invoices", [rows.invoice()]))) as account:
        assert len((await account.list_page(listing, 1, 100)).items) == 1


async def test_payments_are_checked_by_their_own_date() -> None:
    listing = Pass(resource=Resource.PAYMENTS, issued_from=date(2026, 8, 20))
    async with told_account(told(rows.listed("payments", [rows.payment()]))) as account:
        with pytest.raises(FilterIgnored, match="date_min"):
            await account.list_page(listing, 1, 100)


async def test_another_page_than_the_one_asked_for_is_noticed() -> None:
    async with told_account(told(rows.listed("invoices", [rows.invoice()], page=1, pages=9))) as account:
        with pytest.raises(FilterIgnored, match="page"):
            await account.list_page(INVOICES, 4, 100)


async def test_lines_that_were_asked_for_and_left_out_are_noticed() -> None:
    bare = [{key: value for key, value in rows.invoice(id=n).items() if key != "lines"} for n in (1, 2)]
    async with told_account(told(rows.listed("invoices", bare))) as account:
        with pytest.raises(FilterIgnored, match="lines"):
            await account.list_page(INVOICES, 1, 100)


async def test_payments_of_another_invoice_are_noticed() -> None:
    page = told(rows.listed("payments", [rows.payment(), rows.payment(id=32, invoiceid=813)]))
    async with told_account(page) as account:
        with pytest.raises(FilterIgnored, match="invoiceid"):
            await account.payments_of_invoice(InvoiceId(812), deleted=False)


async def test_a_listing_of_one_invoice_that_never_ends_is_given_up() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        return told(rows.listed("payments", [rows.payment()], page=int(request.query["page"]), pages=1000))

    async with answering(endless) as server, account_at(server.base_url) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="pages"):
            await account.payments_of_invoice(InvoiceId(812), deleted=False)
    assert len(server.asked) == 50


# ---- answers about something else ------------------------------------------------------------------------------------


async def test_another_invoice_than_the_one_asked_for_is_not_taken() -> None:
    async with told_account(told(rows.single("invoice", rows.invoice(id=813)))) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="813"):
            await account.invoice(InvoiceId(812))


async def test_a_created_payment_on_another_invoice_is_not_taken() -> None:
    async with told_account(told(rows.single("payment", rows.payment(invoiceid=813)))) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="813"):
            await account.create_payment(rows.DRAFT, may_send=yes)


async def test_a_single_record_that_cannot_be_read_makes_the_answer_unusable() -> None:
    async with told_account(told(rows.single("invoice", rows.invoice(amount=None)))) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="cannot be read"):
            await account.invoice(InvoiceId(812))


async def test_one_bad_row_does_not_stop_its_page() -> None:
    page = [rows.payment(), rows.payment(id=32, amount=None), "nonsense", {"no": "id"}, rows.payment(id=33)]
    async with told_account(told(rows.listed("payments", page))) as account:
        got = await account.list_page(PAYMENTS, 1, 100)
        records = [account.decode(Resource.PAYMENTS, item) for item in got.items]
    assert [isinstance(record, Undecodable) for record in records] == [False, True, True, True, False]
    assert len({record.id for record in records}) == 5
    assert [record.id < 0 for record in records] == [False, False, True, True, False]
