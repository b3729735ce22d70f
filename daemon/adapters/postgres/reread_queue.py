"""The queue of single objects to be read again."""

from collections.abc import Sequence
from datetime import datetime

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Conn, Source
from daemon.adapters.postgres.push_changes import notify
from daemon.core.exchange import Reread
from daemon.core.model import InvoiceId, Resource, Scope

_SQL = queries.load("rereads")


class RereadQueue:
    """One row per object; the earlier time wins (debounce)."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def due_rereads(self, scope: Scope, now: datetime, limit: int) -> tuple[Reread, ...]:
        """List rereads that are due, oldest first."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["due"], scope.partner_id, scope.account_id, now, limit)
        return tuple(
            Reread(
                resource=Resource(row["resource"]),
                id=row["id"],
                reason=row["reason"],
                due_at=row["due_at"],
                asked=row["asked"],
            )
            for row in rows
        )

    async def next_reread_at(self, scope: Scope) -> datetime | None:
        """Tell when the earliest reread is due, or None when none waits."""
        async with self._source.connection() as connection:
            found: datetime | None = await connection.fetchval(_SQL["next_at"], scope.partner_id, scope.account_id)
        return found

    async def ask_reread(self, scope: Scope, rereads: Sequence[Reread]) -> None:
        """Queue rereads and wake the supervisor; one per (resource, id), the earlier time wins."""
        if not rereads:
            return
        async with self._source.fenced(scope.partner_id) as connection:
            await queue(connection, scope, rereads)
            await notify(connection, scope.partner_id, "reread")

    async def finish_reread(self, scope: Scope, reread: Reread) -> None:
        """Remove a reread that was served, unless it was asked for again meanwhile."""
        async with self._source.fenced(scope.partner_id) as connection:
            await connection.execute(
                _SQL["finish"], scope.partner_id, scope.account_id, reread.resource.value, reread.id, reread.asked
            )

    async def postpone_reread(self, scope: Scope, reread: Reread, due_at: datetime) -> None:
        """Put a reread off, unless it was asked for again meanwhile."""
        async with self._source.fenced(scope.partner_id) as connection:
            await connection.execute(
                _SQL["postpone"],
                scope.partner_id,
                scope.account_id,
                reread.resource.value,
                reread.id,
                reread.asked,
                due_at,
            )


async def queue(connection: Conn, scope: Scope, rereads: Sequence[Reread]) -> None:
    """Queue rereads without waking anyone: the caller is the supervisor's own work, or wakes it."""
    unique = {(reread.resource, reread.id): reread for reread in sorted(rereads, key=lambda r: r.due_at, reverse=True)}
    await connection.execute(
        _SQL["ask"],
        scope.partner_id,
        scope.account_id,
        [reread.resource.value for reread in unique.values()],
        [reread.id for reread in unique.values()],
        [reread.reason for reread in unique.values()],
        [reread.due_at for reread in unique.values()],
    )


async def is_queued(connection: Conn, scope: Scope, reread: Reread) -> bool:
    """Whether the object is waiting to be read already."""
    resource = reread.resource.value
    waiting = await connection.fetchval(_SQL["is_queued"], scope.partner_id, scope.account_id, resource, reread.id)
    return waiting is not None


async def queue_invoices(connection: Conn, scope: Scope, invoice_ids: Sequence[InvoiceId], reason: str) -> None:
    """Queue snapshots of invoices, due at once, and wake the supervisor: the decision may come from its push lane."""
    if invoice_ids:
        await connection.execute(
            _SQL["ask_invoices"], scope.partner_id, scope.account_id, sorted(set(invoice_ids)), reason
        )
        await notify(connection, scope.partner_id, "reread")
