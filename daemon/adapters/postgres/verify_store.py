"""What a verification reads of us, and what becomes of it: its history, its issue, and repairs of our side (T1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

import asyncpg
import msgspec

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.entry_store import payouts_of
from daemon.adapters.postgres.invoice_context import load_contexts
from daemon.adapters.postgres.invoice_rows import line_of
from daemon.adapters.postgres.issue_reconcile import close_issues, open_issue
from daemon.adapters.postgres.pool import Conn, Source
from daemon.adapters.postgres.push_changes import audit, notify
from daemon.adapters.postgres.push_rows import entry_of
from daemon.adapters.postgres.reread_queue import queue
from daemon.adapters.postgres.verify_rows import ask_of, credit_of, customer_of, fb_payment_of, verification_of
from daemon.core.exchange import Reread
from daemon.core.issues import ABOUT_BOOKS, STANDING_KINDS, books_differ
from daemon.core.model import FbPayment, InvoiceId, IssueKind, PartnerId, Resource, Scope
from daemon.core.verify import (
    EXAMPLES_MAX,
    Drift,
    EntryKnowledge,
    HeldInvoice,
    Mend,
    Outcome,
    Report,
    VerifyAsk,
    VerifyMode,
    outcome_of,
)
from daemon.core.verify.findings import VerifyRow
from daemon.core.verify.records import Plain

_SQL = queries.load("verify")
_OF: Final[Mapping[Resource, tuple[str, Callable[[asyncpg.Record], Plain]]]] = {
    Resource.CUSTOMERS: ("customers", customer_of),
    Resource.PAYMENTS: ("payments", fb_payment_of),
    Resource.CREDITS: ("credits", credit_of),
}
_MENDED: Final = frozenset({Mend.READ_AGAIN, Mend.TAKE_ANEW})


class VerifyStore:
    """Each method is one transaction; reading never locks."""

    def __init__(self, source: Source) -> None:
        self._source = source

    # ---- what is asked for -------------------------------------------------------------------------------------------

    async def ask(
        self, partner_id: PartnerId, mode: VerifyMode, who: str, now: datetime, seed: int, *, repair: bool
    ) -> int | None:
        """Ask for a verification and wake the supervisor; None while another one is open, or without a connection."""
        async with self._source.writing(partner_id) as connection:
            asked: int | None = await connection.fetchval(_SQL["ask"], partner_id, mode.value, repair, who, now, seed)
            if asked is not None:
                await notify(connection, partner_id, "verify")
        return asked

    async def open_verification(self, scope: Scope) -> VerifyAsk | None:
        """Tell the verification that is asked for or under way."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["open"], scope.partner_id, scope.account_id)
        return None if row is None else ask_of(row)

    async def verified_since(self, scope: Scope) -> datetime | None:
        """Tell what nights are counted from: the last full verification, else the end of the initial sync."""
        async with self._source.connection() as connection:
            found: datetime | None = await connection.fetchval(_SQL["counted_from"], scope.partner_id, scope.account_id)
        return found

    async def show_progress(self, scope: Scope, ask: VerifyAsk, now: datetime, stage: str, percent: int) -> None:
        """Store how far it has come, for whoever waits for it."""
        async with self._source.connection() as connection:
            await connection.execute(_SQL["progress"], scope.partner_id, ask.id, now, stage, percent)

    async def finish(self, scope: Scope, ask: VerifyAsk, now: datetime, report: Report, kept: timedelta) -> Report:
        """Store what it came to, let the issue about drift stand or not, and mend our side if that was asked for."""
        outcome = outcome_of(report)
        async with self._source.writing(scope.partner_id) as connection:
            if ask.repair:
                report = await _mend(connection, scope, ask, now, report)
            values = msgspec.to_builtins(report)
            await connection.fetchval(_SQL["finish"], scope.partner_id, ask.id, now, outcome.value, values)
            await connection.execute(_SQL["drop_old"], scope.partner_id, now - kept)
            if outcome is Outcome.DRIFT:
                examples = [drift.detail for drift in report.drifts[:EXAMPLES_MAX]]
                await open_issue(connection, scope, books_differ(report.drifted, examples))
            elif outcome is Outcome.EQUAL and ask.mode is VerifyMode.FULL:
                kind, subject = ABOUT_BOOKS
                await close_issues(connection, scope, IssueKind.DRIFT, kind, [subject])
        return report

    async def verification(self, partner_id: PartnerId, verification_id: int) -> VerifyRow | None:
        """Read one verification."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["one"], partner_id, verification_id)
        return None if row is None else verification_of(row)

    async def verifications(self, partner_id: PartnerId, limit: int) -> tuple[VerifyRow, ...]:
        """List the latest verifications, newest first."""
        async with self._source.connection() as connection:
            return tuple(verification_of(row) for row in await connection.fetch(_SQL["latest"], partner_id, limit))

    async def partners(self, partner_id: PartnerId | None) -> tuple[tuple[PartnerId, str | None], ...]:
        """List all partners, or one, each with the reason why its books cannot be verified now."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["partners"], partner_id)
        return tuple((PartnerId(row["partner_id"]), _why_not(row)) for row in rows)

    async def give_up(self, partner_id: PartnerId, verification_id: int, now: datetime, why: str) -> None:
        """End a verification that nobody took up."""
        report = msgspec.to_builtins(Report(unread=(why,)))
        async with self._source.connection() as connection:
            await connection.execute(_SQL["give_up"], partner_id, verification_id, now, report)

    # ---- what we hold ------------------------------------------------------------------------------------------------

    async def held_records(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, Plain]:
        """Load customers, payments or credits by id."""
        name, read = _OF[resource]
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL[name], *_key(scope), list(ids))
        return {int(record.id): record for record in map(read, rows)}

    async def held_invoices(
        self, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment] = ()
    ) -> Mapping[InvoiceId, HeldInvoice]:
        """Load invoices with their lines, their links and their open issues; `shown` as of `load_contexts`."""
        async with self._source.transaction() as connection:
            contexts = await load_contexts(connection, scope, ids, shown)
            lines = await connection.fetch(_SQL["lines_of_invoices"], *_key(scope), list(ids))
            subjects = [("invoice", str(invoice_id)) for invoice_id in ids]
            links = {link.payment.id for context in contexts.values() for link in context.links}
            subjects += [("payment", payment_id) for payment_id in links]
            issues = await connection.fetch(
                _SQL["open_issues"],
                scope.partner_id,
                [kind.value for kind in STANDING_KINDS],
                [kind for kind, _ in subjects],
                [subject for _, subject in subjects],
            )
            queued = await connection.fetch(_SQL["queued"], *_key(scope), list(ids))
        waiting = {row[0] for row in queued}
        by_invoice = {key: tuple(map(line_of, rows)) for key, rows in groupby(lines, lambda row: row["invoice_id"])}
        open_issues = frozenset((IssueKind(row["kind"]), (row["subject_type"], row["subject_id"])) for row in issues)
        held: dict[InvoiceId, HeldInvoice] = {}
        for invoice_id, context in contexts.items():
            invoice = context.invoice
            if invoice is not None:
                terms = replace(invoice.terms, lines=by_invoice.get(invoice_id, ()))
                context = replace(context, invoice=replace(invoice, terms=terms))  # noqa: PLW2901 -- the same, completed
            held[invoice_id] = HeldInvoice(context=context, open_issues=open_issues, is_queued=invoice_id in waiting)
        return held

    async def payments_of(self, scope: Scope, ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, tuple[FbPayment, ...]]:
        """Load the payments that we hold of these invoices."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["payments_of_invoices"], *_key(scope), list(ids))
        found: dict[InvoiceId, tuple[FbPayment, ...]] = dict.fromkeys(ids, ())
        for payment in map(fb_payment_of, rows):
            found[payment.invoice_id] += (payment,)
        return found

    async def held_ids(self, scope: Scope, resource: Resource, after: int, limit: int) -> tuple[int, ...]:
        """List the ids that we hold, in order, from one on."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL[f"ids_{resource.value}"], *_key(scope), after, limit)
        return tuple(row[0] for row in rows)

    async def quarantined(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> frozenset[int]:
        """Tell which of these are set aside because they cannot be read (P10)."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["quarantined"], *_key(scope), resource.value, list(ids))
        return frozenset(row[0] for row in rows)

    async def sample(self, scope: Scope, resource: Resource, seed: int, count: int) -> tuple[int, ...]:
        """Draw ids at random; the same seed draws the same."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL[f"sample_{resource.value}"], *_key(scope), seed, count)
        return tuple(row[0] for row in rows)

    async def held_count(self, scope: Scope) -> int:
        """Count the records that we hold, to tell progress by."""
        async with self._source.connection() as connection:
            return int(await connection.fetchval(_SQL["counts"], *_key(scope)))

    async def entry_days(self, scope: Scope, since: date) -> tuple[date, ...]:
        """List the days on which journal entries of ours stand, or may stand."""
        async with self._source.connection() as connection:
            return tuple(row[0] for row in await connection.fetch(_SQL["entry_days"], *_key(scope), since))

    async def held_entries(self, scope: Scope, first: date, last: date) -> EntryKnowledge:
        """Load the entries of some days, and the payouts behind them."""
        async with self._source.transaction() as connection:
            rows = await connection.fetch(_SQL["entries"], *_key(scope), first, last)
            pushes = [entry_of(row) for row in rows]
            payouts = await payouts_of(connection, scope.partner_id, pushes)
        return EntryKnowledge(pushes=pushes, payouts=payouts)

    async def lost_intents(self, scope: Scope, limit: int) -> tuple[str, ...]:
        """List payments that ought to go to FreshBooks and stand in no queue (W8)."""
        async with self._source.connection() as connection:
            return tuple(row[0] for row in await connection.fetch(_SQL["lost_intents"], *_key(scope), limit))

    async def strangers(self, scope: Scope, limit: int) -> tuple[tuple[int, str], ...]:
        """List live records in FreshBooks that name a payment of ours which the platform does not know."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["strangers"], *_key(scope), limit)
        return tuple((row[0], row[1]) for row in rows)

    async def alike(self, scope: Scope, days: int, limit: int) -> tuple[tuple[str, int], ...]:
        """List recorded payments beside which the same amount was typed in by hand (W5)."""
        async with self._source.connection() as connection:
            rows = await connection.fetch(_SQL["alike"], *_key(scope), days, limit)
        return tuple((row[0], row[1]) for row in rows)


def _why_not(row: asyncpg.Record) -> str | None:
    if row["status"] == "not_connected":
        return "not connected to FreshBooks"
    if row["parked_reason"] is not None:
        return f"reconnect needed: {row['parked_reason']}"
    if row["paused"]:
        return "syncing is paused"
    return "the initial sync is not complete" if row["status"] == "pending" else None


async def _mend(connection: Conn, scope: Scope, ask: VerifyAsk, now: datetime, report: Report) -> Report:
    """Let the normal rules take FreshBooks' word again for what differs; FreshBooks is not written."""
    known = {resource.value for resource in Resource}
    mendable = [drift for drift in report.drifts if drift.mend is not None and drift.subject[0] in known]
    if not mendable:
        return report
    for resource in Resource:
        ids = [int(drift.subject[1]) for drift in mendable if drift.subject[0] == resource and _is_forgotten(drift)]
        if ids:
            await connection.execute(_SQL[f"forget_{resource.value}"], *_key(scope), ids)
    missing = [int(drift.subject[1]) for drift in mendable if drift.subject[0] == Resource.INVOICES]
    await connection.execute(_SQL["drop_stray_lines"], *_key(scope), missing)
    again = [drift.subject for drift in mendable if drift.mend in _MENDED]
    rereads = [Reread(resource=Resource(name), id=int(key), reason="verify", due_at=now) for name, key in again]
    await queue(connection, scope, rereads)
    if any(drift.mend is Mend.SYNC for drift in mendable):
        await connection.execute(_SQL["sync_soon"], scope.partner_id, now)
        await notify(connection, scope.partner_id, "connection")
    await notify(connection, scope.partner_id, "reread")
    subjects = sorted({"/".join(drift.subject) for drift in mendable})
    await audit(
        connection,
        scope.partner_id,
        who=ask.asked_by,
        what="had what differs taken from FreshBooks again",
        subject="books",
        after={"verification": ask.id, "records": subjects},
        why="verification found drift",
    )
    return replace(report, mended=len(subjects))


def _is_forgotten(drift: Drift) -> bool:
    return drift.mend in {Mend.TAKE_ANEW, Mend.SYNC}


def _key(scope: Scope) -> tuple[str, str]:
    return scope.partner_id, scope.account_id
