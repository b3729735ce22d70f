"""Journal entries of both generations, reversals, and the filters of their details (FB API s3.9)."""

import pytest

from tests.sandbox.serving import Api


async def test_the_newer_journal_api_needs_its_version_header(api: Api) -> None:
    path = f"/accounting/businesses/{api.business_uuid}/journal_entries"
    accounts = {row.name: row.uuid for row in api.books.ledger.values() if row.parent_uuid}
    sides = [("Checking Account", "TYPE_DEBIT"), ("Petty Cash", "TYPE_CREDIT")]
    details = [
        {"accountId": accounts[name], "amount": {"amount": "5.00", "code": "USD"}, "type": kind} for name, kind in sides
    ]
    day = {"year": 2026, "month": 3, "day": 9}
    entry = {"name": "P", "journalEntryNumber": "7", "description": "d", "userEnteredDate": day, "details": details}
    body = {"manualJournalEntry": entry}
    assert (await api.post(path, body)).status == 404
    headers = {"X-API-VERSION": "2023-09-25"}
    made = await api.call("POST", path, body, headers=headers)
    assert made.status == 200, made.body
    listed = (await api.call("GET", f"{path}?page_size=5", headers=headers)).json["data"]["manualJournalEntries"]
    assert [row["journalEntryNumber"] for row in listed] == ["7"]
    details[0]["amount"] = {"amount": "6.00", "code": "USD"}
    refused = await api.call("POST", path, body, headers=headers)
    assert (refused.status, refused.json["errors"]["status"]) == (400, 400)


async def test_an_invoice_edit_reverses_its_entry_and_details_can_be_filtered(api: Api) -> None:
    invoice = await api.invoice("100.00")
    lines = [{"name": "more", "qty": 1, "unit_cost": {"amount": "120"}}]
    await api.edit(f"invoices/invoices/{invoice['id']}", "invoice", lines=lines)
    path = "journal_entries/journal_entry_details"
    rows = (await api.get(path, per_page=6)).result["journal_entry_details"]
    sales = [row for row in rows if row["detail_type"] == "sales"]
    assert [(row["credit"] or row["debit"])["amount"] for row in sales] == ["120.00", "100.00", "100.00"]
    assert sales[1]["debit"] is not None
    assert {row["entry"]["invoiceid"] for row in rows} == {invoice["id"]}
    sub = sales[0]["sub_account"]["sub_accountid"]
    query = {"search[sub_accountid]": sub, "search[start_date]": "2026-03-01", "search[end_date]": "2026-03-01"}
    found = (await api.get(path, **query)).result["journal_entry_details"]
    assert {row["user_entered_date"] for row in found} == {"2026-03-01"}
    assert {row["sub_account"]["sub_accountid"] for row in found} == {sub}


@pytest.mark.parametrize(("switched", "count"), [(False, 0), (True, 1)])
async def test_a_draft_leaves_a_zero_journal_line_when_switched(api: Api, switched: bool, count: int) -> None:
    await api.switch(draft_journal_line=switched)
    path = "journal_entries/journal_entry_details"
    before = (await api.get(path)).result["total"]
    await api.invoice(status=1)
    assert (await api.get(path)).result["total"] == before + count
