"""Lists by pages: what a cursor says, and how rows that were read for it become a page."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import asyncpg

from daemon.core.desk import BACK, DESK_PAGE_ROWS_MAX, DeskPage

RowT = TypeVar("RowT")


def page_of(
    rows: Sequence[asyncpg.Record],
    limit: int,
    read: Callable[[asyncpg.Record], RowT],
    cursor: Callable[[RowT], str],
    after: str | None,
) -> DeskPage[RowT]:
    """Cut a list that was asked for one row more than shown: that row only tells that there is one more page.

    `after` is the cursor it was asked with, whose row stands on the other side of this page.
    """
    shown, is_more = [read(row) for row in rows[:limit]], len(rows) > limit
    if not shown:
        return DeskPage(rows=())
    has_next, has_previous = is_more, bool(after)
    if is_back(after):
        shown.reverse()
        has_next, has_previous = True, is_more
    return DeskPage(
        rows=tuple(shown),
        after=cursor(shown[-1]) if has_next else None,
        before=f"{BACK}{cursor(shown[0])}" if has_previous else None,
    )


def is_back(after: str | None) -> bool:
    """Whether a cursor reads towards the beginning of its list."""
    return bool(after) and str(after).startswith(BACK)


def number_of(after: str | None) -> int | None:
    """Read a cursor that is a number. Raises ValueError for one that is none."""
    return int(after.removeprefix(BACK)) if after else None


def split(after: str | None) -> tuple[str, str]:
    """Read a cursor of two parts; two empty ones for none. Raises ValueError for one that is not ours."""
    if not after:
        return "", ""
    first, separator, second = after.removeprefix(BACK).partition("|")
    if not separator:
        raise ValueError(f"{after!r} is no cursor of this list")
    return first, second


def limit_of(asked: int) -> int:
    """Tell how many rows to show of so many that were asked for."""
    return max(1, min(asked, DESK_PAGE_ROWS_MAX))
