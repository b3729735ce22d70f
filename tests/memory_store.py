"""The Store port in memory, for actors in virtual time."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from daemon.core.backfill import Cursor
from daemon.core.choices import NotOffered, apply_choice
from daemon.core.exchange import Claim, DecideInvoice, InvoiceRead, MergeReport, Reread, Undecodable
from daemon.core.invoice_rules import decide_without_read
from daemon.core.markers import marker
from daemon.core.model import (
    LOST_MONEY,
    Choice,
    FbCredit,
    FbCustomer,
    FbPayment,
    FbPaymentId,
    InvoiceDecision,
    InvoiceId,
    LedgerAccount,
    Link,
    PartnerId,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reading,
    Reason,
    Resource,
    Scope,
)
from tests.memory_books import FROM_STORED_FACTS, merge_dated, transaction
from tests.memory_callbacks import MemoryCallbacks
from tests.memory_connections import MemoryConnections
from tests.memory_entries import MemoryEntries


class MemoryStore(MemoryConnections, MemoryEntries):
    """Fulfils `Store`. `fail` is asked before each transaction and may raise, as an outage or a crash would."""

    def __init__(self, now: Callable[[], datetime], fail: Callable[[str], None] = lambda _: None) -> None:
        MemoryEntries.__init__(self, self._books_of, now)
        MemoryConnections.__init__(self, fail)
        self.callbacks = MemoryCallbacks(self)
        self._now = now

    # ---- what the platform and people do -----------------------------------------------------------------------------

    def pay(self, partner_id: PartnerId, payment: Payment) -> None:
        """Insert a platform payment with its intent, as the trigger does."""
        books = self.books[partner_id]
        books.payments[payment.id] = payment
        lost = payment.status in LOST_MONEY or payment.status is PaymentStatus.REFUNDED
        state = PushState.CANCELLED if lost or payment.invoice_id is None else PushState.READY
        push = Push(payment_id=payment.id, generation=1, state=state, marker=marker(payment.id, 1))
        books.pushes[payment.id, 1] = push
        self._platform_changed(partner_id, payment)
        self.notify(partner_id, "push")

    def set_status(self, partner_id: PartnerId, payment_id: PaymentId, status: PaymentStatus) -> None:
        """Move a platform payment on, as the trigger sees it."""
        books = self.books[partner_id]
        payment = books.payments[payment_id] = replace(books.payments[payment_id], status=status)
        push = books.pushes[payment_id, books.generation(payment_id)]
        # One that is cancelled holds up nobody: its claim ends with it.
        cancels = {
            PaymentStatus.FAILED: Reason.FAILED_BEFORE_PUSH,
            PaymentStatus.CHARGEBACK: Reason.FAILED_BEFORE_PUSH,
            PaymentStatus.REFUNDED: Reason.REFUNDED_BEFORE_PUSH,
        }
        if status in cancels and push.state in {PushState.READY, PushState.WAITING} and push.claimed_at is None:
            books.pushes[payment_id, push.generation] = replace(
                push, state=PushState.CANCELLED, reason=cancels[status], fence=push.fence + 1, deadline_at=None
            )
            books.claims.pop(payment_id, None)
        self._platform_changed(partner_id, payment)

    def _platform_changed(self, partner_id: PartnerId, payment: Payment) -> None:
        if payment.invoice_id is not None:
            due = Reread(
                resource=Resource.INVOICES, id=payment.invoice_id, reason=FROM_STORED_FACTS, due_at=self._now()
            )
            self.books[partner_id].ask(due)
            self.notify(partner_id, "reread")

    # ---- PullStore ---------------------------------------------------------------------------------------------------

    async def fingerprints(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, int]:
        self.fail("fingerprints")
        books = self.books[scope.partner_id]
        if resource in {Resource.CUSTOMERS, Resource.PAYMENTS}:
            dated: Mapping[int, Any] = books.customers if resource is Resource.CUSTOMERS else books.fb_payments
            return {key: dated[key][0].fingerprint for key in ids if key in dated}
        rows: Mapping[Any, Any] = books.invoices if resource is Resource.INVOICES else books.credits
        return {key: rows[key].fingerprint for key in ids if key in rows}

    async def merge_customers(self, scope: Scope, customers: Sequence[FbCustomer], reading: Reading) -> int:
        return sum(merge_dated(self.books[scope.partner_id].customers, row, reading) for row in customers)

    async def merge_credits(self, scope: Scope, notes: Sequence[FbCredit], reading: Reading) -> int:
        del reading
        stored = self.books[scope.partner_id].credits
        changed = [note for note in notes if stored.get(note.id) != note]
        stored.update({note.id: note for note in changed})
        return len(changed)

    async def merge_payments(self, scope: Scope, payments: Sequence[FbPayment], reading: Reading) -> MergeReport:
        books = self.books[scope.partner_id]
        touched: set[InvoiceId] = set()
        changed = 0
        for payment in payments:
            before = books.fb_payments.get(payment.id)
            if merge_dated(books.fb_payments, payment, reading):
                changed += 1
                touched.add(payment.invoice_id)
                touched |= {before[0].invoice_id} if before else set()
        self.follow_records(scope.partner_id)
        rereads = tuple(sorted(touched & books.invoices.keys()))
        for invoice_id in rereads:
            books.ask_invoice(invoice_id, "payments changed", self._now())
        return MergeReport(changed=changed, rereads=rereads)

    async def merge_invoices(self, scope: Scope, reads: Sequence[InvoiceRead]) -> MergeReport:
        books = self.books[scope.partner_id]
        decisions = [(read.id, books.decide(read.id, read.decide, self._now())) for read in reads]
        rereads = tuple(invoice_id for invoice_id, decision in decisions if decision.reread)
        return MergeReport(changed=sum(d.invoice is not None for _, d in decisions), rereads=rereads)

    async def settle(
        self, scope: Scope, invoice_id: InvoiceId, decide: DecideInvoice, payments: Sequence[FbPayment] | None
    ) -> InvoiceDecision:
        self.fail("settle")
        books = self.books[scope.partner_id]
        with transaction(self.books, scope.partner_id):
            for payment in payments or ():
                now = self._now()
                merge_dated(books.fb_payments, payment, Reading(began_at=now, finished_at=now))
            decision = books.decide(invoice_id, decide, self._now())
            self.follow_records(scope.partner_id)
            return decision

    async def quarantine(self, scope: Scope, bad: Sequence[Undecodable]) -> None:
        self.books[scope.partner_id].quarantine.update({(row.resource, row.id): row for row in bad})

    async def save_cursor(self, scope: Scope, cursor: Cursor) -> None:
        self.fail("save_cursor")
        self.books[scope.partner_id].cursors[cursor.feed] = cursor

    @contextlib.asynccontextmanager
    async def page_transaction(self, scope: Scope) -> AsyncIterator["MemoryStore"]:
        self.fail("page_transaction")
        with transaction(self.books, scope.partner_id):
            yield self

    async def due_rereads(self, scope: Scope, now: datetime, limit: int) -> tuple[Reread, ...]:
        rows = sorted(self.books[scope.partner_id].rereads.values(), key=lambda row: row.due_at)
        return tuple(row for row in rows if row.due_at <= now)[:limit]

    async def next_reread_at(self, scope: Scope) -> datetime | None:
        return min((row.due_at for row in self.books[scope.partner_id].rereads.values()), default=None)

    async def ask_reread(self, scope: Scope, rereads: Sequence[Reread]) -> None:
        self.fail("ask_reread")
        for reread in rereads:
            self.books[scope.partner_id].ask(reread)

    async def is_asked(self, scope: Scope, reread: Reread) -> bool:
        return (reread.resource, reread.id) in self.books[scope.partner_id].rereads

    async def finish_reread(self, scope: Scope, reread: Reread) -> None:
        self.fail("finish_reread")
        rereads = self.books[scope.partner_id].rereads
        if rereads.get((reread.resource, reread.id)) == reread:
            del rereads[reread.resource, reread.id]

    async def postpone_reread(self, scope: Scope, reread: Reread, due_at: datetime) -> None:
        rereads = self.books[scope.partner_id].rereads
        if rereads.get((reread.resource, reread.id)) == reread:
            rereads[reread.resource, reread.id] = replace(reread, due_at=due_at)

    async def store_ledger_accounts(self, scope: Scope, accounts: Sequence[LedgerAccount]) -> None:
        books = self.books[scope.partner_id]
        changed, books.accounts = books.accounts != tuple(accounts), tuple(accounts)
        if books.entries.listed(changed=changed):
            self.notify(scope.partner_id, "push")

    # ---- PushStore ---------------------------------------------------------------------------------------------------

    async def claim(self, scope: Scope, now: datetime, deadline_at: datetime) -> Claim | None:
        self.fail("claim")
        books = self.books[scope.partner_id]
        for push in sorted(books.open_pushes(), key=lambda row: books.payments[row.payment_id].initiated_at):
            payment = books.payments[push.payment_id]
            if payment.invoice_id is None or not books.is_due(push, now):
                continue
            taken = replace(push, fence=push.fence + 1, deadline_at=deadline_at)
            books.pushes[push.payment_id, push.generation] = taken
            books.claims[push.payment_id] = deadline_at
            known = books.invoices.get(payment.invoice_id)
            return Claim(
                scope=scope,
                payment=payment,
                push=taken,
                invoice_id=payment.invoice_id,
                customer_id=known.terms.customer_id if known else None,
            )
        return None

    async def links(self, claim: Claim) -> tuple[Link, ...]:
        self.fail("links")
        return self.books[claim.scope.partner_id].context(claim.invoice_id).links

    async def next_push_at(self, scope: Scope, now: datetime) -> datetime | None:
        books = self.books[scope.partner_id]
        dated = (push for push in books.open_pushes() if push.state is not PushState.WAITING or push.not_before)
        free = (push for push in dated if not books.is_behind(push, now))
        payments = (books.due_at(push) or now for push in free)
        return min((*payments, *self.next_entry_at(scope.partner_id)), default=None)

    async def record(self, claim: Claim, push: Push, decide: DecideInvoice | None = None) -> None:
        self.fail("record")
        books = self.books[claim.scope.partner_id]
        books.check_fence(push)
        with transaction(self.books, claim.scope.partner_id):
            books.claims.pop(push.payment_id, None)
            stored = replace(push, deadline_at=None)
            books.pushes[push.payment_id, push.generation] = stored
            if decide is not None:
                books.decide(claim.invoice_id, decide, self._now())
            if push.state is PushState.DONE:
                books.ask_invoice(claim.invoice_id, "pushed", self._now())
            self.follow_records(claim.scope.partner_id)

    async def begin_send(self, claim: Claim, deadline_at: datetime) -> Push:
        self.fail("begin_send")
        books = self.books[claim.scope.partner_id]
        books.check_fence(claim.push)
        key = (claim.push.payment_id, claim.push.generation)
        push = books.pushes[key]
        books.pushes[key] = replace(
            push,
            state=PushState.SENDING,
            fence=push.fence + 1,
            deadline_at=deadline_at,
            claimed_at=push.claimed_at or self._now(),
            attempts=push.attempts + 1,
            checked_absent=0,
        )
        books.claims[claim.push.payment_id] = deadline_at
        return books.pushes[key]

    async def choose(
        self, scope: Scope, payment_id: PaymentId, choice: Choice, fb_payment_id: FbPaymentId | None, who: str
    ) -> NotOffered | None:
        del who
        books = self.books[scope.partner_id]
        invoice_id = books.payments[payment_id].invoice_id or InvoiceId(0)
        chosen = apply_choice(books.context(invoice_id), payment_id, choice, fb_payment_id)
        if isinstance(chosen, NotOffered):
            return chosen
        if chosen.changed.state not in {PushState.SENDING, PushState.UNCERTAIN, PushState.DONE}:
            # Whoever is about to send it from what was so a moment ago loses the claim.
            books.claims.pop(payment_id, None)
            chosen = replace(chosen, changed=replace(chosen.changed, fence=chosen.changed.fence + 1, deadline_at=None))
        for push in (chosen.changed, chosen.opened):
            if push is not None:
                books.pushes[push.payment_id, push.generation] = push
        books.decide(invoice_id, decide_without_read, self._now())
        self.notify(scope.partner_id, "push")
        return None
