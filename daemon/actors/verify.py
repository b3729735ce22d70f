"""Verification, step by step: pages of FreshBooks beside our rows, then every difference once more by itself (T1).

Memory is bounded: a page and our rows for it, eight bytes for every id seen, and a capped list of what differs. A
difference counts only after the object was read again by itself, so that what changes meanwhile is no drift. Each step
is short, and a step that failed is taken again; a verification that is cut off by a restart begins anew.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel

from daemon.actors.limiter import Line
from daemon.actors.reread import SnapshotUnstable
from daemon.actors.verify_again import Suspect, judge_again
from daemon.actors.world import World
from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.errors import (
    AuthorizationExpired,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.exchange import Page, Undecodable
from daemon.core.model import (
    FbInvoice,
    Resource,
    Scope,
    Snapshot,
)
from daemon.core.policy import Policy
from daemon.core.rate_limit import Priority
from daemon.core.schedule import EASTERN
from daemon.core.verify import (
    Judgement,
    Report,
    VerifyAsk,
    VerifyMode,
    absent_here,
    absent_there,
    add,
    judge_entries,
    judge_invoice,
    judge_queues,
    judge_record,
    unread_since,
    windows,
    with_read,
)

IDS_A_STEP: Final = 5_000
SUSPECTS_A_STEP: Final = 5
TRIES_MAX: Final = 3
"""An object that changes faster than it can be compared is looked at so often."""
LISTED_MAX: Final = 200
_ORDER: Final = (Resource.PAYMENTS, Resource.CUSTOMERS, Resource.CREDITS, Resource.INVOICES)
"""Payments first: an invoice is judged with the payments that were compared before it."""
CALL_ERRORS: Final = (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, AuthorizationExpired)
Unit = Callable[[Line], Awaitable[None]]
"""A piece of work that may be repeated until it succeeds."""


@dataclass(slots=True)
class Verification:
    """One verification under way; `step` is called until it says that nothing is left."""

    world: World
    scope: Scope
    ask: VerifyAsk
    policy: Policy
    report: Report = field(default_factory=Report)
    stage: str = ""
    _todo: deque[Unit] = field(default_factory=deque)
    _cursors: dict[Feed, Cursor] = field(default_factory=dict)
    _seen: "dict[Resource, array[int]]" = field(default_factory=dict)
    _unread: set[Resource] = field(default_factory=set)
    _suspects: dict[tuple[Resource, int], Suspect] = field(default_factory=dict)
    _total: int = 0
    _done: int = 0

    @property
    def percent(self) -> int:
        """How much of it is done, as far as that can be told beforehand."""
        return min(99, self._done * 100 // max(self._total, 1))

    async def begin(self) -> None:
        """Lay out the work."""
        self._total = await self.world.verify.held_count(self.scope)
        today = self.world.clock.now().astimezone(EASTERN).date()
        recent = today - timedelta(days=self.policy.verify.quick_days)
        since = recent if self.ask.mode is VerifyMode.QUICK else None
        for resource in _ORDER:
            for deleted in (False, True):
                # Credit notes carry no time of change: they are always read in full.
                updated_from = None if resource is Resource.CREDITS else since
                listing = Pass(resource=resource, deleted=deleted, updated_from=updated_from)
                self._todo.append(partial(self._read_pages, listing, 1, None))
            if since is None or resource is Resource.CREDITS:
                self._todo.append(partial(self._find_extra, resource, 0))
            elif resource is not Resource.CUSTOMERS:
                self._todo.append(partial(self._draw_sample, resource))
        self._todo.append(partial(self._lay_out_journal, since or date.min))
        self._todo.append(self._look_at_queues)
        self._todo.append(self._confirm)

    async def step(self, line: Line, cursors: Sequence[Cursor]) -> bool:
        """Take the next step; tell whether there is another.

        Raises FreshBooksUnavailable, AuthorizationExpired and StoreUnavailable: the step is to be taken again. What
        FreshBooks refuses is left out, and the report says so.
        """
        self._cursors = {cursor.feed: cursor for cursor in cursors}
        unit = self._todo[0]
        try:
            await unit(line)
        except (FreshBooksRefused, FreshBooksAnswerInvalid) as error:
            self.report = replace(self.report, unread=(*self.report.unread, f"{self.stage}: {error}"))
        self._todo.remove(unit)
        return bool(self._todo)

    # ---- listings ----------------------------------------------------------------------------------------------------

    async def _read_pages(self, listing: Pass, first: int, last: int | None, line: Line) -> None:
        """Compare some pages of a listing; the first one goes alone, to learn how many there are."""
        resource = listing.resource
        self.stage = resource.value.capitalize()
        self._unread.add(resource)
        most = first if last is None else min(last, first + self.policy.pull.pages_in_flight - 1)
        pages = await self._fetch(listing, range(first, most + 1), line)
        judged = [pair for page in pages for pair in await self._judge_page(page, line)]
        self._unread.discard(resource)
        seen = self._seen.setdefault(resource, array("q"))
        seen.extend(record_id for page in pages for record_id in (item.id for item in page.items))
        for suspect, judgement in judged:
            self._take(suspect, judgement)
        self._count(resource.value, len(judged))
        if most < pages[-1].pages:
            self._todo.insert(1, partial(self._read_pages, listing, most + 1, pages[-1].pages))

    async def _fetch(self, listing: Pass, numbers: Sequence[int], line: Line) -> list[Page]:
        answers: dict[int, Page | Exception] = {}
        size = self.policy.pull.page_size

        async def fetch(number: int) -> None:
            try:
                answers[number] = await line(Priority.VERIFY, lambda fb: fb.list_page(listing, number, size))
            except CALL_ERRORS as error:
                answers[number] = error

        async with anyio.create_task_group() as group:
            for number in numbers:
                group.start_soon(fetch, number)
        pages: list[Page] = []
        for number in numbers:
            answer = answers[number]
            if isinstance(answer, Exception):
                raise answer
            pages.append(answer)
        return pages

    async def _judge_page(self, page: Page, line: Line) -> list[tuple[Suspect, Judgement]]:
        resource, ids = page.resource, [item.id for item in page.items]
        since = self._unread_since(resource)
        records = [line.decoder.decode(resource, item) for item in page.items]
        await anyio.lowlevel.checkpoint()
        judged: list[tuple[Suspect, Judgement]] = []
        if resource is Resource.INVOICES:
            invoices = [record for record in records if isinstance(record, FbInvoice)]
            judged = await self._judge_invoices(invoices, page, since)
        else:
            held = await self.world.verify.held_records(self.scope, resource, ids)
            for record in records:
                if not isinstance(record, Undecodable | FbInvoice):
                    ours = held.get(int(record.id))
                    judgement = (
                        absent_here(resource, record, int(record.id), since)
                        if ours is None
                        else judge_record(resource, ours, record, since)
                    )
                    judged.append((Suspect(resource, int(record.id), listed=record), judgement))
        bad = [record for record in records if isinstance(record, Undecodable)]
        judged += [(Suspect(resource, one.id), absent_here(resource, None, one.id, since)) for one in bad]
        return judged

    async def _judge_invoices(
        self, invoices: Sequence[FbInvoice], page: Page, since: datetime | None
    ) -> list[tuple[Suspect, Judgement]]:
        """Judge invoices as listed with the payments that we hold of them, which were compared before."""
        ids = [invoice.id for invoice in invoices]
        payments = await self.world.verify.payments_of(self.scope, ids)
        held = await self.world.verify.held_invoices(self.scope, ids)
        judged: list[tuple[Suspect, Judgement]] = []
        for invoice in invoices:
            snapshot = Snapshot(invoice=invoice, payments=payments[invoice.id], reading=page.reading)
            judgement = judge_invoice(snapshot, held[invoice.id], since)
            judged.append((Suspect(Resource.INVOICES, invoice.id), judgement))
        return judged

    async def _find_extra(self, resource: Resource, after: int, _line: Line) -> None:
        """Find what we hold and the listings did not show."""
        if resource in self._unread:
            return
        if after == 0:
            self._seen[resource] = array("q", sorted(self._seen.get(resource, ())))
        seen = self._seen[resource]
        ids = await self.world.verify.held_ids(self.scope, resource, after, IDS_A_STEP)
        for record_id in ids:
            place = bisect_left(seen, record_id)
            if place == len(seen) or seen[place] != record_id:
                self._suspect(Suspect(resource, record_id), absent_there(resource, record_id))
        if len(ids) == IDS_A_STEP:
            self._todo.insert(1, partial(self._find_extra, resource, ids[-1]))
        elif resource is not Resource.INVOICES:
            del self._seen[resource]

    async def _draw_sample(self, resource: Resource, _line: Line) -> None:
        drawn = await self.world.verify.sample(self.scope, resource, self.ask.seed, self.policy.verify.sample)
        for record_id in drawn:
            self._suspect(Suspect(resource, record_id), Judgement(unsettled=True))
        self._count(resource.value, len(drawn))

    # ---- the journal and the queues ----------------------------------------------------------------------------------

    async def _lay_out_journal(self, since: date, _line: Line) -> None:
        self.stage = "Deposits"
        for span in reversed(windows(await self.world.verify.entry_days(self.scope, since))):
            self._todo.insert(1, partial(self._read_journal, *span))

    async def _read_journal(self, first: date, last: date, line: Line) -> None:
        self.stage = "Deposits"
        known = await self.world.verify.held_entries(self.scope, first, last)
        shown = await line(Priority.VERIFY, lambda fb: fb.entries_between(first, last))
        # What was written meanwhile is no orphan, and what was written before must be there.
        later = await self.world.verify.held_entries(self.scope, first, last)
        judgement = judge_entries(shown, known, [push.marker for push in later.pushes])
        self.report = with_read(add(self.report, judgement), "entries", len(known.pushes))

    async def _look_at_queues(self, _line: Line) -> None:
        """Look for payments of ours that stand nowhere, records of ours without a payment, and look-alikes."""
        self.stage = "Payments of the platform"
        store, days = self.world.verify, self.policy.push.candidate_days
        lost = await store.lost_intents(self.scope, LISTED_MAX)
        strangers = await store.strangers(self.scope, LISTED_MAX)
        alike = await store.alike(self.scope, days, LISTED_MAX)
        self.report = add(self.report, judge_queues(lost, strangers, alike))

    # ---- everything that differed, once more -------------------------------------------------------------------------

    async def _confirm(self, line: Line) -> None:
        """Read some of what differed by itself; what still differs counts."""
        self.stage = "Looking again"
        for key, suspect in list(self._suspects.items())[:SUSPECTS_A_STEP]:
            judgement = await self._look_again(suspect, line)
            del self._suspects[key]
            suspect.tries += 1
            if judgement.unsettled and suspect.tries < TRIES_MAX:
                self._suspects[key] = suspect
            else:
                self.report = add(self.report, judgement)
        if self._suspects:
            self._todo.append(self._confirm)

    async def _look_again(self, suspect: Suspect, line: Line) -> Judgement:
        try:
            return await judge_again(self.world, line, self.scope, suspect, self._unread_since(suspect.resource))
        except SnapshotUnstable:
            return Judgement(unsettled=True)

    def _take(self, suspect: Suspect, judgement: Judgement) -> None:
        if judgement.is_clean:
            self.report = add(self.report, judgement)
        else:
            self._suspect(suspect, judgement)

    def _suspect(self, suspect: Suspect, judgement: Judgement) -> None:
        """Look at it again later; beyond the limit it counts as it is, so that broken books do not fill the memory."""
        key = (suspect.resource, suspect.id)
        if key in self._suspects or len(self._suspects) < self.policy.verify.suspects_max:
            self._suspects.setdefault(key, suspect)
        else:
            self.report = add(self.report, judgement)

    def _count(self, what: str, count: int) -> None:
        self.report = with_read(self.report, what, count)
        self._done += count

    def _unread_since(self, resource: Resource) -> datetime | None:
        feed = Feed.PAYMENTS if resource is Resource.PAYMENTS else Feed.INVOICES
        interval = self.policy.pull.payments_interval if feed is Feed.PAYMENTS else self.policy.pull.invoices_interval
        cursor = self._cursors.get(feed)
        return None if cursor is None else unread_since(cursor, interval)
