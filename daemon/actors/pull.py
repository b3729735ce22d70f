"""The pull lane's listings: read pages from FreshBooks, let the core decide, store what changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import anyio
import anyio.lowlevel

from daemon.actors.ignored_filters import shown_if_ignored
from daemon.actors.limiter import Line
from daemon.actors.read_ahead import CALL_FAILURES, ReadAhead
from daemon.actors.store_ports import PullStore
from daemon.actors.world import World
from daemon.core.backfill import Cursor, Feed, PageFacts, advance
from daemon.core.effects import ListAccounts, PullPages
from daemon.core.events import AccountsListed, PagesStored
from daemon.core.exchange import InvoiceRead, MergeReport, Page, Undecodable
from daemon.core.invoice_rules import decide_page_read
from daemon.core.model import (
    FbCredit,
    FbCustomer,
    FbInvoice,
    FbPayment,
    InvoiceId,
    Reading,
    Scope,
)
from daemon.core.policy import PullPolicy
from daemon.core.rate_limit import Priority

_SLICE = 50
"""After so many decoded records the event loop gets its turn."""


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


async def pull_pages(
    world: World,
    line: Line,
    ahead: ReadAhead,
    effect: PullPages,
    policy: PullPolicy,
    goes_on: Callable[[], bool] = lambda: False,
) -> PagesStored:
    """Take the next pages, decode only what changed, and store it with the cursor in one transaction.

    Meanwhile the pages after them are under way. A listing that holds nothing new is passed over to the next one while
    `goes_on` allows it: most polls find nothing, and are one effect that stores nothing. A cursor that comes back
    complete may not be stored yet: closing the run stores it.
    """
    cursor = effect.cursor
    while True:
        try:
            answer = _next_pages(line, ahead, cursor, policy.pages_in_flight)
            pages = await shown_if_ignored(world, effect, cursor.queue[0].resource, answer)
        except CALL_FAILURES:
            if cursor is effect.cursor:
                raise
            break  # what was passed over stays so; the next effect meets the failure alone
        changed = await _changed_items(world, line, effect.scope, pages)
        if not changed.is_empty:
            return await _stored(world, effect.scope, cursor, pages, changed)
        passed, cursor = cursor, _advanced(cursor, pages, 0)
        _tell(world, effect.scope, cursor, pages, 0)
        if not cursor.is_running or cursor.queue is passed.queue or not goes_on():
            break
    if cursor.is_running:
        await world.store.save_cursor(effect.scope, cursor)
    return PagesStored(scope=effect.scope, cursor=cursor)


async def _next_pages(line: Line, ahead: ReadAhead, cursor: Cursor, in_flight: int) -> list[Page]:
    priority = Priority.BACKFILL if cursor.feed in {Feed.BACKFILL, Feed.CENSUS} else Priority.CHANGES
    async with line.aside():
        return await ahead.take(line.ahead(), priority, cursor, in_flight)


async def _stored(world: World, scope: Scope, cursor: Cursor, pages: Sequence[Page], changed: _Changed) -> PagesStored:
    """Store what is new and how far it is read: both or nothing."""
    async with world.store.page_transaction(scope) as store:
        report = await _merge(store, scope, changed, _reading_of(pages))
        cursor = _advanced(cursor, pages, report.changed)
        await store.save_cursor(scope, cursor)
    _tell(world, scope, cursor, pages, report.changed)
    return PagesStored(scope=scope, cursor=cursor, rereads=bool(report.rereads))


def _tell(world: World, scope: Scope, cursor: Cursor, pages: Sequence[Page], changed: int) -> None:
    world.telemetry.page_stored(scope.partner_id, pages[0].resource, sum(len(page.items) for page in pages), changed)
    if cursor.feed is Feed.BACKFILL:
        world.telemetry.progress(scope.partner_id, cursor.percent)


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


async def list_accounts(world: World, line: Line, effect: ListAccounts) -> AccountsListed:
    """Read and store the chart of accounts (C4)."""
    accounts = await line(Priority.CHANGES, lambda fb: fb.ledger_accounts())
    await world.store.store_ledger_accounts(effect.scope, accounts)
    return AccountsListed()
