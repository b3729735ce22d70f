"""Reads the values of a write body; what cannot be read becomes FreshBooks' own validation error (FB API s8)."""

from datetime import date
from decimal import Decimal
from typing import Any

from daemon.sandbox.errors import (
    BAD_DATE,
    NEGATIVE,
    NOT_A_NUMBER,
    TOO_LONG,
    ApiError,
    invalid,
    required,
)
from daemon.sandbox.money import cents, parse_decimal
from daemon.sandbox.times import parse_day

Body = dict[str, Any]
CURRENCIES = frozenset(
    ("AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "INR", "JPY", "KES", "MXN",
     "NGN", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD", "ZAR")
)  # fmt: skip
_LINES_MAX = 500


def wrapped(body: object, thing: str, *, needs: str) -> Body:
    """The object under its singular key; with another wrapper the first required key is what is missed."""
    inner = body.get(thing) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        raise required(thing, needs)
    return inner


def whole_number(body: Body, field: str, thing: str) -> int:
    """An integer, also from a text; raises 422 errno 1015 otherwise."""
    value = body[field]
    try:
        return int(str(value))
    except ValueError:
        message = f"The field '{field}' must be a number."
        raise ApiError(422, message, errno=NOT_A_NUMBER, field=field, thing=thing, value=value) from None


def day(body: Body, field: str, thing: str) -> date:
    """A `YYYY-MM-DD` day; raises 422 errno 1033 otherwise."""
    value = body[field]
    found = parse_day(value) if isinstance(value, str) else None
    if found is None:
        message = f"The field '{field}' must be a date in the format YYYY-MM-DD."
        raise ApiError(422, message, errno=BAD_DATE, field=field, thing=thing, value=value)
    return found


def text(body: Body, field: str, thing: str, *, longest: int = 0) -> str:
    """A text (null reads as empty); raises 422 errno 1017 when it is longer than `longest`."""
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise invalid(thing, field, value)
    if longest and len(str(value)) > longest:
        message = f"The field '{field}' may not be longer than {longest} characters."
        raise ApiError(422, message, errno=TOO_LONG, field=field, thing=thing, value=str(value))
    return str(value)


def currency(body: Body, field: str, thing: str, default: str) -> str:
    """An ISO code, or `default` when the field is absent or null."""
    code = body.get(field) or default
    if code not in CURRENCIES:
        raise invalid(thing, field, code, f"'{code}' is not a supported currency.")
    return str(code)


def amount(body: Body, field: str, thing: str) -> tuple[Decimal, str | None]:
    """Money as `{"amount","code"}` or as a bare number, the code being optional; raises 422 for anything else."""
    value = body[field]
    code = None
    if isinstance(value, dict):
        code, value = value.get("code"), value.get("amount")
    number = parse_decimal(value)
    if number is None:
        message = f"The field '{field}' must be a number."
        raise ApiError(422, message, errno=NOT_A_NUMBER, field=field, thing=thing, value=value)
    if code is not None and code not in CURRENCIES:
        raise invalid(thing, field, code, f"'{code}' is not a supported currency.")
    return cents(number), code


def positive_amount(body: Body, field: str, thing: str) -> tuple[Decimal, str | None]:
    """Like `amount`, refusing values below zero with 422 errno 1025."""
    number, code = amount(body, field, thing)
    if number < 0:
        message = f"The field '{field}' may not be negative."
        raise ApiError(422, message, errno=NEGATIVE, field=field, thing=thing, value=str(number))
    return number, code


def percent(value: object, field: str, thing: str) -> Decimal | None:
    """A percentage from 0 to 100 as text or number; None for null or empty."""
    if value is None or value == "":
        return None
    number = parse_decimal(value)
    if number is None or not 0 <= number <= 100:  # noqa: PLR2004 - a percentage
        raise ApiError(422, f"'{field}' must be a percentage.", errno=1018, field=field, thing=thing, value=value)
    return number


def vis_state(body: Body, thing: str) -> int:
    """0, 1 or 2 (FB API s5); raises 422 otherwise."""
    state = whole_number(body, "vis_state", thing)
    if state not in (0, 1, 2):
        raise invalid(thing, "vis_state", state)
    return state


def line_bodies(body: Body, thing: str) -> list[Body]:
    """The `lines` list, each an object; raises 422 otherwise."""
    lines = body.get("lines") or []
    if not isinstance(lines, list) or len(lines) > _LINES_MAX or not all(isinstance(line, dict) for line in lines):
        raise invalid(thing, "lines", None)
    return lines
