"""What the pages and the API read: one partner's rows, never another's."""

from datetime import date, datetime
from typing import Final

import asyncpg
import msgspec

from daemon.adapters.postgres import desk_rows, queries
from daemon.adapters.postgres.account_rows import ledger_account_of
from daemon.adapters.postgres.desk_paging import is_back, limit_of, number_of, page_of, split
from daemon.adapters.postgres.invoice_rows import line_of
from daemon.adapters.postgres.pool import Conn, Source
from daemon.core.backfill import Cursor
from daemon.core.desk import (
    DESK_PAGE_ROWS,
    DESK_PAGE_ROWS_MAX,
    Counts,
    CustomerRow,
    DeskPage,
    EventRow,
    InvoiceDetail,
    InvoiceQuery,
    InvoiceRow,
    IssueQuery,
    IssueRow,
    Module,
    PaymentQuery,
    PaymentRow,
    PayoutRow,
    WaitingMoves,
)
from daemon.core.model import InvoiceId, LedgerAccount, PartnerId, PaymentId, PayoutId, Reason

_SQL = queries.load("desk")
_BACK_SQL = {name: queries.backwards(statement) for name, statement in _SQL.items()}
_CONNECTIONS = queries.load("connections")
_ACCOUNTS = queries.load("accounts")
_ID_MAX: Final = 2**63 - 1
_FOUND_MAX: Final = 2000
_NAMED_INVOICE: Final = ("", "", None, None, "", None, None, 1)
_NAMED_PAYMENTS: Final = ("", "", "", None, None, None)
"""The lists' parameters for what is named: no filter, and all that there are."""


class DeskStore:
    """Lists end with a cursor for the next page; one that is not ours, and other nonsense, raises ValueError."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def module(self, partner_id: PartnerId, *, counted: bool = True) -> Module | None:
        """Read the FreshBooks module; None when the platform knows no such partner. `counted`: not the issues alone."""
        async with self._source.reading(partner_id) as connection:
            row = await connection.fetchrow(_SQL["module"], partner_id)
            if row is None:
                return None
            cursors = await connection.fetch(_CONNECTIONS["cursors"], [partner_id])
            counts = await (_counts(connection, row) if counted else _issue_count(connection, partner_id))
        feeds = tuple(desk_rows.progress_of(msgspec.convert(cursor["value"], Cursor)) for cursor in cursors)
        return desk_rows.module_of(row, feeds, counts)

    async def invoices(self, partner_id: PartnerId, query: InvoiceQuery) -> DeskPage[InvoiceRow]:
        """List invoices, newest issue date first."""
        issued_on, invoice_id = split(query.after)
        limit = limit_of(query.limit)
        found = await self._found(partner_id, query.search) if query.search else None
        rows = await self._fetch(
            "invoices",
            partner_id,
            query.status,
            query.flag,
            query.today,
            query.customer_id,
            query.search,
            date.fromisoformat(issued_on) if issued_on else None,
            int(invoice_id) if invoice_id else None,
            limit + 1,
            found,
            back=is_back(query.after),
        )
        return page_of(
            rows, limit, desk_rows.invoice_row_of, lambda row: f"{row.issued_on.isoformat()}|{row.id}", query.after
        )

    async def _found(self, partner_id: PartnerId, search: str) -> list[int] | None:
        """Tell the invoices that a search finds; None for so many that the newest of them are found at once."""
        # Not as the partner's reader: row security keeps it from indexes over lower(). What is found is only a hint;
        # the list itself is read as the reader, for whom ids of others name nothing.
        async with self._source.connection() as connection:
            try:
                rows = await connection.fetch(_SQL["found_invoices"], partner_id, search, _FOUND_MAX + 1)
            except asyncpg.DataError as error:  # a text that no row can have
                raise ValueError(str(error)) from error
        return [row["invoice_id"] for row in rows] if len(rows) <= _FOUND_MAX else None

    async def invoice(self, partner_id: PartnerId, invoice_id: InvoiceId) -> InvoiceDetail | None:
        """Read one invoice with all that stands beside it."""
        if not 0 < invoice_id <= _ID_MAX:
            return None
        async with self._source.reading(partner_id) as connection:
            row = await connection.fetchrow(_SQL["invoices"], partner_id, *_NAMED_INVOICE, [invoice_id])
            if row is None:
                return None
            key = (partner_id, row["account_id"], invoice_id)
            lines = await connection.fetch(_SQL["lines"], *key)
            fb_payments = await connection.fetch(_SQL["fb_payments"], *key)
            history = await connection.fetch(_SQL["history"], *key)
            ids = [found[0] for found in await connection.fetch(_SQL["payments_of_invoice"], *key)]
            payments = await connection.fetch(_SQL["payments"], partner_id, *_NAMED_PAYMENTS, ids)
            issues = await connection.fetch(_SQL["issues_of_invoice"], partner_id, invoice_id, ids)
        return InvoiceDetail(
            row=desk_rows.invoice_row_of(row),
            description=row["description"],
            fb_amount=row["fb_amount"],
            fb_outstanding=row["fb_outstanding"],
            fb_currency=row["fb_currency"],
            lines=tuple(line_of(line) for line in lines),
            payments=tuple(desk_rows.payment_row_of(payment) for payment in reversed(payments)),
            fb_payments=tuple(desk_rows.fb_payment_row_of(payment) for payment in fb_payments),
            history=tuple(desk_rows.history_of(entry) for entry in history),
            issues=tuple(desk_rows.issue_of(issue) for issue in issues),
        )

    async def payments(self, partner_id: PartnerId, query: PaymentQuery) -> DeskPage[PaymentRow]:
        """List the platform's payments with their places in FreshBooks (W8), newest first."""
        initiated_at, payment_id = split(query.after)
        limit = limit_of(query.limit)
        rows = await self._fetch(
            "payments",
            partner_id,
            query.place,
            query.status,
            query.search,
            datetime.fromisoformat(initiated_at) if initiated_at else None,
            payment_id or None,
            limit + 1,
            None,
            back=is_back(query.after),
        )
        return page_of(
            rows,
            limit,
            desk_rows.payment_row_of,
            lambda row: f"{row.initiated_at.isoformat()}|{row.payment_id}",
            query.after,
        )

    async def payment(self, partner_id: PartnerId, payment_id: PaymentId) -> PaymentRow | None:
        """Read one payment."""
        rows = await self._fetch("payments", partner_id, *_NAMED_PAYMENTS, [payment_id])
        return desk_rows.payment_row_of(rows[0]) if rows else None

    async def payouts(
        self, partner_id: PartnerId, after: str | None = None, limit: int = DESK_PAGE_ROWS
    ) -> DeskPage[PayoutRow]:
        """List payouts, newest first."""
        created_at, payout_id = split(after)
        limit = limit_of(limit)
        rows = await self._fetch(
            "payouts",
            partner_id,
            datetime.fromisoformat(created_at) if created_at else None,
            payout_id or None,
            limit + 1,
            None,
            back=is_back(after),
        )
        return page_of(
            rows, limit, desk_rows.payout_of, lambda row: f"{row.created_at.isoformat()}|{row.payout_id}", after
        )

    async def payout(self, partner_id: PartnerId, payout_id: PayoutId) -> PayoutRow | None:
        """Read one payout."""
        rows = await self._fetch("payouts", partner_id, None, None, 1, payout_id)
        return desk_rows.payout_of(rows[0]) if rows else None

    async def waiting_moves(self, partner_id: PartnerId) -> tuple[WaitingMoves, ...]:
        """Tell how many recorded payments wait to be moved to the payments account, by reason."""
        rows = await self._fetch("waiting_moves", partner_id)
        return tuple(WaitingMoves(reason=Reason(row["reason"]), payments=row["payments"]) for row in rows)

    async def customers(
        self, partner_id: PartnerId, search: str = "", after: str | None = None, limit: int = DESK_PAGE_ROWS
    ) -> DeskPage[CustomerRow]:
        """List customers by name with what they owe."""
        customer_id, name = split(after)
        limit = limit_of(limit)
        rows = await self._fetch(
            "customers",
            partner_id,
            search,
            name if customer_id else None,
            int(customer_id) if customer_id else None,
            limit + 1,
            back=is_back(after),
        )
        return page_of(rows, limit, desk_rows.customer_of, lambda row: f"{row.id}|{row.name}", after)

    async def issues(self, partner_id: PartnerId, query: IssueQuery) -> DeskPage[IssueRow]:
        """List sync issues, newest first."""
        limit = limit_of(query.limit)
        subject_type, subject_id = query.subject or (None, None)
        rows = await self._fetch(
            "issues",
            partner_id,
            query.closed,
            query.kind,
            subject_type,
            subject_id,
            number_of(query.after),
            limit + 1,
            back=is_back(query.after),
        )
        return page_of(rows, limit, desk_rows.issue_of, lambda row: str(row.issue_id), query.after)

    async def issue(self, partner_id: PartnerId, issue_id: int) -> IssueRow | None:
        """Read one issue, open or closed."""
        rows = await self._fetch("issue", partner_id, issue_id) if 0 < issue_id <= _ID_MAX else []
        return desk_rows.issue_of(rows[0]) if rows else None

    async def ledger_accounts(self, partner_id: PartnerId) -> tuple[LedgerAccount, ...]:
        """List the chart of accounts as last read, active ones only."""
        async with self._source.reading(partner_id) as connection:
            rows = await connection.fetch(_ACCOUNTS["ledger"], partner_id)
        return tuple(ledger_account_of(row) for row in rows)

    async def events(
        self, partner_id: PartnerId, after_event_id: int = 0, limit: int = DESK_PAGE_ROWS_MAX
    ) -> tuple[EventRow, ...]:
        """List what the platform has to tell the partner since an event, oldest first (T4)."""
        rows = await self._fetch("events", partner_id, after_event_id, limit_of(limit))
        return tuple(desk_rows.event_of(row) for row in rows)

    async def _fetch(self, name: str, partner_id: PartnerId, *args: object, back: bool = False) -> list[asyncpg.Record]:
        statement = _BACK_SQL[name] if back else _SQL[name]
        async with self._source.reading(partner_id) as connection:
            try:
                return await connection.fetch(statement, partner_id, *args)
            except asyncpg.DataError as error:  # a number, date or text that no row can have
                raise ValueError(str(error)) from error


async def _counts(connection: Conn, module: asyncpg.Record) -> Counts:
    row = await connection.fetchrow(_SQL["counts"], module["partner_id"], module["account_id"])
    if row is None:
        return Counts()
    has_accounts = module["payments_account_id"] is not None
    pushes = await connection.fetch(_SQL["push_counts"], module["partner_id"], has_accounts)
    return desk_rows.counts_of(row, pushes)


async def _issue_count(connection: Conn, partner_id: PartnerId) -> Counts:
    return Counts(issues=await connection.fetchval(_SQL["issue_count"], partner_id))
