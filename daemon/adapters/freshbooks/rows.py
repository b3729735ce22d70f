"""What is read of FreshBooks' records, in its own names (FB API s3)."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from daemon.adapters.freshbooks.amounts import Number

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Small = Annotated[int, Meta(ge=-(2**15), lt=2**15)]
Text = str | None


class Money(Struct, gc=False):
    amount: Number = None
    code: Text = None


class Line(Struct, gc=False):
    amount: Money | None = None
    unit_cost: Money | None = None
    qty: Number = None
    name: Text = None
    description: Text = None
    tax_name1: Text = field(name="taxName1", default=None)
    tax_name2: Text = field(name="taxName2", default=None)
    tax_percent1: Number = field(name="taxAmount1", default=None)
    tax_percent2: Number = field(name="taxAmount2", default=None)


class InvoiceRow(Struct, gc=False):
    """An invoice as it is read; with its lines, where they were asked for, as the bytes of a `list[Line]`.

    Most invoices of a listing are as they were, and their lines are by far the most of them: these stay unread.
    """

    id: Id
    customerid: Id
    create_date: str
    amount: Money
    outstanding: Money
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
    lines: Raw | UnsetType = UNSET


class PaymentRow(Struct, gc=False):
    """A payment as it is read."""

    id: Id
    invoiceid: Id
    clientid: Id
    amount: Money
    date: str
    updated: str
    vis_state: Small = 0
    type: Text = None
    note: Text = None
    from_credit: bool | None = None
    creditid: Id | None = None
    overpaymentid: Id | None = None


class ClientRow(Struct, gc=False):
    """A client as it is read."""

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


class CreditRow(Struct, gc=False):
    """A credit note as it is read."""

    id: Id
    clientid: Id
    amount: Money
    create_date: str
    vis_state: Small = 0
    credit_number: Text = None
    credit_type: Text = None
    currency_code: Text = None
    description: Text = None


Row = InvoiceRow | PaymentRow | ClientRow | CreditRow
