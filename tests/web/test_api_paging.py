"""Lists are read by pages, on and back, in the shape of the platform's public API."""

from collections.abc import AsyncIterator

import pytest

from tests.adapters.postgres_rows import ACCOUNT, PARTNER
from tests.builders import INVOICE
from tests.web.api_site import ApiSite, serving_api

ROWS = (
    """
    INSERT INTO sync.invoice SELECT (jsonb_populate_record(i, jsonb_build_object(
        'invoice_id', g, 'number', g::text, 'issued_on', date '2026-01-01' + g / 2))).*
    FROM sync.invoice i, generate_series(2, 6) g WHERE invoice_id = $3 AND partner_id = $1 AND account_id = $2
    """,
    """
    INSERT INTO platform.payout SELECT (jsonb_populate_record(o, jsonb_build_object(
        'payout_id', 'po_' || g, 'created_at', o.created_at + g / 2 * interval '1 day'))).*
    FROM platform.payout o, generate_series(2, 6) g WHERE partner_id = $1 AND $2::text > '' AND $3::bigint > 0
    """,
    """
    INSERT INTO sync.customer SELECT $1, $2, g, 'Customer ' || g / 2, '', '', '', '', '', '', '', '', '', 'USD', 0,
        now(), false, 0, now(), now() FROM generate_series(2, 6) g WHERE $3::bigint > 0
    """,
    """
    INSERT INTO sync.issue (partner_id, account_id, kind, subject_type, subject_id, reason, next_step)
    SELECT $1, $2, 'refunded', 'payment', 'pay_' || g, '', '' FROM generate_series(2, 6) g WHERE $3::bigint > 0
    """,
    """
    INSERT INTO sync.run (partner_id, account_id, feed, stage, began_at, finished_at, outcome, pages, changed)
    SELECT $1, $2, 'payments', '', now(), now(), 'complete', g, 0 FROM generate_series(2, 6) g WHERE $3::bigint > 0
    """,
)
"""Neighbours of one day, name or moment are among them."""
LISTS = ("invoices", "customers", "payments", "payouts", "issues", "runs", "audit")


@pytest.fixture
async def api(database: str) -> AsyncIterator[ApiSite]:
    async with serving_api(database) as site:
        for statement in ROWS:
            await site.books.execute(statement, PARTNER, ACCOUNT, INVOICE)
        for number in range(2, 7):
            await site.books.pay(f"pay_{number}", 1)
            assert (await site.post("/connection/sync")).status == 202
        yield site


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_read_back_as_it_was_read_on(api: ApiSite, name: str) -> None:
    whole = (await api.get(f"/{name}?limit=500")).json
    assert (whole["has_previous_page"], whole["start_cursor"], whole["has_next_page"]) == (False, None, False)
    page = (await api.get(f"/{name}?limit=2")).json
    on = [page["data"]]
    while page["has_next_page"]:
        page = (await api.get(f"/{name}?limit=2&after={page['end_cursor']}")).json
        on.append(page["data"])
    assert len(on) > 2
    assert [row for rows in on for row in rows] == whole["data"]
    back = [page["data"]]
    while page["has_previous_page"]:
        page = (await api.get(f"/{name}?limit=2&before={page['start_cursor']}")).json
        assert page["has_next_page"]
        back.insert(0, page["data"])
    assert [row for rows in back for row in rows] == whole["data"]


async def test_a_cursor_is_taken_for_its_own_direction_alone(api: ApiSite) -> None:
    first = (await api.get("/payments?limit=2")).json
    second = (await api.get(f"/payments?limit=2&after={first['end_cursor']}")).json
    for query, name in (
        (f"before={first['end_cursor']}", "before"),
        (f"after={second['start_cursor']}", "after"),
        (f"after={first['end_cursor']}&before={second['start_cursor']}", "before"),
    ):
        refused = await api.get(f"/payments?{query}")
        assert refused.status == 422
        assert name in refused.json["validation_errors"]
