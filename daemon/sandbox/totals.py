"""Invoice arithmetic: the discount comes off before tax, a compounded tax is charged on the first one (FB API s3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from daemon.sandbox.model import Line
from daemon.sandbox.money import ZERO, cents, total

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """`amount` is due in all; `discount` is zero or negative, as FreshBooks shows it."""

    amount: Decimal
    net: Decimal
    discount: Decimal
    tax: Decimal


def line_amount(line: Line) -> Decimal:
    """Quantity times unit cost, before tax and discount."""
    return cents(line.qty * line.unit_cost)


def _line_tax(line: Line, net: Decimal) -> Decimal:
    first = net * (line.tax_percent1 or 0) / _HUNDRED
    base = net + first if line.compounded_tax else net
    return first + base * (line.tax_percent2 or 0) / _HUNDRED


def invoice_totals(lines: Sequence[Line], discount_percent: Decimal) -> Totals:
    """Sum `lines`, take the discount off, add tax on what is left of each taxed line."""
    gross = total(line_amount(line) for line in lines)
    discount = cents(gross * discount_percent / _HUNDRED) if discount_percent else ZERO
    kept = 1 - discount_percent / _HUNDRED
    taxed = [line for line in lines if line.tax_percent1 or line.tax_percent2]
    tax = cents(sum((_line_tax(line, line_amount(line) * kept) for line in taxed), ZERO)) if taxed else ZERO
    return Totals(amount=gross - discount + tax, net=gross - discount, discount=ZERO - discount, tax=tax)
