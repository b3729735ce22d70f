"""Which filters and sort keys work for each resource, the rest being ignored silently (FB API s4.3)."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from daemon.sandbox.credits import credit_left
from daemon.sandbox.errors import ApiError
from daemon.sandbox.invoice_status import is_settled, v3_status
from daemon.sandbox.listing import Context, DayRange, Filter, Listing, Row, Value
from daemon.sandbox.model import DELETED, DRAFT, Client, Invoice
from daemon.sandbox.money import parse_decimal
from daemon.sandbox.shelf import Shelf
from daemon.sandbox.times import eastern_ordinal, parse_day

_FILTER_DATE, _FILTER_NUMBER, _FILTER_BOOLEAN = 1023, 1024, 1032
Values = tuple[str, ...]


def _bad(key: str, value: str, errno: int, kind: str) -> ApiError:
    return ApiError(422, f"The filter '{key}' must be a {kind}.", errno=errno, field=key, value=value)


def _number(values: Values, key: str) -> int:
    text = values[-1]
    if not text.lstrip("-").isdigit() or len(text) > len("9") * 12:
        raise _bad(key, text, _FILTER_NUMBER, "number")
    return int(text)


def _numbers(values: Values, key: str) -> frozenset[int]:
    return frozenset(_number((value,), key) for value in values)


def _decimal(values: Values, key: str) -> Decimal:
    number = parse_decimal(values[-1])
    if number is None:
        raise _bad(key, values[-1], _FILTER_NUMBER, "number")
    return number


def _day(values: Values, key: str) -> date:
    found = parse_day(values[-1])
    if found is None:
        raise _bad(key, values[-1], _FILTER_DATE, "date")
    return found


def _boolean(values: Values, key: str) -> bool:
    text = values[-1].lower()
    if text not in ("true", "false", "1", "0"):
        raise _bad(key, values[-1], _FILTER_BOOLEAN, "boolean")
    return text in ("true", "1")


def _text(values: Values, key: str) -> str:
    del key
    return values[-1]


def _folded(values: Values, key: str) -> str:
    del key
    return values[-1].casefold()


def _id_filter(read: Callable[[Values, str], Any]) -> Filter:
    def ids(_context: Context, value: Value) -> set[int]:
        return set(value) if isinstance(value, frozenset) else {value}

    return Filter(read=read, passes=lambda _context, row, value: row.id in _as_set(value), ids=ids, lasting=True)


def _as_set(value: Value) -> frozenset[int]:
    return value if isinstance(value, frozenset) else frozenset((value,))


def _parent_filter(shelf: str, parent: str, read: Callable[[Values, str], Any]) -> Filter:
    def ids(context: Context, value: Value) -> set[int]:
        return _shelf(context, shelf).child_ids(parent, _as_set(value))

    def passes(_context: Context, row: Row, value: Value) -> bool:
        return getattr(row, parent) in _as_set(value)

    return Filter(read=read, passes=passes, ids=ids, lasting=True)


def _vis_state(shelf: str) -> Filter:
    def ids(context: Context, value: int) -> set[int]:
        return _shelf(context, shelf).in_state(value)

    return Filter(read=_number, passes=lambda _context, row, value: row.vis_state == value, ids=ids, lasting=True)


def _upper(context: Context, value: date) -> date:
    """The first day that a `_max` filter leaves out; whether its own day counts is not established (FB API s13)."""
    inclusive = context.books.switches["max_bound"] == "inclusive"
    return value + timedelta(days=1) if inclusive and value < date.max else value


def _day_bounds(name: str, day_of: Callable[[Row], int], *, lasting: bool) -> dict[str, Filter]:
    """The `<name>_min` and `<name>_max` filters of an indexed day."""

    def from_day(_context: Context, value: date) -> DayRange:
        return DayRange(index=name, first=value.toordinal())

    def to_day(context: Context, value: date) -> DayRange:
        return DayRange(index=name, last=_upper(context, value).toordinal() - 1)

    def low(_context: Context, row: Row, value: date) -> bool:
        return day_of(row) >= value.toordinal()

    def high(context: Context, row: Row, value: date) -> bool:
        return day_of(row) < _upper(context, value).toordinal()

    return {
        f"{name}_min": Filter(read=_day, passes=low, days=from_day, lasting=lasting),
        f"{name}_max": Filter(read=_day, passes=high, days=to_day, lasting=lasting),
    }


def _shelf(context: Context, name: str) -> Shelf[Row]:
    shelf: Shelf[Row] = getattr(context.books, name)
    return shelf


def _date_bounds(field: str) -> dict[str, Filter]:
    return _day_bounds("date", lambda row: int(getattr(row, field).toordinal()), lasting=True)


def _updated_bounds() -> dict[str, Filter]:
    """Day-granular in Eastern time (FB API s4.2)."""
    return _day_bounds("updated", lambda row: eastern_ordinal(row.updated), lasting=False)


def _amount_bounds() -> dict[str, Filter]:
    def high(context: Context, row: Row, value: Decimal) -> bool:
        inclusive = context.books.switches["max_bound"] == "inclusive"
        return bool(row.amount <= value if inclusive else row.amount < value)

    return {
        "amount_min": Filter(read=_decimal, passes=lambda _context, row, value: row.amount >= value),
        "amount_max": Filter(read=_decimal, passes=high),
    }


def _equals(field: str) -> Filter:
    return Filter(read=_folded, passes=lambda _context, row, value: str(getattr(row, field)).casefold() == value)


def _like(*fields: str) -> Filter:
    def passes(_context: Context, row: Row, value: str) -> bool:
        texts = getattr(row, "texts", {})
        return any(value in str(texts[f] if f in texts else getattr(row, f, "") or "").casefold() for f in fields)

    return Filter(read=_folded, passes=passes)


def _has(test: Callable[[Context, Client], bool]) -> Filter:
    return Filter(read=_boolean, passes=lambda context, row, value: test(context, row) == value)


def _open_invoices(context: Context, client: Client) -> list[Invoice]:
    own = context.books.invoices.children("client_id", client.id)
    return [row for row in own if row.vis_state != DELETED]


def _has_credit(context: Context, client: Client) -> bool:
    return any(credit_left(context.books, row) > 0 for row in context.books.credits.children("client_id", client.id))


def _invoice_number_of(context: Context, row: Row) -> str:
    invoice = context.books.invoices.find(row.invoice_id)
    return invoice.number if invoice else ""


def _client_name_of(context: Context, row: Row) -> str:
    client = context.books.clients.find(row.client_id)
    return f"{client.organization} {client.fname} {client.lname}".casefold() if client else ""


INVOICES = Listing(
    shelf=lambda books: books.invoices,
    filters={
        "invoiceid": _id_filter(_number),
        "invoiceids": _id_filter(_numbers),
        "invoice_number": Filter(read=_text, passes=lambda _context, row, value: row.number == value, lasting=True),
        "customerid": _parent_filter("invoices", "client_id", _number),
        "customerids": _parent_filter("invoices", "client_id", _numbers),
        **_date_bounds("create_date"),
        **_updated_bounds(),
        "v3_status": Filter(read=_text, passes=lambda context, row, value: v3_status(row, context.today) == value),
        "paid": Filter(read=_boolean, passes=lambda _context, row, value: is_settled(row) == value),
        "outstanding": Filter(read=_boolean, passes=lambda _context, row, value: (row.outstanding > 0) == value),
        "vis_state": _vis_state("invoices"),
    },
    sorts={
        "invoice_date": lambda _context, row: row.create_date,
        "create_date": lambda _context, row: row.create_date,
    },
    switched_sorts={"create_date": "sort_by_create_date"},
)

CLIENTS = Listing(
    shelf=lambda books: books.clients,
    filters={
        "userid": _id_filter(_number),
        "userids": _id_filter(_numbers),
        "email": _equals("email"),
        "email_like": _like("email"),
        "fname_like": _like("fname"),
        "lname_like": _like("lname"),
        "organization_like": _like("organization"),
        "address_like": _like("p_street", "p_street2", "p_city", "p_code", "p_province", "p_country"),
        "phone_like": _like("bus_phone", "mob_phone", "home_phone"),
        "note_like": _like("note"),
        "user_like": _like("organization", "fname", "lname", "email"),
        "username": _equals("username"),
        "has_credit": _has(_has_credit),
        "has_draft": _has(lambda c, row: any(i.status == DRAFT for i in _open_invoices(c, row))),
        "has_outstanding": _has(lambda c, row: any(i.outstanding > 0 for i in _open_invoices(c, row))),
        "has_overdue": _has(lambda c, row: any(v3_status(i, c.today) == "overdue" for i in _open_invoices(c, row))),
        **_updated_bounds(),
        "vis_state": _vis_state("clients"),
    },
    sorts={
        "client_id": lambda _context, row: row.id,
        "organization_name": lambda _context, row: row.organization.casefold(),
        "email": lambda _context, row: row.email.casefold(),
        "bus_phone": lambda _context, row: str(row.texts.get("bus_phone", "")),
        "updated": lambda _context, row: row.updated,
        "fullname": lambda _context, row: f"{row.fname} {row.lname}".casefold(),
        "primarycontact": lambda _context, row: f"{row.fname} {row.lname}".casefold(),
    },
)

PAYMENTS = Listing(
    shelf=lambda books: books.payments,
    filters={
        "logid": _id_filter(_number),
        "logids": _id_filter(_numbers),
        "invoiceid": _parent_filter("payments", "invoice_id", _number),
        "clientid": _parent_filter("payments", "client_id", _number),
        "clientids": _parent_filter("payments", "client_id", _numbers),
        "customerid": _parent_filter("payments", "client_id", _number),
        "customerids": _parent_filter("payments", "client_id", _numbers),
        **_date_bounds("date"),
        **_updated_bounds(),
        **_amount_bounds(),
        "type": _equals("type"),
        "currency": _equals("currency"),
        "notes": _like("note"),
        "from_credit": Filter(read=_boolean, passes=lambda _c, row, value: (row.credit_id is not None) == value),
        "client_name": Filter(read=_folded, passes=lambda context, row, value: value in _client_name_of(context, row)),
        "number": Filter(read=_text, passes=lambda context, row, value: _invoice_number_of(context, row) == value),
        "payment_or_credit": Filter(
            read=_text, passes=lambda _c, row, value: value == ("credit" if row.credit_id is not None else "invoice")
        ),
        "vis_state": _vis_state("payments"),
    },
)

CREDITS = Listing(
    shelf=lambda books: books.credits,
    filters={
        "creditid": _id_filter(_number),
        "clientid": _parent_filter("credits", "client_id", _number),
        **_date_bounds("create_date"),
        "vis_state": _vis_state("credits"),
    },
)

INCOMES = Listing(
    shelf=lambda books: books.incomes,
    filters={
        "incomeid": _id_filter(_number),
        "category_name": _equals("category_name"),
        "vis_state": _vis_state("incomes"),
    },
)
