"""A list is shown by pages."""

from dataclasses import dataclass
from typing import Generic, TypeVar

RowT = TypeVar("RowT")

DESK_PAGE_ROWS = 50
"""How many rows a list shows unless told otherwise."""
DESK_PAGE_ROWS_MAX = 500
BACK = "<"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPage(Generic[RowT]):
    """One page of a list; `after` is the opaque cursor of the next page, None on the last; `before` of the one before.

    Either is given as a query's `after`: one that begins with `BACK` reads towards the list's beginning.
    """

    rows: tuple[RowT, ...]
    after: str | None = None
    before: str | None = None
