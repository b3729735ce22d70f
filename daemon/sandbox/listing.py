"""Reads a list's query and selects the page: filters, sort, per_page and page as FreshBooks treats them (FB API s4)."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from daemon.sandbox.books import Books
from daemon.sandbox.errors import INVALID_PAGE, INVALID_PER_PAGE, ApiError
from daemon.sandbox.shelf import Shelf
from daemon.sandbox.switches import Switches

PER_PAGE_DEFAULT, PER_PAGE_MAX = 15, 100
_CACHED_SELECTIONS = 24

Row = Any  # a record of whichever shelf is listed
Value = Any  # what a filter read from its texts


class Query(Protocol):
    """The part of a multi-valued query mapping that is read here."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Every key with each of its values, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """One list request; `search` holds each filter's values in order."""

    search: Mapping[str, tuple[str, ...]]
    includes: frozenset[str]
    sort: str
    page: int
    per_page: int


def parse_query(query: Query) -> ListQuery:
    """Read `search[...]`, `include[]`, `sort`, `page` and `per_page`; raises 422 for a page that is no number."""
    search: dict[str, list[str]] = {}
    includes: set[str] = set()
    plain = {"sort": "", "page": "1", "per_page": str(PER_PAGE_DEFAULT)}
    for key, value in query.items():
        if key.startswith("search["):
            search.setdefault(key[len("search[") :].split("]", 1)[0], []).append(value)
        elif key in ("include[]", "include"):
            includes.add(value)
        elif key in plain:
            plain[key] = value
    return ListQuery(
        search={name: tuple(values) for name, values in search.items()},
        includes=frozenset(includes),
        sort=plain["sort"],
        page=max(1, _number(plain["page"], "page", INVALID_PAGE)),
        per_page=min(PER_PAGE_MAX, _number(plain["per_page"], "per_page", INVALID_PER_PAGE) or PER_PAGE_DEFAULT),
    )


def _number(value: str, field_name: str, errno: int) -> int:
    if not value.isascii() or not value.isdigit():
        label = "Page" if errno == INVALID_PAGE else "Per page"
        raise ApiError(422, f"{label} must be a number.", errno=errno, field=field_name, value=value)
    return int(value[:9])


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a filter may look at besides the record: the books, and today for what is computed when read."""

    books: Books
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRange:
    """The days of one of a shelf's day indexes from `first` to `last`, as ordinals, both included."""

    index: str
    first: int = 0
    last: int = date.max.toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One working filter: how its texts are read, and which records pass; `ids` and `days` answer from an index.

    `lasting` filters look only at what `Shelf.keys_version` counts, so their selections outlive other writes.
    """

    read: Callable[[tuple[str, ...], str], Value]
    passes: Callable[[Context, Row, Value], bool]
    ids: Callable[[Context, Value], set[int]] | None = None
    days: Callable[[Context, Value], DayRange] | None = None
    lasting: bool = False

    @property
    def is_indexed(self) -> bool:
        """Whether an index lets through exactly the records that pass."""
        return self.ids is not None or self.days is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How one resource is listed; filters and sort keys that are not named here are ignored silently (FB API s10.1).

    `switched_sorts` names the switch that decides whether a sort key works.
    """

    shelf: Callable[[Books], Shelf[Any]]
    filters: Mapping[str, Filter]
    sorts: Mapping[str, Callable[[Context, Row], Any]] = field(default_factory=dict)
    switched_sorts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of records with FreshBooks' paging figures."""

    rows: list[Any]
    page: int
    pages: int
    per_page: int
    total: int


class Selections:
    """Remembers the id lists of recent queries, so that the next page of a pass costs nothing to select."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: OrderedDict[object, list[int]] = OrderedDict()

    def select(self, key: object, build: Callable[[], list[int]]) -> list[int]:
        """The ids under `key`, built when they are not known."""
        ids = self._known.get(key)
        if ids is None:
            ids = build()
            self._known[key] = ids
            if len(self._known) > _CACHED_SELECTIONS:
                self._known.popitem(last=False)
        return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """What a query selects from a shelf."""

    shelf: Shelf[Row]
    listing: Listing
    context: Context
    filters: dict[str, tuple[Filter, Value]]
    sort: str
    is_descending: bool

    def key(self, name: str, query: ListQuery) -> object:
        """What the selection depends on: while it stays the same, so do the ids."""
        is_lasting = not self.sort and all(rule.lasting for rule, _ in self.filters.values())
        return (
            name,
            self.shelf.keys_version if is_lasting else self.shelf.version,
            None if is_lasting else self.context.today,
            tuple(sorted((key, query.search[key]) for key in self.filters)),
            (self.sort, self.is_descending),
            self.context.books.switches["max_bound"],
        )

    def ids(self) -> list[int]:
        """The selected ids in order, from the smallest set of candidates that the indexes give."""
        candidates = self._candidates()
        pool: Iterable[int] = reversed(self.shelf.rows) if candidates is None else sorted(candidates, reverse=True)
        hidden = self.shelf.deleted if "vis_state" not in self.filters else frozenset[int]()
        # An indexed filter let only its own ids through already.
        tests = [(rule.passes, value) for rule, value in self.filters.values() if not rule.is_indexed]
        rows, context = self.shelf.rows, self.context
        found = [
            key
            for key in pool
            if key in rows and key not in hidden and all(passes(context, rows[key], value) for passes, value in tests)
        ]
        if self.sort:
            sort_key = self.listing.sorts[self.sort]
            found.sort(key=lambda key: sort_key(context, rows[key]), reverse=self.is_descending)
        return found

    def _candidates(self) -> set[int] | None:
        """The ids that pass every indexed filter, or None when no filter is indexed."""
        found = [rule.ids(self.context, value) for rule, value in self.filters.values() if rule.ids is not None]
        ranges: dict[str, DayRange] = {}
        for rule, value in self.filters.values():
            if rule.days is not None:
                days = rule.days(self.context, value)
                known = ranges.get(days.index, days)
                ranges[days.index] = DayRange(
                    index=days.index, first=max(known.first, days.first), last=min(known.last, days.last)
                )
        found += [self.shelf.ids_between(days.index, days.first, days.last) for days in ranges.values()]
        return set.intersection(*found) if found else None


def list_page(
    name: str,
    listing: Listing,
    context: Context,
    query: ListQuery,
    selections: Selections,
    only: Callable[[Row], bool] | None = None,
) -> Page:
    """Select, sort and cut one page; `only` hides rows from a reader, which `total` still counts (FB API s10.14)."""
    shelf = listing.shelf(context.books)
    filters = {
        key: (rule, rule.read(values, key))
        for key, values in query.search.items()
        if (rule := listing.filters.get(key)) is not None
    }
    sort, is_descending = _sort(listing, query.sort, context.books.switches)
    selection = _Selection(
        shelf=shelf, listing=listing, context=context, filters=filters, sort=sort, is_descending=is_descending
    )
    ids = selections.select(selection.key(name, query), selection.ids)
    start = (query.page - 1) * query.per_page
    rows = [shelf.rows[key] for key in ids[start : start + query.per_page]]
    return Page(
        rows=rows if only is None else [row for row in rows if only(row)],
        page=query.page,
        pages=-(-len(ids) // query.per_page),
        per_page=query.per_page,
        total=len(ids),
    )


def _sort(listing: Listing, wanted: str, switches: Switches) -> tuple[str, bool]:
    name, _, way = wanted.rpartition("_")
    switch = listing.switched_sorts.get(name)
    if name not in listing.sorts or way not in ("asc", "desc") or (switch is not None and not switches[switch]):
        return "", True
    return name, way == "desc"
