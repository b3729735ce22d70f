"""Lists by pages, in the shape of the platform's public API: `data` and the cursors around it."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import Field

from daemon.adapters.http.api.messages import Input, Output
from daemon.adapters.http.api.problems import Problem
from daemon.core.desk import BACK, DESK_PAGE_ROWS_MAX, DeskPage

RowT = TypeVar("RowT")
ShapeT = TypeVar("ShapeT", bound=Output)
LIMIT = 100
CURSOR_CHARACTERS_MAX = 2000
_CURSOR = r"^[A-Za-z0-9_-]+$"


class PageQuery(Input):
    """Which part of a list: up to `limit` rows after a cursor, or before one."""

    limit: int = Field(default=LIMIT, ge=1, le=DESK_PAGE_ROWS_MAX)
    after: str | None = Field(
        default=None,
        max_length=CURSOR_CHARACTERS_MAX,
        pattern=_CURSOR,
        description="The end_cursor of the page before.",
    )
    before: str | None = Field(
        default=None,
        max_length=CURSOR_CHARACTERS_MAX,
        pattern=_CURSOR,
        description="The start_cursor of the page after; without `after`.",
    )


class Page(Output, Generic[ShapeT]):
    """One page of a list."""

    data: list[ShapeT]
    start_cursor: str | None = Field(
        default=None, description="Send it as `before` for the page before this one; null on the first."
    )
    end_cursor: str | None = Field(description="Send it as `after` for the next page; null on the last.")
    has_previous_page: bool = False
    has_next_page: bool


async def read_page(
    query: PageQuery, read: Callable[[str | None, int], Awaitable[DeskPage[RowT]]], write: Callable[[RowT], ShapeT]
) -> Page[ShapeT]:
    """Read the page that was asked for; a cursor that is not ours is refused by name."""
    name, cursor = ("before", query.before) if query.before else ("after", query.after)
    if query.before and query.after:
        raise _refused("before", "this cannot be given together with after")
    try:
        listed = await read(_open(cursor, backwards=name == "before"), query.limit)
    except ValueError as error:
        raise _refused(name, "this is no cursor of this list") from error
    return Page(
        data=[write(row) for row in listed.rows],
        start_cursor=_sealed(listed.before),
        end_cursor=_sealed(listed.after),
        has_previous_page=listed.before is not None,
        has_next_page=listed.after is not None,
    )


def _refused(name: str, why: str) -> Problem:
    return Problem(422, "Some fields do not fit: see validation_errors.", {name: why})


def _sealed(cursor: str | None) -> str | None:
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=") if cursor else None


def _open(cursor: str | None, *, backwards: bool) -> str | None:
    """Read a cursor of ours, for the direction it was given for. Raises ValueError for anything else."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("no cursor of ours") from error
    if "\x00" in text or text.startswith(BACK) != backwards:
        raise ValueError("no cursor of ours")
    return text
