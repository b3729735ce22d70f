"""P2's fields are compared by content, whatever the spelling (P5)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from daemon.core.model import CustomerId
from daemon.core.terms import changed_terms, terms_hash, terms_of
from tests.builders import make_fb_invoice, make_line

TERMS = terms_of(make_fb_invoice(100))
OTHER: dict[str, Any] = {
    "customer_id": CustomerId(32),
    "number": "0000813",
    "issued_on": date(2025, 11, 2),
    "due_on": None,
    "currency": "CAD",
    "total": Decimal("100.01"),
    "description": "Other",
    "lines": (),
}
LINE: dict[str, Any] = {
    "name": "x",
    "description": "x",
    "quantity": Decimal(2),
    "unit_cost": Decimal(7),
    "amount": Decimal(7),
    "tax_name1": "HST",
    "tax_percent1": Decimal(13),
    "tax_name2": "PST",
    "tax_percent2": Decimal(7),
}


def test_the_hash_is_stable_across_machines() -> None:
    assert terms_hash(TERMS) == 5_472_076_047_138_639_878


def test_the_hash_fits_into_a_signed_bigint() -> None:
    hashes = [terms_hash(replace(TERMS, number=str(number))) for number in range(200)]
    assert all(0 <= found < 2**63 for found in hashes)
    assert max(hashes) > 2**62


@pytest.mark.parametrize("field", OTHER)
def test_every_field_of_an_invoice_changes_the_hash(field: str) -> None:
    assert terms_hash(replace(TERMS, **{field: OTHER[field]})) != terms_hash(TERMS)


@pytest.mark.parametrize("field", LINE)
def test_every_field_of_a_line_changes_the_hash(field: str) -> None:
    other = replace(TERMS, lines=(replace(make_line(), **{field: LINE[field]}),))
    assert terms_hash(other) != terms_hash(replace(TERMS, lines=(make_line(),)))


def test_the_spelling_of_a_number_does_not_change_the_hash() -> None:
    respelled = replace(
        TERMS, total=Decimal(100), lines=(make_line(quantity=Decimal("1.000"), amount=Decimal("1E+2")),)
    )
    assert terms_hash(respelled) == terms_hash(TERMS)


def test_text_cannot_move_from_one_field_to_the_next_unnoticed() -> None:
    one = replace(TERMS, number="ab", description="c")
    other = replace(TERMS, number="a", description="bc")
    assert terms_hash(one) != terms_hash(other)


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("customer_id", "customer"),
        ("number", "number 0000812 -> 0000813"),
        ("issued_on", "issue date 2025-11-01 -> 2025-11-02"),
        ("due_on", "due date 2025-12-01 -> none"),
        ("currency", "currency USD -> CAD"),
        ("total", "total 100.00 -> 100.01"),
        ("description", "description"),
        ("lines", "lines"),
    ],
)
def test_what_changed_is_named_for_a_bookkeeper(field: str, named: str) -> None:
    assert changed_terms(TERMS, replace(TERMS, **{field: OTHER[field]})) == (named,)
