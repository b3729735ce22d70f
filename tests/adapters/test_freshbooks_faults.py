"""Every way in which FreshBooks, or the way to it, can fail becomes one of the core's errors."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.adapters.freshbooks.calls import Answer, RateSeen
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.adapters.freshbooks.errors import error_of, read_complaint
from daemon.adapters.freshbooks.listing import split
from daemon.core.backfill import Pass
from daemon.core.errors import (
    AuthorizationExpired,
    FilterIgnored,
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.exchange import PaymentDraft, Undecodable
from daemon.core.model import InvoiceId, Resource
from tests.adapters import freshbooks_rows as rows
from tests.adapters.freshbooks_servers import TOKEN, account_at, answering, speaking, told

INVOICES = Pass(resource=Resource.INVOICES)
PAYMENTS = Pass(resource=Resource.PAYMENTS)
DRAFT = PaymentDraft(
    invoice_id=InvoiceId(812),
    amount=Decimal("60.00"),
    currency="USD",
    paid_on=date(2026, 8, 4),
    type="ACH",
    note="AP:pay_1:1",
)
FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "errors"


def yes() -> bool:
    return True


def no() -> bool:
    return False


@asynccontextmanager
async def told_account(*answers: web.Response, **options: Any) -> AsyncIterator[FreshBooksAccount]:
    async with answering(answers) as server, account_at(server.base_url, **options) as account:
        yield account


def old_error(errno: int | None, message: str = "No.", field: str | None = None) -> dict[str, Any]:
    return {
        "response": {"errors": [{"errno": errno, "message": message, "field": field, "object": None, "value": None}]}
    }


def new_error(code: int, reason: str) -> dict[str, Any]:
    detail = {"@type": "x", "reason": reason, "metadata": {"message": "No such thing.", "field": "itemid"}}
    return {"code": code, "message": "Request failed with status_code: 404", "details": [detail]}


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
        await account.create_payment(DRAFT, may_send=yes)
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


async def test_the_budget_that_each_answer_tells_is_passed_on() -> None:
    seen: list[RateSeen] = []
    page = told(rows.listed("invoices", []), x_ratelimit_limit="600", x_ratelimit_remaining="598")
    none = told(old_error(1001), status=422, x_ratelimit_limit="250", x_ratelimit_remaining="0")
    async with told_account(page, none, on_rate=seen.append) as account:
        await account.list_page(INVOICES, 1, 100)
        with pytest.raises(FreshBooksRefused):
            await account.create_payment(DRAFT, may_send=yes)
    assert seen == [
        RateSeen(remaining=598, limit=600, create=False),
        RateSeen(remaining=0, limit=250, create=True),
    ]


# ---- answers that are errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, old_error(1003), AuthorizationExpired),
        (401, "", AuthorizationExpired),
        (403, old_error(1003), AuthorizationExpired),
        (200, old_error(1003), AuthorizationExpired),
        (401, new_error(16, "1003"), AuthorizationExpired),
        (401, {"error": "unauthenticated", "error_description": "Sign in."}, AuthorizationExpired),
        (404, old_error(1012), FreshBooksNotFound),
        (404, "", FreshBooksNotFound),
        (422, old_error(1012), FreshBooksNotFound),
        (200, old_error(1012), FreshBooksNotFound),
        (404, new_error(5, "1012"), FreshBooksNotFound),
        (200, new_error(5, "1012"), FreshBooksNotFound),
        (404, {"errors": {"message": "Request failed", "status": 404, "details": []}}, FreshBooksNotFound),
        (422, old_error(1001, "'date' is a required field.", "date"), FreshBooksRefused),
        (403, old_error(1038), FreshBooksRefused),
        (402, old_error(7005), FreshBooksRefused),
        (200, old_error(12001), FreshBooksRefused),
        (200, {"response": {"errors": {"errno": 12001, "message": "No access."}}}, FreshBooksRefused),
        (400, {"error_type": "validation", "message": "A validation error occurred."}, FreshBooksRefused),
        (422, {"errno": 422, "message": "Semantic.", "details": ["event: Unrecognized event."]}, FreshBooksRefused),
        (418, "<html>", FreshBooksRefused),
        (500, old_error(None, "There was an error accessing your account data."), FreshBooksUnavailable),
        (500, "<html><h1>Internal Server Error</h1></html>", FreshBooksUnavailable),
        (502, "", FreshBooksUnavailable),
        (503, {"anything": 1}, FreshBooksUnavailable),
        (408, "", FreshBooksUnavailable),
        (429, old_error(429), FreshBooksUnavailable),
        (200, old_error(429), FreshBooksUnavailable),
        (200, old_error(500), FreshBooksUnavailable),
        (200, "<html>We will be back soon</html>", FreshBooksUnavailable),
        (200, b'{"response": {"result": {"invoices": [{"id": 1, "amou', FreshBooksUnavailable),
        (200, b"", FreshBooksUnavailable),
        (200, {"response": {}}, FreshBooksAnswerInvalid),
        (200, {"response": {"result": {"payments": []}}}, FreshBooksAnswerInvalid),
        (200, {"response": {"result": {"invoices": {}, "page": 1, "pages": 1, "total": 1}}}, FreshBooksAnswerInvalid),
        (200, {"unheard": "of"}, FreshBooksAnswerInvalid),
        (200, [], FreshBooksAnswerInvalid),
        (302, "", FreshBooksAnswerInvalid),
    ],
)
async def test_an_answer_that_is_an_error_is_named_by_whose_fault_it_is(
    status: int, body: Any, kind: type[Exception]
) -> None:
    async with told_account(told(body, status)) as account:
        with pytest.raises(kind) as caught:
            await account.list_page(INVOICES, 1, 100)
    assert type(caught.value) is kind
    assert not getattr(caught.value, "unsent", False)


async def test_a_refusal_tells_freshbooks_number_field_and_words() -> None:
    async with told_account(told(old_error(1001, "'date' is a required field.", "date"), 422)) as account:
        with pytest.raises(FreshBooksRefused, match="'date' is a required field") as caught:
            await account.create_payment(DRAFT, may_send=yes)
    assert (caught.value.status, caught.value.errno, caught.value.field) == (422, 1001, "date")


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.json")), ids=lambda file: file.stem)
def test_every_recorded_error_is_understood(file: Path) -> None:
    complaint = read_complaint(file.read_bytes())
    assert complaint is not None
    assert complaint.message


def test_the_recorded_errors_are_there_or_this_says_so() -> None:
    if not FIXTURES.exists():
        pytest.skip("the recorded answers are not part of this repository")
    assert read_complaint(b'{"response": {"result": {"invoice": {"errors": "none"}}}}') is None


# ---- too many calls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "17"}, timedelta(seconds=17)),
        ({"Retry_After": "0"}, timedelta(0)),
        (
            {"Retry_After": "Tue, 04 Aug 2026 12:00:30 GMT", "Date": "Tue, 04 Aug 2026 12:00:00 GMT"},
            timedelta(seconds=30),
        ),
        ({"Retry_After": "Tue, 04 Aug 2026 11:00:30 GMT", "Date": "Tue, 04 Aug 2026 12:00:00 GMT"}, timedelta(0)),
        ({"Retry_After": "99999999999"}, timedelta(hours=1)),
        ({"Retry_After": "soon"}, None),
        ({}, None),
    ],
)
async def test_a_429_says_how_long_to_wait(headers: dict[str, str], wait: timedelta | None) -> None:
    async with told_account(told("slow down", 429, **headers)) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.list_page(INVOICES, 1, 100)
    assert caught.value.throttled
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("status", [200, 500, 503])
async def test_retry_after_counts_on_a_429_only(status: int) -> None:
    async with told_account(told(old_error(500), status, Retry_After="60")) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.list_page(INVOICES, 1, 100)
    assert caught.value.retry_after is None
    assert not caught.value.throttled


async def test_retry_after_beside_a_refusal_told_in_a_200_does_not_count() -> None:
    async with told_account(told(old_error(429), 200, Retry_After="60")) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.list_page(INVOICES, 1, 100)
    assert caught.value.throttled
    assert caught.value.retry_after is None


# ---- no whole answer -------------------------------------------------------------------------------------------------


async def test_a_refused_connection_proves_that_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with account_at(base_url) as account:
            with pytest.raises(FreshBooksUnavailable) as caught:
                await account.create_payment(DRAFT, may_send=yes)
    assert caught.value.unsent


async def test_an_unknown_host_proves_that_nothing_was_sent() -> None:
    async with account_at("http://freshbooks.invalid") as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.create_payment(DRAFT, may_send=yes)
    assert caught.value.unsent


@contextmanager
def full_backlog() -> Iterator[str]:
    """A port whose queue of connections is full: the next one is neither taken nor refused."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_connection_that_never_opens_proves_that_nothing_was_sent() -> None:
    with full_backlog() as base_url:
        async with account_at(base_url, timeout=timedelta(milliseconds=300)) as account:
            with pytest.raises(FreshBooksUnavailable) as caught:
                await account.create_payment(DRAFT, may_send=yes)
    assert caught.value.unsent


async def test_an_answer_that_never_comes_proves_nothing() -> None:
    async def stall(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass

    async with speaking(stall) as base_url, account_at(base_url, timeout=timedelta(milliseconds=200)) as account:
        with pytest.raises(FreshBooksUnavailable, match="in time") as caught:
            await account.create_payment(DRAFT, may_send=yes)
    assert not caught.value.unsent


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"response": {"re',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"220 mail.example ESMTP\r\n",
    ],
)
async def test_a_torn_answer_proves_nothing(said: bytes) -> None:
    async def tear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    async with speaking(tear) as base_url, account_at(base_url) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.create_payment(DRAFT, may_send=yes)
    assert not caught.value.unsent


async def test_a_payment_is_never_sent_twice_even_on_a_connection_that_went_stale() -> None:
    posts = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal posts
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"POST"):
                posts += 1
                return
            body = json.dumps(rows.listed("invoices", [])).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()

    async with speaking(once) as base_url, account_at(base_url) as account:
        await account.list_page(INVOICES, 1, 100)
        with pytest.raises(FreshBooksUnavailable):
            await account.create_payment(DRAFT, may_send=yes)
    assert posts == 1


async def test_an_answer_without_end_is_cut_off() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65536)
        except ConnectionError:
            return response

    async with answering(pour) as server, account_at(server.base_url, bytes_max=1_000_000) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="1000000 bytes"):
            await account.list_page(INVOICES, 1, 100)


async def test_a_small_packed_answer_cannot_grow_past_the_limit() -> None:
    bomb = web.Response(body=gzip.compress(b" " * 5_000_000), headers={"Content-Encoding": "gzip"})
    async with told_account(bomb, bytes_max=1_000_000) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="1000000 bytes"):
            await account.list_page(INVOICES, 1, 100)


async def test_a_token_is_not_carried_along_a_redirect() -> None:
    page = told(rows.listed("invoices", []))
    async with answering([page]) as elsewhere:
        moved = told("", 302, Location=elsewhere.base_url)
        async with answering([moved]) as server, account_at(server.base_url) as account:
            with pytest.raises(FreshBooksAnswerInvalid, match="302"):
                await account.list_page(INVOICES, 1, 100)
    assert elsewhere.asked == []


# ---- the last moment before a send -----------------------------------------------------------------------------------


async def test_a_claim_that_ran_out_sends_nothing() -> None:
    made = told(rows.single("payment", rows.payment()))
    async with answering([made]) as server, account_at(server.base_url) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.create_payment(DRAFT, may_send=no)
    assert caught.value.unsent
    assert server.asked == []


async def test_a_claim_is_asked_for_only_once_the_connection_stands() -> None:
    connections = 0
    asked_at: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        assert await reader.read() == b""

    def may_send() -> bool:
        asked_at.append(connections)
        return False

    async with speaking(talk) as base_url, account_at(base_url) as account:
        with pytest.raises(FreshBooksUnavailable):
            await account.create_payment(DRAFT, may_send=may_send)
    assert len(asked_at) == 1


async def test_a_claim_stands_for_its_own_payment_alone() -> None:
    made = told(rows.single("payment", rows.payment()))
    async with answering([made]) as server, account_at(server.base_url) as account:
        async with asyncio.TaskGroup() as group:
            good = group.create_task(account.create_payment(DRAFT, may_send=yes))
            bad = group.create_task(expect_unsent(account))
        assert good.result().id == 31
        assert bad.result()
    assert len(server.asked) == 1


async def expect_unsent(account: FreshBooksAccount) -> bool:
    try:
        await account.create_payment(DRAFT, may_send=no)
    except FreshBooksUnavailable as error:
        return error.unsent
    return False


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
            await account.create_payment(DRAFT, may_send=yes)


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


# ---- anything at all -------------------------------------------------------------------------------------------------

TYPED = (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, AuthorizationExpired)
KEYS = [
    "response",
    "result",
    "errors",
    "errno",
    "message",
    "error",
    "details",
    "reason",
    "metadata",
    "field",
    "code",
    "status",
    "invoices",
    "page",
    "pages",
    "total",
    "data",
    "fieldViolations",
    "description",
    "id",
    "error_type",
    "error_description",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=500)
@given(ANYTHING, st.sampled_from([200, 201, 400, 401, 404, 422, 429, 500]))
def test_any_json_is_a_page_or_one_of_the_cores_errors(tree: Any, status: int) -> None:
    body = json.dumps(tree).encode()
    assert isinstance(error_of(status, {}, body), TYPED)
    try:
        split(Resource.INVOICES, Answer(status=status, headers={}, body=body))
    except TYPED:
        return


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_are_one_of_the_cores_errors(body: bytes) -> None:
    with pytest.raises(TYPED):
        split(Resource.PAYMENTS, Answer(status=200, headers={}, body=body))
    assert isinstance(error_of(500, {}, body), FreshBooksUnavailable)
