"""FreshBooks' records on the wire: split a page into raw items, and decode one item into the core's words (P10)."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import msgspec
from msgspec import UNSET

from daemon.adapters.freshbooks.amounts import (
    ZERO,
    read_amount,
    read_currency,
    read_day,
    read_decimal,
    read_vis_state,
)
from daemon.adapters.freshbooks.eastern import parse_eastern
from daemon.adapters.freshbooks.rows import ClientRow, CreditRow, InvoiceRow, Line, PaymentRow, Row
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

_NUL = re.compile(rb"\\u0000")
"""As JSON writes it; no text column takes it. An expression finds it in half the time that `in` takes."""

# Not strict: ids have been seen as texts too (FB API s3.5).
ROWS: Mapping[Resource, type[Row]] = {
    Resource.INVOICES: InvoiceRow,
    Resource.PAYMENTS: PaymentRow,
    Resource.CUSTOMERS: ClientRow,
    Resource.CREDITS: CreditRow,
}
_decoders = {resource: msgspec.json.Decoder(row, strict=False) for resource, row in ROWS.items()}
_read_lines = msgspec.json.Decoder(list[Line] | None, strict=False).decode
_encode = msgspec.json.Encoder().encode
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)


def holds_nul(data: bytes) -> bool:
    """Tell whether a NUL is in JSON; where nothing is escaped at all, that is seen at once."""
    return b"\\" in data and _NUL.search(data) is not None


def fingerprint(data: bytes) -> int:
    """Hash bytes to 63 bits."""
    # Processors hash SHA-256 in hardware, at more than twice the speed of anything else here.
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1


def item_of(row: Row, raw: Callable[[], bytes]) -> RawItem:
    """Make an item of a row that was read.

    Its fingerprint is that of all that is read of it, and of the bytes of an invoice's lines: equal means unchanged,
    different means only "decide again".
    """
    return RawItem(id=row.id, fingerprint=fingerprint(_encode(row)), read=row, raw=raw)


def read_item(resource: Resource, raw: bytes, item_id: int | None) -> RawItem:
    """Read one item by itself (P10): what cannot be read is told by its bytes.

    Without an id in them that can be read either, it gets a negative one of its own.
    """
    try:
        if holds_nul(raw):
            raise ValueError("it holds a NUL character, which no text may")
        return item_of(_decoders[resource].decode(raw), lambda: raw)
    except UNREADABLE as error:
        mark = fingerprint(raw)
        return RawItem(id=-mark if item_id is None else item_id, fingerprint=mark, read=_told(error), raw=lambda: raw)


def decode(resource: Resource, item: RawItem) -> Record | Undecodable:
    """Turn an item into the core's words; what cannot be read becomes Undecodable with the reason (P10)."""
    try:
        match item.read:
            case InvoiceRow() as row:
                return _invoice(row, item.fingerprint)
            case PaymentRow() as row:
                return _payment(row, item.fingerprint)
            case ClientRow() as row:
                return _client(row, item.fingerprint)
            case CreditRow() as row:
                return _credit(row, item.fingerprint)
            case reason:
                return _undecodable(resource, item, str(reason))
    except UNREADABLE as error:
        return _undecodable(resource, item, _told(error))


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _undecodable(resource: Resource, item: RawItem, reason: str) -> Undecodable:
    return Undecodable(resource=resource, id=item.id, fingerprint=item.fingerprint, reason=reason[:300], raw=item.raw())


def _invoice(wire: InvoiceRow, mark: int) -> FbInvoice:
    amount = read_amount(wire.amount.amount)
    if wire.lines is not UNSET:
        lines = _read_lines(wire.lines) or ()
    elif amount:
        message = "FreshBooks left out the lines of an invoice that has an amount"
        raise ValueError(message)
    else:
        lines = ()
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
        lines=tuple([_line(line) for line in lines]),
        fingerprint=mark,
    )


def _one_currency(wire: InvoiceRow) -> str:
    code = wire.amount.code or wire.currency_code
    if (wire.outstanding.code or code) != code:
        message = f"the total is in {code}, the outstanding amount in {wire.outstanding.code}"
        raise ValueError(message)
    return read_currency(code)


def _due_on(wire: InvoiceRow) -> date | None:
    if wire.due_date:
        return read_day(wire.due_date)
    if wire.due_offset_days is None:
        return None
    return read_day(wire.create_date) + timedelta(days=int(read_decimal(wire.due_offset_days)))


def _line(line: Line) -> LineItem:
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


def _payment(wire: PaymentRow, mark: int) -> FbPayment:
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
        fingerprint=mark,
    )


def _client(wire: ClientRow, mark: int) -> FbCustomer:
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
        fingerprint=mark,
    )


def _credit(wire: CreditRow, mark: int) -> FbCredit:
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
        fingerprint=mark,
    )
