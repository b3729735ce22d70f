"""One object read again by itself and compared once more: only what differs then is drift (T1)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from daemon.actors.limiter import Line
from daemon.actors.reread import read_snapshot
from daemon.actors.world import World
from daemon.core.errors import FreshBooksNotFound
from daemon.core.model import CustomerId, FbPaymentId, InvoiceId, Resource, Scope, Snapshot
from daemon.core.rate_limit import Priority
from daemon.core.verify import Judgement, absent_here, absent_there, judge_invoice, judge_record
from daemon.core.verify.records import Plain


@dataclass(slots=True)
class Suspect:
    """What differed at first sight: `listed` is a credit note's record, which cannot be read by itself."""

    resource: Resource
    id: int
    listed: Plain | None = None
    tries: int = 0


async def judge_again(
    world: World, line: Line, scope: Scope, suspect: Suspect, unread_since: datetime | None
) -> Judgement:
    """Read a suspect from both sides and compare. Raises SnapshotUnstable, and what reading raises."""
    resource, record_id = suspect.resource, suspect.id
    theirs: Plain | Snapshot | None = None
    with suppress(FreshBooksNotFound):
        theirs = await _read(world, line, suspect)
    if isinstance(theirs, Snapshot):
        invoice_id = theirs.invoice.id
        held = await world.verify.held_invoices(scope, [invoice_id], theirs.payments)
        return judge_invoice(theirs, held[invoice_id], unread_since)
    if theirs is None:
        stands_here = record_id in await world.verify.held_ids(scope, resource, record_id - 1, 1)
        return absent_there(resource, record_id) if stands_here else Judgement()
    ours = (await world.verify.held_records(scope, resource, [record_id])).get(record_id)
    if ours is None:
        return absent_here(resource, theirs, record_id, unread_since)
    return judge_record(resource, ours, theirs, unread_since)


async def _read(world: World, line: Line, suspect: Suspect) -> Plain | Snapshot | None:
    match suspect.resource:
        case Resource.INVOICES:
            return await read_snapshot(world, line, InvoiceId(suspect.id), Priority.VERIFY)
        case Resource.PAYMENTS:
            return await line(Priority.VERIFY, lambda fb: fb.payment(FbPaymentId(suspect.id)))
        case Resource.CUSTOMERS:
            customer, _ = await line(Priority.VERIFY, lambda fb: fb.customer(CustomerId(suspect.id)))
            return customer
        case Resource.CREDITS:
            return suspect.listed
        case _:
            assert_never(suspect.resource)
