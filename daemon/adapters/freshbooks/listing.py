"""Listings: how to ask for a page, split it into undecoded rows, and check that it is what was asked (FB API s4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.envelopes import Accounting, unwrap
from daemon.adapters.freshbooks.wire import Id, Small, Text, fingerprint
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


class _Clients(_Page, gc=False):
    rows: list[Raw] = field(name="clients")


class _Invoices(_Page, gc=False):
    rows: list[Raw] = field(name="invoices")


class _Payments(_Page, gc=False):
    rows: list[Raw] = field(name="payments")


class _Credits(_Page, gc=False):
    rows: list[Raw] = field(name="credit_notes")


class _Head(Struct, gc=False):
    """The little of a row that is read without decoding it."""

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
    """One split page: the raw items with the heads that could be read."""

    page: int
    pages: int
    total: int
    items: tuple[RawItem, ...]
    heads: tuple[_Head, ...]


_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_head_decoder = msgspec.json.Decoder(_Head, strict=False)
_clients_decoder = msgspec.json.Decoder(Accounting[_Clients], strict=False)
_invoices_decoder = msgspec.json.Decoder(Accounting[_Invoices], strict=False)
_payments_decoder = msgspec.json.Decoder(Accounting[_Payments], strict=False)
_credits_decoder = msgspec.json.Decoder(Accounting[_Credits], strict=False)


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
    """Split a page into raw items with fingerprints; an item without a readable id gets a negative one of its own."""
    page, raws = _page_of(resource, answer)
    items, heads = [], []
    for raw in map(bytes, raws):
        mark, head = fingerprint(raw), _head(raw)
        items.append(RawItem(id=-mark if head is None else head.id, fingerprint=mark, raw=raw))
        if head is not None:
            heads.append(head)
    return Rows(
        page=page.page,
        pages=page.pages,
        total=page.total,
        items=tuple(items),
        heads=tuple(heads),
    )


def _head(row: bytes) -> _Head | None:
    try:
        return _head_decoder.decode(row)
    except _UNREADABLE:
        return None


def _page_of(resource: Resource, answer: Answer) -> tuple[_Page, Sequence[Raw]]:
    match resource:
        case Resource.CUSTOMERS:
            clients = unwrap(answer, _clients_decoder)
            return clients, clients.rows
        case Resource.INVOICES:
            invoices = unwrap(answer, _invoices_decoder)
            return invoices, invoices.rows
        case Resource.PAYMENTS:
            payments = unwrap(answer, _payments_decoder)
            return payments, payments.rows
        case Resource.CREDITS:
            credit_notes = unwrap(answer, _credits_decoder)
            return credit_notes, credit_notes.rows


def check_rows(listing: Pass, page: int, rows: Rows) -> None:
    """Check that a page is what was asked: FreshBooks ignores filters that it does not know. Raises FilterIgnored."""
    heads = rows.heads
    if heads and rows.page != page:
        _ignored("page", f"asked for page {page}, got page {rows.page}")
    wants_deleted = listing.deleted and listing.resource in _FILTERED_BY_VIS_STATE
    if wants_deleted and any(head.vis_state != VisState.DELETED for head in heads):
        _ignored("vis_state", "asked for deleted records, got others")
    _check_from("updated_min", listing.updated_from, [head.updated for head in heads])
    dates = [head.create_date or head.date for head in heads]
    _check_from("date_min", listing.issued_from, dates)
    _check_to("date_max", listing.issued_to, dates)
    if listing.resource is Resource.INVOICES and len(heads) > 1 and all(head.lines is UNSET for head in heads):
        _ignored("include[]=lines", "asked for lines, got none")


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
