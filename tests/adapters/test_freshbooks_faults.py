"""Every answer of FreshBooks that is an error becomes one of the core's, by whose fault it is."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.errors import error_of, read_complaint
from daemon.adapters.freshbooks.listing import split
from daemon.core.backfill import Pass
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.model import Resource
from tests.adapters import freshbooks_rows as rows
from tests.adapters.freshbooks_servers import told, told_account, yes

INVOICES = Pass(resource=Resource.INVOICES)
PAYMENTS = Pass(resource=Resource.PAYMENTS)
FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "errors"


# ---- answers that are errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, rows.old_error(1003), AuthorizationExpired),
        (401, "", AuthorizationExpired),
        (403, rows.old_error(1003), AuthorizationExpired),
        (200, rows.old_error(1003), AuthorizationExpired),
        (401, rows.new_error(16, "1003"), AuthorizationExpired),
        (401, {"error": "unauthenticated", "error_description": "Sign in."}, AuthorizationExpired),
        (404, rows.old_error(1012), FreshBooksNotFound),
        (404, "", FreshBooksNotFound),
        (422, rows.old_error(1012), FreshBooksNotFound),
        (200, rows.old_error(1012), FreshBooksNotFound),
        (404, rows.new_error(5, "1012"), FreshBooksNotFound),
        (200, rows.new_error(5, "1012"), FreshBooksNotFound),
        (404, {"errors": {"message": "Request failed", "status": 404, "details": []}}, FreshBooksNotFound),
        (422, rows.old_error(1001, "'date' is a required field.", "date"), FreshBooksRefused),
        (403, rows.old_error(1038), FreshBooksRefused),
        (402, rows.old_error(7005), FreshBooksRefused),
        (200, rows.old_error(12001), FreshBooksRefused),
        (200, {"response": {"errors": {"errno": 12001, "message": "No access."}}}, FreshBooksRefused),
        (400, {"error_type": "validation", "message": "A validation error occurred."}, FreshBooksRefused),
        (422, {"errno": 422, "message": "Semantic.", "details": ["event: Unrecognized event."]}, FreshBooksRefused),
        (418, "<html>", FreshBooksRefused),
        (500, rows.old_error(None, "There was an error accessing your account data."), FreshBooksUnavailable),
        (500, "<html><h1>Internal Server Error</h1></html>", FreshBooksUnavailable),
        (502, "", FreshBooksUnavailable),
        (503, {"anything": 1}, FreshBooksUnavailable),
        (408, "", FreshBooksUnavailable),
        (429, rows.old_error(429), FreshBooksUnavailable),
        (200, rows.old_error(429), FreshBooksUnavailable),
        (200, rows.old_error(500), FreshBooksUnavailable),
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
    assert getattr(caught.value, "unsent", False) is (status == 429)


async def test_a_refusal_tells_freshbooks_number_field_and_words() -> None:
    async with told_account(told(rows.old_error(1001, "'date' is a required field.", "date"), 422)) as account:
        with pytest.raises(FreshBooksRefused, match="'date' is a required field") as caught:
            await account.create_payment(rows.DRAFT, may_send=yes)
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
    assert caught.value.unsent
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("status", [200, 500, 503])
async def test_retry_after_counts_on_a_429_only(status: int) -> None:
    async with told_account(told(rows.old_error(500), status, Retry_After="60")) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.list_page(INVOICES, 1, 100)
    assert caught.value.retry_after is None
    assert not caught.value.throttled


async def test_retry_after_beside_a_refusal_told_in_a_200_does_not_count() -> None:
    async with told_account(told(rows.old_error(429), 200, Retry_After="60")) as account:
        with pytest.raises(FreshBooksUnavailable) as caught:
            await account.list_page(INVOICES, 1, 100)
    assert caught.value.throttled
    assert not caught.value.unsent
    assert caught.value.retry_after is None


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
