"""Writes rows in Postgres' COPY text format, which costs less than half of the binary one on our side."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Final

import anyio.lowlevel

from daemon.adapters.postgres.pool import Conn

Row = tuple[str, ...]
"""One row, every column already escaped as COPY's text format wants it."""
NULL: Final = "\\N"
_UNSTORABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BLOCK_ROWS: Final = 200


def text(value: str) -> str:
    """Escape a text, and leave out what Postgres cannot store: NUL and half surrogates."""
    if value.isprintable() and "\\" not in value:
        return value
    return _UNSTORABLE.sub("", value).translate(_ESCAPES)


def optional(value: Decimal | date | datetime | int | str | None) -> str:
    """Write a value that may be missing and needs no escaping; datetimes in ISO form."""
    return NULL if value is None else str(value)


def boolean(value: bool) -> str:  # noqa: FBT001 -- the value itself, not a switch
    """Write a truth value."""
    return "t" if value else "f"


@lru_cache(maxsize=64)
def moment(value: datetime) -> str:
    """Write a time that many rows share, such as a page's reading."""
    return value.isoformat()


def encode(rows: Sequence[Row]) -> bytes:
    """Join rows into one block of COPY's text format."""
    return ("\n".join(map("\t".join, rows)) + "\n").encode() if rows else b""


async def copy(connection: Conn, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Append rows to a table of schema `sync`; they are made while the server stores those before them."""
    await stream(connection, table, columns, _blocks(rows))


async def stream(connection: Conn, table: str, columns: Sequence[str], blocks: AsyncIterator[bytes]) -> None:
    """Append encoded blocks to a table of schema `sync`: the server stores one while we make the next."""
    await connection.copy_to_table(table, schema_name="sync", columns=list(columns), source=blocks, format="text")


async def stage(connection: Conn, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Put rows into `stage_<table>`, a temporary table of this transaction, from which a statement may update."""
    name = f"stage_{table}"
    # nosemgrep: sql-in-pieces -- a table of ours, which no parameter can name
    await connection.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} (LIKE sync.{table}) ON COMMIT DELETE ROWS")
    await connection.copy_to_table(name, columns=list(columns), source=_blocks(rows), format="text")


async def _blocks(rows: Iterable[Row]) -> AsyncIterator[bytes]:
    """Encode rows a few hundred at a time, so that none of it holds the event loop for long."""
    left = iter(rows)
    while block := tuple(islice(left, _BLOCK_ROWS)):
        yield encode(block)
        await anyio.lowlevel.checkpoint()
