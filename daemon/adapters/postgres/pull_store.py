"""What the pull lane stores: pages with their cursor, snapshots, quarantine, the chart of accounts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.invoice_context import load_contexts
from daemon.adapters.postgres.invoice_merge import merge_decisions
from daemon.adapters.postgres.issue_reconcile import close_issues, open_issue
from daemon.adapters.postgres.pool import Bound, Source
from daemon.adapters.postgres.push_changes import notify
from daemon.adapters.postgres.record_merge import clear_quarantine, merge_credits, merge_customers, merge_payments
from daemon.adapters.postgres.reread_queue import RereadQueue, queue_invoices
from daemon.core.backfill import Cursor
from daemon.core.exchange import DecideInvoice, InvoiceRead, MergeReport, Undecodable
from daemon.core.issues import account_gone, quarantined
from daemon.core.model import (
    FbCredit,
    FbCustomer,
    FbPayment,
    InvoiceDecision,
    InvoiceId,
    IssueKind,
    LedgerAccount,
    Reading,
    Resource,
    Scope,
)

_RECORDS = queries.load("records")
_ISSUES = queries.load("issues")
_ACCOUNTS = queries.load("accounts")
_PUSHES = queries.load("pushes")


class PullStore(RereadQueue):
    """Each method is one transaction, or a part of the one it is bound to; none calls FreshBooks."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._source = source

    @asynccontextmanager
    async def page_transaction(self, scope: Scope) -> AsyncIterator["PullStore"]:
        """Open one transaction in which a page's merges and its cursor commit together; no remote call inside."""
        async with self._source.writing(scope.partner_id) as connection:
            yield PullStore(Bound(connection))

    async def save_cursor(self, scope: Scope, cursor: Cursor) -> None:
        """Store how far a feed has come."""
        lease = self._source.lease(scope.partner_id)
        async with self._source.connection() as connection:
            await connection.execute(
                _ACCOUNTS["save_cursor"], scope.partner_id, scope.account_id, cursor.feed.value, cursor, lease
            )

    async def fingerprints(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, int]:
        """Tell the stored fingerprint per id, of quarantined records too; ids we do not hold are missing."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(
                _RECORDS[f"fingerprints_{resource.value}"], scope.partner_id, scope.account_id, ids
            )
        return {row[0]: row[1] for row in rows}

    async def merge_customers(self, scope: Scope, customers: Sequence[FbCustomer], reading: Reading) -> int:
        """Store customers that are newer than ours (P9) and tell how many rows were written."""
        async with self._source.writing(scope.partner_id) as connection:
            return await merge_customers(connection, scope, customers, reading)

    async def merge_credits(self, scope: Scope, notes: Sequence[FbCredit], reading: Reading) -> int:
        """Store credit notes and tell how many rows were written."""
        async with self._source.writing(scope.partner_id) as connection:
            return await merge_credits(connection, scope, notes, reading)

    async def merge_payments(self, scope: Scope, payments: Sequence[FbPayment], reading: Reading) -> MergeReport:
        """Store payments that are newer than ours; ask for a snapshot of every invoice of ours that they touch."""
        async with self._source.writing(scope.partner_id) as connection:
            written, touched = await merge_payments(connection, scope, payments, reading)
            await queue_invoices(connection, scope, touched, "payment")
        return MergeReport(changed=written, rereads=touched)

    async def merge_invoices(self, scope: Scope, reads: Sequence[InvoiceRead]) -> MergeReport:
        """Load the rows of these invoices, apply each decision in turn, and write what changed in bulk."""
        ids = list({read.id: None for read in reads})
        async with self._source.writing(scope.partner_id) as connection:
            contexts = await load_contexts(connection, scope, ids)
            written, decisions = await merge_decisions(connection, scope, contexts, reads)
            await clear_quarantine(connection, scope, Resource.INVOICES, ids)
        asked = [read.id for read, decision in zip(reads, decisions, strict=True) if decision.reread]
        return MergeReport(changed=written, rereads=tuple(asked))

    async def settle(
        self, scope: Scope, invoice_id: InvoiceId, decide: DecideInvoice, payments: Sequence[FbPayment] | None
    ) -> InvoiceDecision:
        """Decide and store one invoice; a snapshot's `payments` are stored with it when the decision takes them.

        Whoever's record a snapshot shows is linked in the decision's context.
        """
        async with self._source.writing(scope.partner_id) as connection:
            contexts = await load_contexts(connection, scope, [invoice_id], payments or ())
            read = InvoiceRead(id=invoice_id, decide=decide)
            _, (decision,) = await merge_decisions(connection, scope, contexts, [read])
            if payments and decision.invoice is not None:
                await merge_payments(connection, scope, payments, decision.invoice.reading)
            if payments is not None:
                await clear_quarantine(connection, scope, Resource.INVOICES, [invoice_id])
        return decision

    async def quarantine(self, scope: Scope, bad: Sequence[Undecodable]) -> None:
        """Keep undecodable records with payload and reason as sync issues (P10)."""
        unique = {(item.resource, item.id): item for item in bad}
        items = list(unique.values())
        async with self._source.writing(scope.partner_id) as connection:
            await connection.execute(
                _ISSUES["quarantine"],
                scope.partner_id,
                scope.account_id,
                [item.resource.value for item in items],
                [item.id for item in items],
                [item.fingerprint for item in items],
                [item.reason for item in items],
                [item.raw for item in items],
            )
            for item in items:
                await open_issue(connection, scope, quarantined(item.resource, item.id, item.reason))

    async def store_ledger_accounts(self, scope: Scope, accounts: Sequence[LedgerAccount]) -> None:
        """Store the chart of accounts; a chosen one that is gone becomes an issue, and clears when it is back (C4)."""
        async with self._source.writing(scope.partner_id) as connection:
            changed = await connection.fetch(
                _ACCOUNTS["store_ledger"],
                scope.partner_id,
                scope.account_id,
                [account.id for account in accounts],
                [account.name for account in accounts],
                [account.number for account in accounts],
                [account.type for account in accounts],
                [account.sub_type for account in accounts],
                [account.legacy_id for account in accounts],
                [account.parent_id for account in accounts],
                [account.is_active for account in accounts],
            )
            changed += await connection.fetch(
                _ACCOUNTS["retire_ledger"], scope.partner_id, scope.account_id, [account.id for account in accounts]
            )
            if await connection.fetch(_PUSHES["wake_for_listing"], scope.partner_id, scope.account_id, bool(changed)):
                await notify(connection, scope.partner_id, "push")
            chosen = await connection.fetch(_ACCOUNTS["chosen"], scope.partner_id, scope.account_id)
            there = [row["role"] for row in chosen if row["there"]]
            await close_issues(connection, scope, IssueKind.ACCOUNT_GONE, "account", there)
            for row in chosen:
                if not row["there"]:
                    await open_issue(connection, scope, account_gone(row["role"], row["name"] or row["id"]))
