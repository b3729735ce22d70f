"""Reads the audit log whole: to be checked, and to be handed to an auditor (T2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Conn, Pool
from daemon.core.audit import AuditCheck, AuditHead, AuditLine, check_anchor, check_end, check_line
from daemon.core.model import PartnerId

_SQL = queries.load("audit")
PAGE: Final = 2000
"""So many lines are in memory at a time, however long the log is."""


class AuditStore:
    """Every method raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def partners(self) -> tuple[PartnerId, ...]:
        """List the partners that have an audit log or must have one."""
        async with self._pool.connection() as connection:
            return tuple(PartnerId(row[0]) for row in await connection.fetch(_SQL["partners"]))

    async def knows(self, partner_id: PartnerId) -> bool:
        """Whether the platform knows this partner."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(_SQL["knows"], partner_id))

    async def check(self, partner_id: PartnerId, anchor: AuditHead | None = None) -> AuditCheck:
        """Compute a partner's chain anew, from its first line to its head."""
        check = AuditCheck()
        async with self._still() as connection:
            async for line in _lines(connection, partner_id):
                check = check_line(check, line)
                if anchor is not None:
                    check = check_anchor(check, line, anchor)
                if check.broken is not None:
                    return check
            head = await connection.fetchrow(_SQL["head"], partner_id)
            expects = await connection.fetchval(_SQL["expects_lines"], partner_id)
        found = None if head is None else AuditHead(number=head["audit_id"], hash=head["hash"])
        return check_end(check, found, anchor, expects_lines=expects)

    async def lines(self, partner_id: PartnerId) -> AsyncIterator[AuditLine]:
        """Read a partner's log from its first line on."""
        async with self._still() as connection:
            async for line in _lines(connection, partner_id):
                yield line

    @asynccontextmanager
    async def _still(self) -> AsyncIterator[Conn]:
        """Lend a connection to which the log does not grow while it is read."""
        async with (
            self._pool.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


async def _lines(connection: Conn, partner_id: PartnerId) -> AsyncIterator[AuditLine]:
    number = 0
    while True:
        rows = await connection.fetch(_SQL["lines"], partner_id, number, PAGE)
        for row in rows:
            yield _line_of(row)
        if len(rows) < PAGE:
            return
        number = rows[-1]["audit_id"]


def _line_of(row: asyncpg.Record) -> AuditLine:
    return AuditLine(
        partner_id=PartnerId(row["partner_id"]),
        number=row["audit_id"],
        at=row["at"],
        who=row["who"],
        what=row["what"],
        subject=row["subject"],
        before=row["before"],
        after=row["after"],
        why=row["why"],
        previous=row["previous"],
        hash=row["hash"],
    )
