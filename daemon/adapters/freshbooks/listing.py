"""Listings: how to ask for a page, split it into undecoded rows, and check that it is what was asked (FB API s4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.envelopes import Accounting, unwrap
from daemon.adapters.freshbooks.rows import Id, Row, Small, Text
from daemon.adapters.freshbooks.wire import ROWS, UNREADABLE, holds_nul, item_of, read_item
from daemon.core.backfill import Pass
from daemon.core.errors import FilterIgnored
from daemon.core.exchange import RawItem
from daemon.core.model import Resource, VisState

PATHS = {
    Resource.CUSTOMERS: "users/clients",
    Resource.INVOICES: "invoices/invoices",
    Resource.PAYMENTS: "payments/payments",
    Resource.CREDITS: "credit_notes/credit_notes",
}
TOLERANCE = timedelta(days=2)
"""How far a row may lie outside the asked window: days are US/Eastern there, and the ends are not well defined."""
_FILTERED_BY_VIS_STATE = frozenset({Resource.CUSTOMERS, Resource.INVOICES, Resource.PAYMENTS})
"""Credit notes are listed in full anyway, and no source says that this filter works there (FB API s4.3)."""


class _Page(Struct, kw_only=True, gc=False):
    page: int
    pages: int
    total: int
    rows: list[Any]


class _Head(Struct, gc=False):
    """The little that is read of a row by itself where a page cannot be read as a whole."""

    id: Id
    updated: Text = None
    vis_state: Small = 0
    create_date: Text = None
    date: Text = None
    lines: Raw | UnsetType = UNSET
    invoiceid: int | None = None
    clientid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One split page: the items, and the rows or heads that could be read."""

    page: int
    pages: int
    total: int
    items: tuple[RawItem, ...]
    heads: Sequence[object]


def _decoder(resource: Resource, row: Any) -> msgspec.json.Decoder[Accounting[_Page]]:  # noqa: ANN401 -- any type
    rows = ("rows", list[row], field(name=NAMES[resource]))
    page = msgspec.defstruct("Listed", [rows], bases=(_Page,), kw_only=True, gc=False)
    return msgspec.json.Decoder(Accounting[page], strict=False)  # type: ignore[valid-type]  # made just now


NAMES = {
    Resource.CUSTOMERS: "clients",
    Resource.INVOICES: "invoices",
    Resource.PAYMENTS: "payments",
    Resource.CREDITS: "credit_notes",
}
_whole = {resource: _decoder(resource, row) for resource, row in ROWS.items()}
_apart = {resource: _decoder(resource, Raw) for resource in ROWS}
_head_decoder = msgspec.json.Decoder(_Head, strict=False)


def params_of(listing: Pass, page: int, page_size: int) -> list[tuple[str, str]]:
    """Write a pass as FreshBooks' filters (FB API s4.1): the record's own date, the day of `updated`, deleted only."""
    params = [("page", str(page)), ("per_page", str(page_size))]
    days = (("date_min", listing.issued_from), ("date_max", listing.issued_to), ("updated_min", listing.updated_from))
    params += [(f"search[{name}]", day.isoformat()) for name, day in days if day is not None]
    if listing.deleted:
        params.append(("search[vis_state]", str(VisState.DELETED.value)))
    if listing.resource is Resource.INVOICES:
        params.append(("include[]", "lines"))
    return params


def split(resource: Resource, answer: Answer) -> Rows:
    """Split a page into items: read as a whole, or each by itself where one of them cannot be read (P10)."""
    page = _read_whole(resource, answer)
    if page is not None:
        rows: list[Row] = page.rows
        items = [item_of(row, partial(_raw_of, resource, answer, index)) for index, row in enumerate(rows)]
        return Rows(page=page.page, pages=page.pages, total=page.total, items=tuple(items), heads=rows)
    page = unwrap(answer, _apart[resource])
    heads = []
    items = []
    for raw in map(bytes, page.rows):
        head = _head(raw)
        items.append(read_item(resource, raw, None if head is None else head.id))
        if head is not None:
            heads.append(head)
    return Rows(page=page.page, pages=page.pages, total=page.total, items=tuple(items), heads=heads)


def _read_whole(resource: Resource, answer: Answer) -> _Page | None:
    """Read all rows in one go; None where anything at all is odd."""
    if holds_nul(answer.body):
        return None
    try:
        response = _whole[resource].decode(answer.body).response
    except UNREADABLE:
        return None
    return response.result if response.errors is UNSET else None


def _raw_of(resource: Resource, answer: Answer, index: int) -> bytes:
    return bytes(unwrap(answer, _apart[resource]).rows[index])


def _head(row: bytes) -> _Head | None:
    try:
        return _head_decoder.decode(row)
    except UNREADABLE:
        return None


def check_rows(listing: Pass, page: int, rows: Rows) -> None:
    """Check that a page is what was asked: FreshBooks ignores filters that it does not know. Raises FilterIgnored."""
    heads = rows.heads
    if heads and rows.page != page:
        _ignored("page", f"asked for page {page}, got page {rows.page}")
    wants_deleted = listing.deleted and listing.resource in _FILTERED_BY_VIS_STATE
    if wants_deleted and any(state != VisState.DELETED for state in _each(heads, "vis_state")):
        _ignored("vis_state", "asked for deleted records, got others")
    _check_from("updated_min", listing.updated_from, _each(heads, "updated"))
    dates = _each(heads, "date" if listing.resource is Resource.PAYMENTS else "create_date")
    _check_from("date_min", listing.issued_from, dates)
    _check_to("date_max", listing.issued_to, dates)
    if (
        listing.resource is Resource.INVOICES
        and len(heads) > 1
        and all(lines is UNSET for lines in _each(heads, "lines"))
    ):
        _ignored("include[]=lines", "asked for lines, got none")


def _each(heads: Sequence[object], name: str) -> list[Any]:
    return [getattr(head, name, None) for head in heads]


def check_asked(name: str, asked: int, got: Sequence[int | None]) -> None:
    """Check that every row belongs to the invoice or client that was asked for. Raises FilterIgnored."""
    strange = next((value for value in got if value is not None and value != asked), None)
    if strange is not None:
        _ignored(name, f"asked for {asked}, got {strange}")


def _check_from(name: str, day: date | None, texts: Sequence[Text]) -> None:
    if day is None or day - date.min <= TOLERANCE:
        return
    limit = (day - TOLERANCE).isoformat()
    # ISO texts order like the days they name, so no row's date needs to be read.
    early = next((text for text in texts if text and text < limit), None)
    if early is not None:
        _ignored(name, f"asked from {day}, got {early[:19]}")


def _check_to(name: str, day: date | None, texts: Sequence[Text]) -> None:
    if day is None or date.max - day <= TOLERANCE:
        return
    limit = (day + TOLERANCE).isoformat()
    late = next((text for text in texts if text and text[: len(limit)] > limit), None)
    if late is not None:
        _ignored(name, f"asked up to {day}, got {late[:19]}")


def _ignored(name: str, what: str) -> None:
    raise FilterIgnored(f"FreshBooks ignored the filter {name}: {what}", filter_name=name)
