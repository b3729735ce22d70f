"""The pull lane's single objects: read one from FreshBooks, an invoice with its payments, and let the core decide."""

from datetime import timedelta
from functools import partial
from typing import assert_never

from daemon.actors.at_once import at_once
from daemon.actors.limiter import Line
from daemon.actors.take_back import take_back
from daemon.actors.world import World
from daemon.core.effects import RereadObjects
from daemon.core.errors import (
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.events import ObjectsReread
from daemon.core.exchange import Reread
from daemon.core.invoice_rules import decide_snapshot, decide_without_read
from daemon.core.model import (
    CustomerId,
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


class SnapshotUnstable(FreshBooksUnavailable):
    """The invoice and its payments did not agree in several reads; someone is working on it right now."""


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
