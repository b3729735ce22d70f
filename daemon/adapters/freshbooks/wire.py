"""FreshBooks' records on the wire: split a page into raw items, and decode one item into the core's words (P10)."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from daemon.adapters.freshbooks.amounts import (
    ZERO,
    Number,
    read_amount,
    read_currency,
    read_day,
    read_decimal,
    read_vis_state,
)
from daemon.adapters.freshbooks.eastern import parse_eastern
from daemon.core.exchange import RawItem, Undecodable
from daemon.core.model import (
    FB_STATUS_DISPUTED,
    CustomerId,
    FbCredit,
    FbCustomer,
    FbInvoice,
    FbPayment,
    FbPaymentId,
    InvoiceId,
    LineItem,
    Record,
    Resource,
)

_NUL = b"\\u0000"

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Small = Annotated[int, Meta(ge=-(2**15), lt=2**15)]
Text = str | None


class _Money(Struct, gc=False):
    amount: Number = None
    code: Text = None


class _Line(Struct, gc=False):
    amount: _Money | None = None
    unit_cost: _Money | None = None
    qty: Number = None
    name: Text = None
    description: Text = None
    tax_name1: Text = field(name="taxName1", default=None)
    tax_name2: Text = field(name="taxName2", default=None)
    tax_percent1: Number = field(name="taxAmount1", default=None)
    tax_percent2: Number = field(name="taxAmount2", default=None)


class _Invoice(Struct, gc=False):
    id: Id
    customerid: Id
    create_date: str
    amount: _Money
    outstanding: _Money
    status: Small
    updated: str
    vis_state: Small = 0
    invoice_number: Text = None
    currency_code: Text = None
    due_date: Text = None
    due_offset_days: Number = None
    v3_status: Text = None
    version: Text = None
    description: Text = None
    lines: list[_Line] | UnsetType | None = UNSET


class _Payment(Struct, gc=False):
    id: Id
    invoiceid: Id
    clientid: Id
    amount: _Money
    date: str
    updated: str
    vis_state: Small = 0
    type: Text = None
    note: Text = None
    from_credit: bool | None = None
    creditid: Id | None = None
    overpaymentid: Id | None = None


class _Client(Struct, gc=False):
    id: Id
    updated: str
    vis_state: Small = 0
    organization: Text = None
    fname: Text = None
    lname: Text = None
    email: Text = None
    bus_phone: Text = None
    mob_phone: Text = None
    home_phone: Text = None
    p_street: Text = None
    p_street2: Text = None
    p_city: Text = None
    p_province: Text = None
    p_code: Text = None
    p_country: Text = None
    currency_code: Text = None


class _Credit(Struct, gc=False):
    id: Id
    clientid: Id
    amount: _Money
    create_date: str
    vis_state: Small = 0
    credit_number: Text = None
    credit_type: Text = None
    currency_code: Text = None
    description: Text = None


# Not strict: ids have been seen as texts too (FB API s3.5).
_invoice_decoder = msgspec.json.Decoder(_Invoice, strict=False)
_payment_decoder = msgspec.json.Decoder(_Payment, strict=False)
_client_decoder = msgspec.json.Decoder(_Client, strict=False)
_credit_decoder = msgspec.json.Decoder(_Credit, strict=False)


def fingerprint(raw: bytes) -> int:
    """Hash the bytes of an item to 63 bits: equal means unchanged, different means only "decide again"."""
    # Processors hash SHA-256 in hardware, at more than twice the speed of anything else here.
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "big") >> 1


def decode(resource: Resource, item: RawItem) -> Record | Undecodable:
    """Decode one raw item into the core's words; what cannot be read becomes Undecodable with the reason (P10)."""
    try:
        if _NUL in item.raw:
            return _undecodable(resource, item, "it holds a NUL character, which no text may")
        return _DECODE[resource](item)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        return _undecodable(resource, item, str(error) or type(error).__name__)


def _undecodable(resource: Resource, item: RawItem, reason: str) -> Undecodable:
    return Undecodable(resource=resource, id=item.id, fingerprint=item.fingerprint, reason=reason[:300], raw=item.raw)


def _invoice(item: RawItem) -> FbInvoice:
    wire = _invoice_decoder.decode(item.raw)
    amount = read_amount(wire.amount.amount)
    if wire.lines is UNSET and amount:
        message = "FreshBooks left out the lines of an invoice that has an amount"
        raise ValueError(message)
    updated_at, ambiguous = parse_eastern(wire.updated)
    return FbInvoice(
        id=InvoiceId(wire.id),
        customer_id=CustomerId(wire.customerid),
        number=wire.invoice_number or "",
        issued_on=read_day(wire.create_date),
        due_on=_due_on(wire),
        currency=_one_currency(wire),
        amount=amount,
        outstanding=read_amount(wire.outstanding.amount),
        status=wire.status,
        disputed=wire.status == FB_STATUS_DISPUTED or wire.v3_status == "disputed",
        vis_state=read_vis_state(wire.vis_state),
        updated_at=updated_at,
        updated_is_ambiguous=ambiguous,
        version=wire.version or wire.updated,
        description=wire.description or "",
        lines=tuple([_line(line) for line in wire.lines]) if wire.lines else (),
        fingerprint=item.fingerprint,
    )


def _one_currency(wire: _Invoice) -> str:
    code = wire.amount.code or wire.currency_code
    if (wire.outstanding.code or code) != code:
        message = f"the total is in {code}, the outstanding amount in {wire.outstanding.code}"
        raise ValueError(message)
    return read_currency(code)


def _due_on(wire: _Invoice) -> date | None:
    if wire.due_date:
        return read_day(wire.due_date)
    if wire.due_offset_days is None:
        return None
    return read_day(wire.create_date) + timedelta(days=int(read_decimal(wire.due_offset_days)))


def _line(line: _Line) -> LineItem:
    return LineItem(
        name=line.name or "",
        description=line.description or "",
        quantity=read_decimal(line.qty),
        unit_cost=read_decimal(line.unit_cost.amount) if line.unit_cost else ZERO,
        amount=read_decimal(line.amount.amount) if line.amount else ZERO,
        tax_name1=line.tax_name1 or "",
        tax_percent1=read_decimal(line.tax_percent1),
        tax_name2=line.tax_name2 or "",
        tax_percent2=read_decimal(line.tax_percent2),
    )


def _payment(item: RawItem) -> FbPayment:
    wire = _payment_decoder.decode(item.raw)
    updated_at, ambiguous = parse_eastern(wire.updated)
    return FbPayment(
        id=FbPaymentId(wire.id),
        invoice_id=InvoiceId(wire.invoiceid),
        customer_id=CustomerId(wire.clientid),
        amount=read_amount(wire.amount.amount),
        currency=read_currency(wire.amount.code),
        paid_on=read_day(wire.date),
        type=wire.type or "",
        note=wire.note or "",
        vis_state=read_vis_state(wire.vis_state),
        updated_at=updated_at,
        updated_is_ambiguous=ambiguous,
        from_credit=bool(wire.from_credit),
        credit_id=wire.creditid or None,
        overpayment_id=wire.overpaymentid or None,
        fingerprint=item.fingerprint,
    )


def _client(item: RawItem) -> FbCustomer:
    wire = _client_decoder.decode(item.raw)
    updated_at, ambiguous = parse_eastern(wire.updated)
    return FbCustomer(
        id=CustomerId(wire.id),
        organization=wire.organization or "",
        first_name=wire.fname or "",
        last_name=wire.lname or "",
        email=wire.email or "",
        phone=wire.bus_phone or wire.mob_phone or wire.home_phone or "",
        street="\n".join(part for part in (wire.p_street, wire.p_street2) if part),
        city=wire.p_city or "",
        province=wire.p_province or "",
        postal_code=wire.p_code or "",
        country=wire.p_country or "",
        currency=wire.currency_code or "",
        vis_state=read_vis_state(wire.vis_state),
        updated_at=updated_at,
        updated_is_ambiguous=ambiguous,
        fingerprint=item.fingerprint,
    )


def _credit(item: RawItem) -> FbCredit:
    wire = _credit_decoder.decode(item.raw)
    return FbCredit(
        id=wire.id,
        customer_id=CustomerId(wire.clientid),
        number=wire.credit_number or "",
        credit_type=wire.credit_type or "",
        amount=read_amount(wire.amount.amount),
        currency=read_currency(wire.amount.code or wire.currency_code),
        issued_on=read_day(wire.create_date),
        description=wire.description or "",
        vis_state=read_vis_state(wire.vis_state),
        fingerprint=item.fingerprint,
    )


_DECODE: Mapping[Resource, Callable[[RawItem], Record]] = {
    Resource.CUSTOMERS: _client,
    Resource.INVOICES: _invoice,
    Resource.PAYMENTS: _payment,
    Resource.CREDITS: _credit,
}
