"""Decimal money as FreshBooks writes it: an amount text with two decimals beside an ISO code."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
_AMOUNT_LIMIT = Decimal("1e12")


def cents(amount: Decimal) -> Decimal:
    """`amount` rounded half up to two decimals."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def money(amount: Decimal, code: str) -> dict[str, str]:
    """The wire form `{"amount": "10.00", "code": "USD"}`."""
    return {"amount": str(amount), "code": code}


def parse_decimal(value: object) -> Decimal | None:
    """A finite decimal from a text or a number (FB takes both), or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _AMOUNT_LIMIT else None


def plain(number: Decimal) -> str:
    """`number` without exponent and without trailing zeros, as quantities and percentages are shown (`4`, `12.5`)."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum with two decimals even when there is nothing to add."""
    return sum(amounts, ZERO)
