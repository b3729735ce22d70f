"""What writes do where FreshBooks is documented, and where a switch decides (FB API s3, s13)."""

from typing import Any

import pytest

from tests.sandbox.serving import Api, Json


async def test_marked_sent_viewed_partial_and_paid_look_as_recorded(api: Api) -> None:
    draft = await api.invoice("100.00", status=1, create_date="2026-03-10")

    async def seen() -> tuple[Any, ...]:
        row = await api.read_invoice(draft["id"])
        names = ("status", "v3_status", "payment_status", "display_status")
        return (*(row[name] for name in names), row["outstanding"]["amount"])

    path = f"invoices/invoices/{draft['id']}"
    assert await seen() == (1, "draft", "unpaid", "draft", "100.00")
    await api.edit(path, "invoice", action_mark_as_sent=True)
    assert await seen() == (2, "sent", "unpaid", "sent", "100.00")
    first = await api.pay(draft, "40.00")
    assert await seen() == (2, "partial", "partial", "sent", "60.00")
    await api.move_clock(advance=86_400 * 40)
    assert await seen() == (2, "overdue", "partial", "sent", "60.00")
    await api.pay(draft, "60.00")
    assert await seen() == (4, "paid", "paid", "sent", "0.00")
    await api.edit(f"payments/payments/{first['id']}", "payment", vis_state=1)
    assert await seen() == (2, "overdue", "partial", "sent", "40.00")


async def test_date_paid_is_set_when_settled_and_may_stay_after_a_reduction(api: Api) -> None:
    invoice = await api.invoice("100.00")
    assert invoice["date_paid"] is None
    payment = await api.pay(invoice, "100.00", date="2026-03-05")
    assert (await api.read_invoice(invoice["id"]))["date_paid"] == "2026-03-05"
    await api.edit(f"payments/payments/{payment['id']}", "payment", amount={"amount": "10"})
    after = await api.read_invoice(invoice["id"])
    assert (after["date_paid"], after["payment_status"]) == ("2026-03-05", "partial")


async def test_a_zero_amount_invoice_is_never_paid_and_goes_overdue(api: Api) -> None:
    invoice = await api.invoice(lines=[], due_offset_days=0)
    assert (invoice["amount"]["amount"], invoice["v3_status"], invoice["payment_status"]) == (
        "0.00",
        "overdue",
        "unpaid",
    )


async def test_an_edit_of_lines_replaces_them_and_renumbers(api: Api) -> None:
    invoice = await api.invoice("10.00")
    lines = [
        {"name": "a", "qty": 2, "unit_cost": {"amount": "3"}},
        {"name": "b", "qty": "1", "unit_cost": {"amount": "4"}},
    ]
    path = f"invoices/invoices/{invoice['id']}?include[]=lines"
    after = await api.edit(path, "invoice", lines=lines)
    assert [(row["lineid"], row["name"], row["amount"]["amount"]) for row in after["lines"]] == [
        (1, "a", "6.00"),
        (2, "b", "4.00"),
    ]
    assert after["amount"]["amount"] == "10.00"


async def test_a_compounded_tax_is_charged_on_the_first(api: Api) -> None:
    line = {"qty": 1, "unit_cost": {"amount": "100"}, "taxName1": "GST", "taxAmount1": "5", "taxName2": "QST",
            "taxAmount2": "10", "compounded_tax": True}  # fmt: skip
    assert (await api.invoice(lines=[line]))["amount"]["amount"] == "115.50"


@pytest.mark.parametrize(
    ("body", "status", "errno", "field"),
    [
        ({"create_date": "2026-03-01"}, 422, 1001, "customerid"),
        ({"customerid": 30001}, 422, 1001, "create_date"),
        ({"customerid": 5, "create_date": "2026-03-01"}, 422, 1012, "customerid"),
        ({"customerid": 30001, "create_date": "1 March"}, 422, 1033, "create_date"),
        ({"customerid": "x", "create_date": "2026-03-01"}, 422, 1015, "customerid"),
        ({"customerid": 30001, "create_date": "2026-03-01", "status": 8}, 422, 1004, "status"),
        ({"customerid": 30001, "create_date": "2026-03-01", "currency_code": "XXX"}, 422, 1004, "currency_code"),
        ({"customerid": 30001, "create_date": "2026-03-01", "discount_value": "101"}, 422, 1018, "discount_value"),
        ({"customerid": 30001, "create_date": "2026-03-01", "lines": [{"qty": "many"}]}, 422, 1004, "qty"),
        ({"customerid": 30001, "create_date": "2026-03-01", "due_date": "2026-03-02"}, 403, 1038, "due_date"),
    ],
)
async def test_an_invoice_is_refused_with_its_error_number(
    api: Api, body: Json, status: int, errno: int, field: str
) -> None:
    reply = await api.post("invoices/invoices", {"invoice": body})
    assert (reply.status, reply.error["errno"], reply.error["field"]) == (status, errno, field)


@pytest.mark.parametrize(
    ("change", "status", "errno"),
    [
        ({"amount": None}, 422, 1001),
        ({"date": None}, 422, 1001),
        ({"type": None}, 422, 1001),
        ({"type": "Stripe"}, 422, 1004),
        ({"amount": {"amount": "ten"}}, 422, 1015),
        ({"amount": {"amount": "-1"}}, 422, 1025),
        ({"amount": {"amount": "1", "code": "CAD"}}, 422, 1004),
        ({"invoiceid": 7}, 422, 1012),
        ({"date": "10.03.2026"}, 422, 1033),
        ({"type": "Credit"}, 422, 1004),
        ({"creditid": 7}, 422, 1012),
    ],
)
async def test_a_payment_is_refused_with_its_error_number(api: Api, change: Json, status: int, errno: int) -> None:
    reply = await api.try_pay(await api.invoice(), "1.00", **change)
    assert (reply.status, reply.error["errno"]) == (status, errno)


async def test_a_body_in_the_plural_wrapper_lacks_its_first_required_key(api: Api) -> None:
    reply = await api.post("credit_notes/credit_notes", {"credit_notes": {"clientid": 30001}})
    assert reply.error["message"] == "'clientid' is a required field."


async def test_a_payment_type_is_matched_without_case_and_stored_canonically(api: Api) -> None:
    invoice = await api.invoice("100.00")
    given = ["ach", "Visa", "MasterCard", "credit card", "bank transfer"]
    stored = [(await api.pay(invoice, "1.00", type=name))["type"] for name in given]
    assert stored == ["ACH", "VISA", "MASTERCARD", "Credit Card", "Bank Transfer"]


async def test_a_payment_can_be_moved_to_another_invoice(api: Api) -> None:
    first = await api.invoice("100.00")
    second = await api.invoice("60.00", customerid=first["customerid"])
    payment = await api.pay(first, "80.00")
    moved = await api.edit(f"payments/payments/{payment['id']}", "payment", invoiceid=second["id"])
    assert moved["amount"]["amount"] == "60.00"
    assert moved["overpaymentid"] == payment["id"] + 1
    rows = [await api.read_invoice(row["id"]) for row in (first, second)]
    assert [row["outstanding"]["amount"] for row in rows] == ["100.00", "0.00"]


async def test_a_credit_cannot_be_used_twice(api: Api) -> None:
    invoice = await api.invoice("100.00")
    body = {"clientid": invoice["customerid"], "create_date": "2026-03-01", "amount": {"amount": "50.00"}}
    credit = (await api.post("credit_notes/credit_notes", {"credit_note": body})).result["credit_note"]
    used = await api.pay(invoice, "50.00", type="Credit", creditid=credit["id"])
    again = await api.try_pay(invoice, "1.00", type="Credit", creditid=credit["id"])
    assert (again.status, again.error["field"]) == (422, "amount")
    await api.edit(f"payments/payments/{used['id']}", "payment", vis_state=1)
    await api.pay(invoice, "50.00", type="Credit", creditid=credit["id"])


async def test_a_credit_is_applied_no_further_than_what_is_owed_and_the_rest_is_left(api: Api) -> None:
    invoice = await api.invoice("30.00")
    body = {"clientid": invoice["customerid"], "create_date": "2026-03-01", "amount": {"amount": "50.00"}}
    credit = (await api.post("credit_notes/credit_notes", {"credit_note": body})).result["credit_note"]
    used = await api.pay(invoice, "50.00", type="Credit", creditid=credit["id"])
    assert (used["amount"]["amount"], used["overpaymentid"]) == ("30.00", None)
    left = (await api.get(f"/_sandbox/books/{api.account_id}/credits/{credit['id']}")).json["left"]
    newest = (await api.get("credit_notes/credit_notes", per_page=1)).result["credit_notes"][0]
    assert (left, newest["id"]) == ("20.00", credit["id"])


async def test_deleting_a_payment_keeps_its_overpayment_credit_unless_switched(api: Api) -> None:
    for dies, state in ((False, 0), (True, 1)):
        await api.switch(overpayment_dies_with_payment=dies)
        payment = await api.pay(await api.invoice("10.00"), "15.00")
        await api.edit(f"payments/payments/{payment['id']}", "payment", vis_state=1)
        query = {"search[vis_state]": state, "per_page": 1}
        newest = (await api.get("credit_notes/credit_notes", **query)).result["credit_notes"][0]
        assert newest["amount"]["amount"] == "5.00"


@pytest.mark.parametrize(("choice", "status"), [("mark_sent", 2), ("keep_draft", 1)])
async def test_a_payment_on_a_draft_does_what_is_switched(api: Api, choice: str, status: int) -> None:
    await api.switch(payment_on_draft=choice)
    invoice = await api.invoice("100.00", status=1)
    await api.pay(invoice, "10.00")
    assert (await api.read_invoice(invoice["id"]))["status"] == status


async def test_switches_decide_what_else_is_unknown_about_payments(api: Api) -> None:
    draft = await api.invoice(status=1)
    await api.switch(payment_on_draft="refuse", payment_unknown_invoice_status=404)
    assert (await api.try_pay(draft, "1.00")).status == 422
    assert (await api.try_pay(7, "1.00")).status == 404
    gone = await api.invoice()
    await api.edit(f"invoices/invoices/{gone['id']}", "invoice", vis_state=1)
    assert (await api.try_pay(gone, "1.00")).status == 422
    await api.switch(payment_on_deleted="accept", payment_other_currency="accept", payment_stores_ids=True)
    taken = await api.pay(gone, "1.00", amount={"amount": "1.00", "code": "CAD"}, orderid=5, transactionid="tx")
    assert (taken["amount"]["code"], taken["orderid"], taken["transactionid"]) == ("USD", 5, "tx")
    await api.switch(overpaymentid_is="credit_id", payment_edit_over="accept")
    over = await api.pay(await api.invoice("1.00"), "2.00")
    notes = (await api.get("credit_notes/credit_notes", per_page=1)).result["credit_notes"]
    assert over["overpaymentid"] == notes[0]["id"]
    edited = await api.edit(f"payments/payments/{over['id']}", "payment", amount={"amount": "9.00"})
    assert edited["amount"]["amount"] == "9.00"


async def test_lengths_are_limited_when_switched(api: Api) -> None:
    await api.switch(note_max_length=5, number_max_length=3)
    reply = await api.try_pay(await api.invoice(invoice_number="A-1"), "1.00", note="123456")
    assert (reply.status, reply.error["errno"]) == (422, 1017)
    body = {"customerid": 30001, "create_date": "2026-03-01", "invoice_number": "1234"}
    assert (await api.post("invoices/invoices", {"invoice": body})).error["errno"] == 1017


async def test_an_edit_below_what_was_paid_is_switched(api: Api) -> None:
    invoice = await api.invoice("100.00")
    await api.pay(invoice, "80.00")
    path = f"invoices/invoices/{invoice['id']}"
    lines = [{"name": "less", "qty": 1, "unit_cost": {"amount": "50"}}]
    await api.switch(invoice_below_paid="refuse")
    assert (await api.put(path, {"invoice": {"lines": lines}})).status == 422
    await api.switch(invoice_below_paid="negative")
    after = await api.edit(path, "invoice", lines=lines)
    assert (after["outstanding"]["amount"], after["payment_status"]) == ("-30.00", "paid")


async def test_deleting_by_verb_is_switched(api: Api) -> None:
    invoice = await api.invoice()
    path = f"invoices/invoices/{invoice['id']}"
    await api.switch(invoice_delete_verb="refuse")
    assert (await api.call("DELETE", path)).status == 405
    await api.switch(invoice_delete_verb="soft")
    assert (await api.call("DELETE", path)).json == {"response": {}}
    assert (await api.read_invoice(invoice["id"]))["vis_state"] == 1


@pytest.mark.parametrize(("choice", "put", "verb"), [("both", 200, 200), ("verb", 500, 200), ("put", 200, 405)])
async def test_other_income_is_deleted_as_switched(api: Api, choice: str, put: int, verb: int) -> None:
    await api.switch(other_income_delete=choice)
    body = {"amount": {"amount": "1.00"}, "date": "2026-03-01", "source": "Etsy"}
    made = (await api.post("other_incomes/other_incomes", {"other_income": body})).result["other_income"]
    path = f"other_incomes/other_incomes/{made['incomeid']}"
    assert (await api.put(path, {"other_income": {"vis_state": 1}})).status == put
    assert (await api.call("DELETE", path)).status == verb


async def test_other_income_needs_its_required_set_even_on_put(api: Api) -> None:
    path = "other_incomes/other_incomes"
    assert (await api.post(path, {"other_income": {"amount": {"amount": "1"}}})).error["errno"] == 1001
    body = {"amount": {"amount": "1.00"}, "date": "2026-03-01", "source": "Etsy"}
    made = (await api.post(path, {"other_income": body})).result["other_income"]
    reply = await api.put(f"{path}/{made['incomeid']}", {"other_income": {"note": "x"}})
    assert (reply.status, reply.error["message"]) == (500, "There was an error accessing your account data.")


async def test_client_contacts_are_replaced_whole_and_deleted_by_verb(api: Api) -> None:
    client = await api.client(contacts=[{"fname": "A", "email": "a@x.example"}, {"fname": "B"}])
    path = f"users/clients/{client['id']}?include[]=contacts"
    assert [row["fname"] for row in client["contacts"]] == ["A", "B"]
    assert (await api.call("DELETE", f"users/contacts/{client['contacts'][0]['contactid']}")).status == 200
    assert [row["fname"] for row in (await api.get(path)).result["client"]["contacts"]] == ["B"]
    assert (await api.edit(path, "client", contacts=[]))["contacts"] == []


async def test_a_pdf_is_a_real_document(api: Api) -> None:
    invoice = await api.invoice("12.34", customerid=(await api.client(organization="Café (Ltd)"))["id"])
    reply = await api.get(f"invoices/invoices/{invoice['id']}/pdf")
    assert reply.headers["Content-Type"] == "application/pdf"
    assert reply.body.startswith(b"%PDF-1.4")
    assert rb"Caf\xe9 \(Ltd\)".replace(rb"\xe9", b"\xe9") in reply.body
    start = int(reply.body.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    assert reply.body[start : start + 4] == b"xref"


async def test_a_share_link_needs_a_sent_invoice(api: Api) -> None:
    draft = await api.invoice(status=1)
    assert (await api.get(f"invoices/invoices/{draft['id']}/share_link")).status == 422
