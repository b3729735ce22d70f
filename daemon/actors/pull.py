"""The pull lane's work: read pages and single objects from FreshBooks, let the core decide, store what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import assert_never

import anyio
import anyio.lowlevel

from daemon.actors.at_once import at_once
from daemon.actors.ignored_filters import shown_if_ignored
from daemon.actors.limiter import Line
from daemon.actors.read_ahead import ReadAhead
from daemon.actors.store_ports import PullStore
from daemon.actors.take_back import take_back
from daemon.actors.world import World
from daemon.core.backfill import Cursor, Feed, PageFacts, advance
from daemon.core.effects import ListAccounts, PullPages, RereadObjects
from daemon.core.errors import (
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.events import AccountsListed, ObjectsReread, PagesStored
from daemon.core.exchange import InvoiceRead, MergeReport, Page, Reread, Undecodable
from daemon.core.invoice_rules import decide_page_read, decide_snapshot, decide_without_read
from daemon.core.model import (
    CustomerId,
    FbCredit,
    FbCustomer,
    FbInvoice,
    FbPayment,
    FbPaymentId,
    InvoiceId,
    Reading,
    Resource,
    Scope,
    Snapshot,
)
from daemon.core.policy import PullPolicy
from daemon.core.rate_limit import Priority

SNAPSHOT_READS_MAX = 4
"""An invoice that changes faster than it can be read is left for a later look after so many tries."""
SNAPSHOT_RETRY = timedelta(seconds=30)
REFUSED_RETRY = timedelta(minutes=10)
FROM_STORED_FACTS = "platform"
"""The reason of a reread that the platform caused: what FreshBooks showed last is enough to decide (P7)."""
_SLICE = 50
"""After so many decoded records the event loop gets its turn."""


class SnapshotUnstable(FreshBooksUnavailable):
    """The invoice and its payments did not agree in several reads; someone is working on it right now."""


# ---- pages -----------------------------------------------------------------------------------------------------------


async def pull_pages(world: World, line: Line, ahead: ReadAhead, effect: PullPages, policy: PullPolicy) -> PagesStored:
    """Take the next pages, decode only what changed, and store it with the cursor in one transaction.

    Meanwhile the pages after them are under way.
    """
    cursor = effect.cursor
    priority = Priority.BACKFILL if cursor.feed in {Feed.BACKFILL, Feed.CENSUS} else Priority.CHANGES
    async with shown_if_ignored(world, effect, cursor.queue[0].resource), line.aside():
        pages = await ahead.take(line.ahead(), priority, cursor, policy.pages_in_flight)
    changed = await _changed_items(world, line, effect.scope, pages)
    if changed.is_empty:
        report, cursor = MergeReport(changed=0), _advanced(cursor, pages, 0)
        await world.store.save_cursor(effect.scope, cursor)
    else:
        async with world.store.page_transaction(effect.scope) as store:
            report = await _merge(store, effect.scope, changed, _reading_of(pages))
            cursor = _advanced(cursor, pages, report.changed)
            await store.save_cursor(effect.scope, cursor)
    world.telemetry.page_stored(
        effect.scope.partner_id, pages[0].resource, sum(len(page.items) for page in pages), report.changed
    )
    if cursor.feed is Feed.BACKFILL:
        world.telemetry.progress(effect.scope.partner_id, cursor.percent)
    return PagesStored(scope=effect.scope, cursor=cursor, rereads=bool(report.rereads))


def _reading_of(pages: Sequence[Page]) -> Reading:
    """Date pages that were fetched together by the widest window, so that no read counts as newer than it is (P9)."""
    return Reading(
        began_at=min(page.reading.began_at for page in pages),
        finished_at=max(page.reading.finished_at for page in pages),
    )


def _advanced(cursor: Cursor, pages: Sequence[Page], changed: int) -> Cursor:
    """Move over the stored pages in order; where a page sends the cursor back, the later ones are read again."""
    for index, page in enumerate(pages):
        expected = page.page + 1
        facts = PageFacts(
            page=page.page,
            pages=page.pages,
            total=page.total,
            changed=changed if index == 0 else 0,
            read=len(page.items),
        )
        queue = cursor.queue
        cursor = advance(cursor, facts)
        if cursor.queue is not queue or cursor.page != expected:
            break
    return cursor


@dataclass(slots=True)
class _Changed:
    customers: list[FbCustomer]
    invoices: list[FbInvoice]
    payments: list[FbPayment]
    credits: list[FbCredit]
    bad: list[Undecodable]

    @property
    def is_empty(self) -> bool:
        return not (self.customers or self.invoices or self.payments or self.credits or self.bad)


async def _changed_items(world: World, line: Line, scope: Scope, pages: Sequence[Page]) -> _Changed:
    """Decode the items whose bytes differ from what was stored; a bad one is set aside alone (P10)."""
    found = _Changed(customers=[], invoices=[], payments=[], credits=[], bad=[])
    resource = pages[0].resource
    items = [item for page in pages for item in page.items]
    if not items:
        return found
    stored = await world.store.fingerprints(scope, resource, [item.id for item in items])
    changed = [item for item in items if stored.get(item.id) != item.fingerprint]
    for start in range(0, len(changed), _SLICE):
        for item in changed[start : start + _SLICE]:
            _sort_in(found, line.decoder.decode(resource, item))
        await anyio.lowlevel.checkpoint()
    return found


def _sort_in(found: _Changed, record: FbCustomer | FbInvoice | FbPayment | FbCredit | Undecodable) -> None:
    match record:
        case FbInvoice():
            found.invoices.append(record)
        case FbPayment():
            found.payments.append(record)
        case FbCustomer():
            found.customers.append(record)
        case FbCredit():
            found.credits.append(record)
        case Undecodable():
            found.bad.append(record)
        case _:
            assert_never(record)


async def _merge(store: PullStore, scope: Scope, changed: _Changed, reading: Reading) -> MergeReport:
    written = 0
    rereads: tuple[InvoiceId, ...] = ()
    if changed.bad:
        await store.quarantine(scope, changed.bad)
    if changed.customers:
        written += await store.merge_customers(scope, changed.customers, reading)
    if changed.credits:
        written += await store.merge_credits(scope, changed.credits, reading)
    if changed.payments:
        report = await store.merge_payments(scope, changed.payments, reading)
        written, rereads = written + report.changed, report.rereads
    if changed.invoices:
        reads = [InvoiceRead(id=fb.id, decide=partial(decide_page_read, fb, reading)) for fb in changed.invoices]
        report = await store.merge_invoices(scope, reads)
        written, rereads = written + report.changed, (*rereads, *report.rereads)
    return MergeReport(changed=written, rereads=rereads)


# ---- single objects --------------------------------------------------------------------------------------------------


async def reread_objects(world: World, line: Line, effect: RereadObjects, policy: PullPolicy) -> ObjectsReread:
    """Serve the rereads that are due, a bounded number per step: the oldest, and of these invoices first.

    An invoice is read with its payments, so a ring for one of them finds nothing new after it.
    """
    due = await world.store.due_rereads(effect.scope, world.clock.now(), policy.rereads_per_step)
    for reread in sorted(due, key=lambda one: one.resource is not Resource.INVOICES):
        await _serve(world, line, effect.scope, reread)
    return ObjectsReread(next_at=await world.store.next_reread_at(effect.scope), served=bool(due))


async def _serve(world: World, line: Line, scope: Scope, reread: Reread) -> None:
    try:
        await _read_object(world, line, scope, reread)
    except FreshBooksNotFound:
        # Nothing to store: FreshBooks keeps deleted records readable, so this id was never of this account.
        pass
    except SnapshotUnstable:
        await world.store.postpone_reread(scope, reread, world.clock.now() + SNAPSHOT_RETRY)
        return
    except (FreshBooksRefused, FreshBooksAnswerInvalid) as error:
        # One object that FreshBooks will not show must not hold up all the others.
        world.telemetry.call_failed(scope.partner_id, "reread", repr(error), 1, REFUSED_RETRY.total_seconds())
        await world.store.postpone_reread(scope, reread, world.clock.now() + REFUSED_RETRY)
        return
    await world.store.finish_reread(scope, reread)


async def _read_object(world: World, line: Line, scope: Scope, reread: Reread) -> None:
    match reread.resource:
        case Resource.INVOICES:
            await _reread_invoice(world, line, scope, reread)
        case Resource.PAYMENTS:
            began = world.clock.now()
            payment = await line(Priority.CHANGES, lambda fb: fb.payment(FbPaymentId(reread.id)))
            # What changed asks for a reread of its invoice.
            await world.store.merge_payments(scope, [payment], Reading(began_at=began, finished_at=world.clock.now()))
        case Resource.CUSTOMERS:
            customer, reading = await line(Priority.CHANGES, lambda fb: fb.customer(CustomerId(reread.id)))
            await world.store.merge_customers(scope, [customer], reading)
        case Resource.CREDITS:
            # FreshBooks lists credits in full with every hourly pass; a doorbell for one brings no read of its own.
            return
        case _:
            assert_never(reread.resource)


async def _reread_invoice(world: World, line: Line, scope: Scope, reread: Reread) -> None:
    invoice_id = InvoiceId(reread.id)
    if reread.reason == FROM_STORED_FACTS:
        decision = await world.store.settle(scope, invoice_id, decide_without_read, None)
        deleted = await take_back(world.store, line, scope, decision)
        if not decision.reread and not deleted:
            return
    await settle_snapshot(world, line, scope, invoice_id, Priority.CHANGES)


async def settle_snapshot(
    world: World, line: Line, scope: Scope, invoice_id: InvoiceId, priority: Priority
) -> Snapshot:
    """Read an invoice and all its payments until they agree, decide, and store both (P7)."""
    snapshot = await read_snapshot(world, line, invoice_id, priority)
    decision = await world.store.settle(scope, invoice_id, partial(decide_snapshot, snapshot), snapshot.payments)
    if await take_back(world.store, line, scope, decision):
        snapshot = await read_snapshot(world, line, invoice_id, priority)
        await world.store.settle(scope, invoice_id, partial(decide_snapshot, snapshot), snapshot.payments)
    return snapshot


async def read_snapshot(
    world: World, line: Line, invoice_id: InvoiceId, priority: Priority, *, deleted: bool = True
) -> Snapshot:
    """Read an invoice and its payments of both visibilities until `amount - outstanding` is what they apply (P7).

    Without `deleted` only the live payments are read, which is all that the amounts need. Raises SnapshotUnstable when
    they do not agree in SNAPSHOT_READS_MAX reads.
    """
    for _ in range(SNAPSHOT_READS_MAX):
        began = world.clock.now()
        invoice, payments = await _read_at_once(line, invoice_id, priority)
        if deleted:
            # Only now: one deleted meanwhile is then in both listings, which shows; never in neither, which would not.
            payments += await line(priority, lambda fb: fb.payments_of_invoice(invoice_id, deleted=True))
        reading = Reading(began_at=began, finished_at=world.clock.now())
        snapshot = Snapshot(invoice=invoice, payments=payments, reading=reading)
        if snapshot.is_consistent:
            return snapshot
    raise SnapshotUnstable(f"invoice {invoice_id} and its payments did not agree in {SNAPSHOT_READS_MAX} reads")


async def _read_at_once(
    line: Line, invoice_id: InvoiceId, priority: Priority
) -> tuple[FbInvoice, tuple[FbPayment, ...]]:
    """Read an invoice and its live payments together: less time in which a bookkeeper can come between."""
    (invoice, _), payments = await at_once(
        lambda: line(priority, lambda fb: fb.invoice(invoice_id)),
        lambda: line(priority, lambda fb: fb.payments_of_invoice(invoice_id, deleted=False)),
    )
    return invoice, tuple(payments)


async def list_accounts(world: World, line: Line, effect: ListAccounts) -> AccountsListed:
    """Read and store the chart of accounts (C4)."""
    accounts = await line(Priority.CHANGES, lambda fb: fb.ledger_accounts())
    await world.store.store_ledger_accounts(effect.scope, accounts)
    return AccountsListed()
