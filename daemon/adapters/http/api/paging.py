"""Lists by pages, in the shape of the platform's public API: `data` and the cursors around it."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pydantic import Field

from daemon.adapters.http.api.messages import Input, Output
from daemon.adapters.http.api.problems import Problem
from daemon.core.desk import DESK_PAGE_ROWS_MAX, DeskPage

RowT = TypeVar("RowT")
ShapeT = TypeVar("ShapeT", bound=Output)
LIMIT = 100
CURSOR_CHARACTERS_MAX = 500


class PageQuery(Input):
    """Which part of a list: up to `limit` rows after a cursor."""

    limit: int = Field(default=LIMIT, ge=1, le=DESK_PAGE_ROWS_MAX)
    after: str | None = Field(
        default=None, min_length=1, max_length=CURSOR_CHARACTERS_MAX, description="The end_cursor of the page before."
    )


class Page(Output, Generic[ShapeT]):
    """One page of a list."""

    data: list[ShapeT]
    end_cursor: str | None = Field(description="Send it as `after` for the next page; null on the last.")
    has_next_page: bool


async def read_page(
    query: PageQuery, read: Callable[[str | None, int], Awaitable[DeskPage[RowT]]], write: Callable[[RowT], ShapeT]
) -> Page[ShapeT]:
    """Read the page that was asked for; a cursor that is not ours is refused by name."""
    try:
        listed = await read(_open(query.after), query.limit)
    except ValueError as error:
        message = "Some fields do not fit: see validation_errors."
        raise Problem(422, message, {"after": "this is no cursor of this list"}) from error
    return page_of(listed.rows, listed.after, write)


def page_of(rows: Sequence[RowT], after: str | None, write: Callable[[RowT], ShapeT]) -> Page[ShapeT]:
    """Write one page."""
    cursor = base64.urlsafe_b64encode(after.encode()).decode().rstrip("=") if after else None
    return Page(data=[write(row) for row in rows], end_cursor=cursor, has_next_page=after is not None)


def _open(cursor: str | None) -> str | None:
    """Read a cursor of ours. Raises ValueError for anything else."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("no cursor of ours") from error
    if "\x00" in text:
        raise ValueError("no cursor of ours")
    return text
