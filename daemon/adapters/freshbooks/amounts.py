"""The small values of FreshBooks JSON: amounts, currencies, days, visibility. All raise ValueError if unreadable."""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

from daemon.core.model import VisState

Number = str | int | float | None
"""Amounts are texts, but numbers, empty texts and nulls have been seen (FB API s3.0, s10)."""
ZERO = Decimal(0)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,60})?", re.ASCII)
"""Computed amounts carry up to 26 decimals (FB API s3.0); anything longer, or with an exponent, is no money."""
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)

# Amounts, currencies and days repeat a lot within one account's books, so reading them again is a look-up.
_CACHED = 16_384


@lru_cache(maxsize=_CACHED)
def read_amount(number: Number) -> Decimal:
    """Read an amount that must be there."""
    text = number if isinstance(number, str) else repr(number)
    if not _DECIMAL.fullmatch(text):
        message = f"no amount: {text[:40]!r}"
        raise ValueError(message)
    return Decimal(text)


@lru_cache(maxsize=_CACHED)
def read_decimal(number: Number) -> Decimal:
    """Read a number that may be empty or null, which is 0."""
    return ZERO if number is None or number == "" else read_amount(number)


@lru_cache(maxsize=256)
def read_currency(code: str | None) -> str:
    """Read an ISO currency code."""
    if code is None or not _CURRENCY.fullmatch(code):
        message = f"no currency: {code!r}"
        raise ValueError(message[:60])
    return code.upper()


@lru_cache(maxsize=_CACHED)
def read_day(text: str) -> date:
    """Read `YYYY-MM-DD` in the business' own calendar."""
    return date.fromisoformat(text)


@lru_cache(maxsize=16)
def read_vis_state(value: int) -> VisState:
    """Read the visibility; an unknown one cannot be guessed, because it decides whether a payment counts."""
    return VisState(value)
