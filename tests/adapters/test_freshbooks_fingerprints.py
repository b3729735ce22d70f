"""A page of FreshBooks read whole or row by row gives the same items, and a fingerprint tells what is read of each."""

import json
from typing import Any

import pytest

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.listing import NAMES, split
from daemon.adapters.freshbooks.wire import decode, fingerprint
from daemon.core.exchange import Undecodable
from daemon.core.model import FbInvoice, Resource
from tests.adapters import freshbooks_rows as rows


def page(resource: Resource, *items: bytes) -> Answer:
    body = b'{"response": {"result": {"page": 1, "pages": 1, "total": 9, "%s": [' % NAMES[resource].encode()
    return Answer(status=200, headers={}, body=body + b", ".join(items) + b"]}}}")


@pytest.mark.parametrize("resource", list(Resource))
def test_a_page_read_whole_and_one_read_row_by_row_give_the_same_items(resource: Resource) -> None:
    good = [json.dumps(rows.BY_RESOURCE[resource](id=key)).encode() for key in (5, 6)]
    whole = split(resource, page(resource, *good)).items
    apart = split(resource, page(resource, good[0], b'{"id": 9}', good[1], b"[]")).items
    assert [item.id for item in apart[:3]] == [5, 9, 6]
    assert apart[3].id < 0
    assert [(item.id, item.fingerprint, item.raw()) for item in whole] == [
        (item.id, item.fingerprint, item.raw()) for item in apart[::2]
    ]
    assert [decode(resource, item) for item in whole] == [decode(resource, item) for item in apart[::2]]
    assert [isinstance(decode(resource, item), Undecodable) for item in apart] == [False, True, False, True]


def test_a_row_that_means_nothing_to_us_in_a_page_read_whole_is_quarantined_with_the_bytes_that_came() -> None:
    odd = json.dumps(rows.payment(amount=rows.money("ten"), something="else")).encode()
    (_, item) = split(Resource.PAYMENTS, page(Resource.PAYMENTS, json.dumps(rows.payment()).encode(), odd)).items
    record = decode(Resource.PAYMENTS, item)
    assert isinstance(record, Undecodable)
    assert record.raw == odd


@pytest.mark.parametrize("odd", [{"qty": "four"}, {"qty": []}, {"name": "a\0b"}])
def test_a_line_that_cannot_be_read_quarantines_its_invoice_alone(odd: dict[str, Any]) -> None:
    good = json.dumps(rows.invoice(id=5)).encode()
    bad = json.dumps(rows.invoice(id=6, lines=[rows.line(), rows.line(**odd)])).encode()
    items = split(Resource.INVOICES, page(Resource.INVOICES, bad, good)).items
    assert [item.id for item in items] == [6, 5]
    refused, read = (decode(Resource.INVOICES, item) for item in items)
    assert isinstance(refused, Undecodable)
    assert refused.raw == bad
    assert isinstance(read, FbInvoice)


def test_what_is_not_read_of_a_record_does_not_change_its_fingerprint_and_whatever_is_read_does() -> None:
    """Of an invoice's lines every byte counts, as they are not read before."""
    assert rows.raw(Resource.INVOICES, rows.invoice(auto_bill=True)).fingerprint == first_print(rows.invoice())
    assert rows.raw(Resource.INVOICES, rows.invoice(status=4)).fingerprint != first_print(rows.invoice())
    moved = rows.invoice()
    moved["lines"][0]["qty"] = "5"
    assert rows.raw(Resource.INVOICES, moved).fingerprint != first_print(rows.invoice())


def first_print(row: dict[str, Any]) -> int:
    return rows.raw(Resource.INVOICES, row).fingerprint


def test_equal_bytes_have_equal_fingerprints_of_63_bits() -> None:
    assert fingerprint(b"a") == fingerprint(b"a") != fingerprint(b"b")
    assert all(0 <= fingerprint(bytes([n])) < 2**63 for n in range(256))
