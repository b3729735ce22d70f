"""What operators read across partners from the command line, and one invoice they ask to be read again."""

from collections.abc import Mapping
from datetime import datetime

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.desk_rows import issue_of
from daemon.adapters.postgres.pool import Bound, Source
from daemon.adapters.postgres.pull_store import PullStore
from daemon.adapters.postgres.push_changes import audit, notify
from daemon.core.desk import IssueRow
from daemon.core.exchange import Reread
from daemon.core.model import AccountId, InvoiceId, PartnerId, Resource, Scope

_SQL = queries.load("operator")


class OperatorStore:
    """Each method is one transaction and raises StoreUnavailable."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def partner(self, partner_id: PartnerId) -> Mapping[str, object] | None:
        """Read all that is stored of a partner's connection, by column; None for one the platform does not know.

        Ledger accounts are shown by their names.
        """
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["partner"], partner_id)
            if row is None:
                return None
            names = await connection.fetch(_SQL["ledger_names"], partner_id, row["account_id"])
        known = {name["ledger_account_id"]: f"{name['name']} ({name['number']})" for name in names}
        return {
            column: known.get(value, value) if column.endswith("s_account_id") else value
            for column, value in row.items()
        }

    async def issues(
        self, partner_id: PartnerId | None, *, closed: bool, kind: str, limit: int
    ) -> tuple[tuple[PartnerId, IssueRow], ...]:
        """List sync issues of one partner or of all, newest first."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["issues"], partner_id, closed, kind, limit)
        return tuple((PartnerId(row["partner_id"]), issue_of(row)) for row in rows)

    async def read_invoice(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str, now: datetime) -> bool:
        """Ask for one invoice to be read from FreshBooks now, audited; False when the books have none such."""
        async with self._source.writing(partner_id) as connection:
            account_id = await connection.fetchval(_SQL["invoice"], partner_id, invoice_id)
            if account_id is None:
                return False
            scope = Scope(partner_id=partner_id, account_id=AccountId(account_id))
            reread = Reread(resource=Resource.INVOICES, id=invoice_id, reason="asked", due_at=now)
            await PullStore(Bound(connection)).ask_reread(scope, [reread])
            await audit(connection, partner_id, who=who, what="asked to read it again", subject=f"invoice/{invoice_id}")
            await notify(connection, partner_id, "reread")
        return True
