"""Rows as FreshBooks writes them, made up for tests, with the keys that matter and some that do not."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from daemon.adapters.freshbooks.wire import read_item
from daemon.core.exchange import PaymentDraft, RawItem
from daemon.core.model import InvoiceId, Resource

Json = dict[str, Any]
DRAFT = PaymentDraft(
    invoice_id=InvoiceId(812),
    amount=Decimal("60.00"),
    currency="USD",
    paid_on=date(2026, 8, 4),
    type="ACH",
    note="AP:pay_1:1",
)


def money(amount: Any, code: Any = "USD") -> Json:
    return {"amount": amount, "code": code}


def line(**changes: Any) -> Json:
    row = {
        "lineid": 1,
        "type": 0,
        "name": "Managed workplace",
        "description": "August",
        "qty": "4",
        "unit_cost": money("25.00"),
        "amount": money("100.00"),
        "taxName1": "HST",
        "taxAmount1": "13",
        "taxName2": None,
        "taxAmount2": None,
        "compounded_tax": False,
        "modern_time_entries": [],
    }
    return row | changes


def invoice(**changes: Any) -> Json:
    row = {
        "id": 812,
        "invoiceid": 812,
        "accountid": "wkMd2g",
        "customerid": 77,
        "invoice_number": "0000027",
        "create_date": "2026-08-03",
        "due_date": "2026-09-02",
        "due_offset_days": 30,
        "currency_code": "USD",
        "amount": money("113.00"),
        "outstanding": money("53.00"),
        "paid": money("60.00"),
        "net_paid_amount": money("7.60133524082021936099189318"),
        "status": 2,
        "v3_status": "partial",
        "payment_status": "partial",
        "description": "August",
        "updated": "2026-08-04 09:15:00",
        "version": "2026-08-04 09:15:00.123456",
        "date_paid": None,
        "vis_state": 0,
        "lines": [line()],
    }
    return row | changes


def payment(**changes: Any) -> Json:
    row = {
        "id": 31,
        "logid": 31,
        "invoiceid": 812,
        "clientid": 77,
        "amount": money("60.00"),
        "date": "2026-08-04",
        "type": "ACH",
        "note": "AP:pay_1:1",
        "orderid": None,
        "creditid": None,
        "overpaymentid": None,
        "from_credit": False,
        "updated": "2026-08-04 09:15:00",
        "vis_state": 0,
    }
    return row | changes


def client(**changes: Any) -> Json:
    row = {
        "id": 77,
        "userid": 77,
        "organization": "Acme Dental",
        "fname": "Jo",
        "lname": "Rivera",
        "email": "jo@acme.example",
        "bus_phone": "",
        "mob_phone": "4165550100",
        "p_street": "1 Main St",
        "p_street2": "Suite 4",
        "p_city": "Troy",
        "p_province": "New York",
        "p_code": "12180",
        "p_country": "United States",
        "currency_code": "USD",
        "vat_number": None,
        "signup_date": "2026-01-02 16:15:20",
        "updated": "2026-08-04 09:15:00",
        "vis_state": 0,
    }
    return row | changes


def credit(**changes: Any) -> Json:
    row = {
        "id": 5,
        "creditid": 5,
        "clientid": 77,
        "credit_number": "0000069",
        "credit_type": "overpayment",
        "amount": money("40.00"),
        "create_date": "2026-08-05",
        "currency_code": "USD",
        "description": "Overpayment: invoice #0000027",
        "status": "created",
        "vis_state": 0,
    }
    return row | changes


BY_RESOURCE = {
    Resource.INVOICES: invoice,
    Resource.PAYMENTS: payment,
    Resource.CUSTOMERS: client,
    Resource.CREDITS: credit,
}


def raw(resource: Resource, row: Json | bytes) -> RawItem:
    body = row if isinstance(row, bytes) else msgspec.json.encode(row)
    return read_item(resource, body, None)


def listed(key: str, rows: list[Any], **changes: Any) -> Json:
    page = {key: rows, "page": 1, "pages": 1 if rows else 0, "per_page": 100, "total": len(rows)}
    return {"response": {"result": page | changes}}


def single(key: str, row: Json) -> Json:
    return {"response": {"result": {key: row}}}


def old_error(errno: int | None, message: str = "No.", field: str | None = None) -> dict[str, Any]:
    return {
        "response": {"errors": [{"errno": errno, "message": message, "field": field, "object": None, "value": None}]}
    }


def new_error(code: int, reason: str) -> dict[str, Any]:
    detail = {"@type": "x", "reason": reason, "metadata": {"message": "No such thing.", "field": "itemid"}}
    return {"code": code, "message": "Request failed with status_code: 404", "details": [detail]}
