"""The books pages, where a person acts as the bookkeeper."""

import re
from html import unescape

import pytest

from tests.sandbox.serving import Api


def shown(page: bytes, element: str) -> str:
    found = re.search(rf'id="{element}"[^>]*>([^<]*)<', page.decode())
    assert found is not None, f"no {element}"
    return unescape(found.group(1)).strip()


async def submit(api: Api, form: str, **fields: str | int) -> str:
    """Send a form; the address it leads to."""
    path = f"/books/{api.account_id}/do/{form}"
    reply = await api.form(path, {key: str(value) for key, value in fields.items()})
    assert reply.status == 303, reply.body
    return reply.headers["Location"]


@pytest.mark.parametrize("section", ["", "/invoices", "/clients", "/payments", "/credits", "/journal"])
async def test_every_section_is_shown(api: Api, section: str) -> None:
    page = await api.get(f"/books/{api.account_id}{section}")
    assert page.status == 200
    assert b"<table" in page.body
    assert "<script" not in page.body.decode()
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_the_start_page_lists_the_accounts(api: Api) -> None:
    page = await api.get("/")
    assert f"/books/{api.account_id}" in page.body.decode()


async def test_a_payment_is_recorded_and_the_page_shows_it(api: Api) -> None:
    invoice = await api.invoice("100.00")
    here = f"/books/{api.account_id}/invoices/{invoice['id']}"
    onward = await submit(api, "pay", key=invoice["id"], amount="40", date="2026-03-10", type="Cash", back=here)
    page = (await api.get(onward)).body
    assert (shown(page, "outstanding"), shown(page, "done"), shown(page, "invoice-status")) == (
        "60.00", "Payment recorded.", "partial",
    )  # fmt: skip


async def test_lines_are_edited_with_their_taxes_kept(api: Api) -> None:
    line = {"name": "a", "qty": 1, "unit_cost": {"amount": "100"}, "taxName1": "HST", "taxAmount1": "13"}
    invoice = await api.invoice(lines=[line])
    fields = {"name_1": "a", "qty_1": "2", "unit_cost_1": "50", "name_2": "b", "qty_2": "1", "unit_cost_2": "7"}
    await submit(
        api, "edit-invoice", key=invoice["id"], line_count=2, create_date="2026-03-01", due_offset_days=10,
        invoice_number="N-1", notes="hi", **fields,
    )  # fmt: skip
    after = await api.read_invoice(invoice["id"])
    assert (after["amount"]["amount"], after["invoice_number"], after["due_date"]) == ("120.00", "N-1", "2026-03-11")


async def test_a_refusal_is_told_on_the_page(api: Api) -> None:
    onward = await submit(api, "pay", key=7, amount="1", date="2026-03-10", type="Cash")
    assert shown((await api.get(onward)).body, "problem") == "Invoice not found."


async def test_the_other_forms_do_what_they_say(api: Api) -> None:
    await submit(api, "new-client", organization="Walk-in <b>", currency_code="CAD")
    client = (await api.get("users/clients", per_page=1)).result["clients"][0]
    assert (client["organization"], client["currency_code"]) == ("Walk-in <b>", "CAD")
    assert b"Walk-in &lt;b&gt;" in (await api.get(f"/books/{api.account_id}/clients")).body
    await submit(api, "edit-client", key=client["id"], organization="Renamed")
    await submit(api, "new-credit", clientid=client["id"], amount="30", create_date="2026-03-01")
    await submit(api, "new-invoice", customerid=client["id"], create_date="2026-03-01", unit_cost_1="80", draft="1")
    invoice = (await api.get("invoices/invoices", per_page=1)).result["invoices"][0]
    assert (invoice["organization"], invoice["amount"], invoice["status"]) == (
        "Renamed", {"amount": "80.00", "code": "CAD"}, 1,
    )  # fmt: skip
    await submit(api, "send", key=invoice["id"])
    credit = (await api.get("credit_notes/credit_notes", per_page=1)).result["credit_notes"][0]
    await submit(api, "apply-credit", key=invoice["id"], creditid=credit["id"], amount="30", date="2026-03-02")
    payment = (await api.get("payments/payments", per_page=1)).result["payments"][0]
    await submit(api, "edit-payment", key=payment["id"], amount="20", note="less")
    assert (await api.read_invoice(invoice["id"]))["outstanding"]["amount"] == "60.00"
    await submit(api, "state", kind="payment", key=payment["id"], state="delete")
    assert (await api.read_invoice(invoice["id"]))["outstanding"]["amount"] == "80.00"
    await submit(api, "state", kind="invoice", key=invoice["id"], state="archive")
    assert (await api.read_invoice(invoice["id"]))["vis_state"] == 2
    subs = [row.legacy_id for row in api.books.ledger.values() if row.parent_uuid]
    await submit(
        api, "new-entry", name="By hand", amount="5", date="2026-03-01", debit_account=subs[0], credit_account=subs[1]
    )
    detail = (await api.get("journal_entries/journal_entry_details", per_page=1)).result["journal_entry_details"][0]
    assert detail["name"] == "By hand"


async def test_invoices_are_searched_by_number_client_and_status(api: Api) -> None:
    client = await api.client(organization="Needle GmbH")
    invoice = await api.invoice(customerid=client["id"])
    base = f"/books/{api.account_id}/invoices"
    found = (await api.get(base, q="needle")).body.decode()
    assert f'id="invoice-{invoice["id"]}"' in found
    assert found.count('<tr id="invoice-') == 1
    assert "Nothing here" in (await api.get(base, q="needle", status="paid")).body.decode()


async def test_a_form_from_another_site_is_refused(api: Api) -> None:
    path = f"/books/{api.account_id}/do/new-client"
    reply = await api.form(path, {"organization": "x"}, headers={"Origin": "https://evil.example"})
    assert reply.status == 403
