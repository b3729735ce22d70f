"""The Store port in memory, for actors in virtual time."""

import contextlib
import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import anyio

from daemon.core.backfill import Cursor, Feed
from daemon.core.choices import NotOffered, apply_choice
from daemon.core.errors import FenceLost
from daemon.core.exchange import Claim, DecideInvoice, InvoiceRead, MergeReport, Reread, Undecodable
from daemon.core.invoice_rules import decide_without_read
from daemon.core.issues import LISTING, STANDING_KINDS, listings_of
from daemon.core.markers import marker
from daemon.core.model import (
    LOST_MONEY,
    Applied,
    AppliedElsewhere,
    Choice,
    FbCredit,
    FbCustomer,
    FbPayment,
    FbPaymentId,
    HistoryEntry,
    Invoice,
    InvoiceContext,
    InvoiceDecision,
    InvoiceId,
    Issue,
    IssueKind,
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
from daemon.core.stale_guard import Freshness, freshness, mark_of
from daemon.core.state import Connection, ConnectionStatus
from daemon.core.take_back import Standing
from tests.memory_callbacks import MemoryCallbacks
from tests.memory_entries import EntryRows, MemoryEntries

OPEN_STATES = frozenset({PushState.READY, PushState.WAITING, PushState.UNCERTAIN, PushState.SENDING})
FROM_STORED_FACTS = "platform"


A_MONTH = timedelta(days=30)


@dataclass(slots=True)
class Books:
    """One partner's rows."""

    cursors: dict[Feed, Cursor] = field(default_factory=dict)
    customers: dict[int, tuple[FbCustomer, Reading]] = field(default_factory=dict)
    credits: dict[int, FbCredit] = field(default_factory=dict)
    fb_payments: dict[int, tuple[FbPayment, Reading]] = field(default_factory=dict)
    invoices: dict[InvoiceId, Invoice] = field(default_factory=dict)
    applied: dict[InvoiceId, tuple[Applied, ...]] = field(default_factory=dict)
    payments: dict[PaymentId, Payment] = field(default_factory=dict)
    pushes: dict[tuple[PaymentId, int], Push] = field(default_factory=dict)
    issues: dict[tuple[IssueKind, tuple[str, str]], Issue] = field(default_factory=dict)
    history: dict[InvoiceId, list[HistoryEntry]] = field(default_factory=dict)
    rereads: dict[tuple[Resource, int], Reread] = field(default_factory=dict)
    quarantine: dict[tuple[Resource, int], Undecodable] = field(default_factory=dict)
    accounts: tuple[LedgerAccount, ...] = ()
    runs: list[tuple[Feed, Cursor, str]] = field(default_factory=list)
    claims: dict[PaymentId, datetime] = field(default_factory=dict)
    entries: EntryRows = field(default_factory=EntryRows)


class MemoryStore(MemoryEntries):
    """Fulfils `Store`. `fail` is asked before each transaction and may raise, as an outage or a crash would."""

    def __init__(self, now: Callable[[], datetime], fail: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(self._books_of, now)
        self.connections: dict[PartnerId, Connection] = {}
        self.books: dict[PartnerId, Books] = {}
        self.listeners: list[anyio.abc.ObjectSendStream[tuple[PartnerId, str]]] = []
        self.fail = fail
        self.callbacks = MemoryCallbacks(self)
        self._now = now

    # ---- what the platform and people do -----------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Store a consent."""
        self.connections[connection.partner_id] = connection
        self.books.setdefault(connection.partner_id, Books())
        self.notify(connection.partner_id, "connection")

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
        push = books.pushes[payment_id, self._generation(books, payment_id)]
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

    def notify(self, partner_id: PartnerId, kind: str) -> None:
        """Wake whoever listens."""
        for listener in self.listeners:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.WouldBlock):
                listener.send_nowait((partner_id, kind))  # type: ignore[attr-defined]

    def _platform_changed(self, partner_id: PartnerId, payment: Payment) -> None:
        if payment.invoice_id is not None:
            due = Reread(
                resource=Resource.INVOICES, id=payment.invoice_id, reason=FROM_STORED_FACTS, due_at=self._now()
            )
            self._ask(self.books[partner_id], due)
            self.notify(partner_id, "reread")

    # ---- PullStore ---------------------------------------------------------------------------------------------------

    async def fingerprints(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, int]:
        self.fail("fingerprints")
        books = self.books[scope.partner_id]
        known: dict[Resource, Mapping[Any, Any]] = {
            Resource.CUSTOMERS: {key: row for key, (row, _) in books.customers.items()},
            Resource.PAYMENTS: {key: row for key, (row, _) in books.fb_payments.items()},
            Resource.INVOICES: books.invoices,
            Resource.CREDITS: books.credits,
        }
        rows = known[resource]
        return {key: rows[key].fingerprint for key in ids if key in rows}

    async def merge_customers(self, scope: Scope, customers: Sequence[FbCustomer], reading: Reading) -> int:
        return sum(self._merge_dated(self.books[scope.partner_id].customers, row, reading) for row in customers)

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
            if self._merge_dated(books.fb_payments, payment, reading):
                changed += 1
                touched.add(payment.invoice_id)
                touched |= {before[0].invoice_id} if before else set()
        self.follow_records(scope.partner_id)
        rereads = tuple(sorted(touched & books.invoices.keys()))
        for invoice_id in rereads:
            self._ask_invoice(books, invoice_id, "payments changed")
        return MergeReport(changed=changed, rereads=rereads)

    async def merge_invoices(self, scope: Scope, reads: Sequence[InvoiceRead]) -> MergeReport:
        books = self.books[scope.partner_id]
        decisions = [(read.id, self._decide(books, read.id, read.decide)) for read in reads]
        rereads = tuple(invoice_id for invoice_id, decision in decisions if decision.reread)
        return MergeReport(changed=sum(d.invoice is not None for _, d in decisions), rereads=rereads)

    async def settle(
        self, scope: Scope, invoice_id: InvoiceId, decide: DecideInvoice, payments: Sequence[FbPayment] | None
    ) -> InvoiceDecision:
        self.fail("settle")
        books = self.books[scope.partner_id]
        with _transaction(self.books, scope.partner_id):
            for payment in payments or ():
                now = self._now()
                self._merge_dated(books.fb_payments, payment, Reading(began_at=now, finished_at=now))
            decision = self._decide(books, invoice_id, decide)
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
        with _transaction(self.books, scope.partner_id):
            yield self

    async def due_rereads(self, scope: Scope, now: datetime, limit: int) -> tuple[Reread, ...]:
        rows = sorted(self.books[scope.partner_id].rereads.values(), key=lambda row: row.due_at)
        return tuple(row for row in rows if row.due_at <= now)[:limit]

    async def next_reread_at(self, scope: Scope) -> datetime | None:
        return min((row.due_at for row in self.books[scope.partner_id].rereads.values()), default=None)

    async def ask_reread(self, scope: Scope, rereads: Sequence[Reread]) -> None:
        self.fail("ask_reread")
        for reread in rereads:
            self._ask(self.books[scope.partner_id], reread)

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
        self.books[scope.partner_id].accounts = tuple(accounts)

    # ---- PushStore ---------------------------------------------------------------------------------------------------

    async def claim(self, scope: Scope, now: datetime, deadline_at: datetime) -> Claim | None:
        self.fail("claim")
        books = self.books[scope.partner_id]
        for push in sorted(self._open_pushes(books), key=lambda row: books.payments[row.payment_id].initiated_at):
            payment = books.payments[push.payment_id]
            if payment.invoice_id is None or not self._is_due(books, push, now):
                continue
            taken = replace(push, fence=push.fence + 1, deadline_at=deadline_at)
            books.pushes[push.payment_id, push.generation] = taken
            books.claims[push.payment_id] = deadline_at
            context = self._context(books, payment.invoice_id)
            link = next(link for link in context.links if link.payment.id == payment.id)
            return Claim(
                scope=scope,
                link=link,
                push=taken,
                fence=taken.fence,
                first=push.claimed_at is None,
                invoice_id=payment.invoice_id,
                context=context,
            )
        return None

    async def next_push_at(self, scope: Scope, now: datetime) -> datetime | None:
        books = self.books[scope.partner_id]
        free = (push for push in self._open_pushes(books) if not self._is_behind(books, push, now))
        payments = (self._due_at(books, push) or now for push in free)
        return min((*payments, *self.next_entry_at(scope.partner_id)), default=None)

    async def record(self, claim: Claim, push: Push, decide: DecideInvoice | None = None) -> None:
        self.fail("record")
        books = self.books[claim.scope.partner_id]
        self._check_fence(books, claim)
        with _transaction(self.books, claim.scope.partner_id):
            books.claims.pop(push.payment_id, None)
            stored = replace(push, fence=claim.fence, deadline_at=None)
            books.pushes[push.payment_id, push.generation] = stored
            if decide is not None:
                self._decide(books, claim.invoice_id, decide)
            if push.state is PushState.DONE:
                self._ask_invoice(books, claim.invoice_id, "pushed")
            self.follow_records(claim.scope.partner_id)

    async def begin_send(self, claim: Claim, deadline_at: datetime) -> Push:
        self.fail("begin_send")
        books = self.books[claim.scope.partner_id]
        self._check_fence(books, claim)
        key = (claim.push.payment_id, claim.push.generation)
        push = books.pushes[key]
        books.pushes[key] = replace(
            push,
            state=PushState.SENDING,
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
        chosen = apply_choice(self._context(books, invoice_id), payment_id, choice, fb_payment_id)
        if isinstance(chosen, NotOffered):
            return chosen
        if chosen.changed.state not in {PushState.SENDING, PushState.UNCERTAIN, PushState.DONE}:
            # Whoever is about to send it from what was so a moment ago loses the claim.
            books.claims.pop(payment_id, None)
            chosen = replace(chosen, changed=replace(chosen.changed, fence=chosen.changed.fence + 1, deadline_at=None))
        for push in (chosen.changed, chosen.opened):
            if push is not None:
                books.pushes[push.payment_id, push.generation] = push
        self._decide(books, invoice_id, decide_without_read)
        self.notify(scope.partner_id, "push")
        return None

    # ---- ConnectionStore ---------------------------------------------------------------------------------------------

    async def partners(self) -> tuple[PartnerId, ...]:
        self.fail("partners")
        wanted = {ConnectionStatus.PENDING, ConnectionStatus.CONNECTED}
        return tuple(key for key, row in self.connections.items() if row.status in wanted)

    async def connection(self, partner_id: PartnerId) -> Connection:
        self.fail("connection")
        return replace(self.connections[partner_id], cursors=tuple(self.books[partner_id].cursors.values()))

    async def mark_connected(self, scope: Scope, now: datetime) -> None:
        del now
        self.fail("mark_connected")
        self._change(scope.partner_id, status=ConnectionStatus.CONNECTED)

    async def park(self, scope: Scope, reason: str, now: datetime) -> None:
        del now
        self._change(scope.partner_id, parked=reason)

    async def unpark(self, scope: Scope) -> None:
        self._change(scope.partner_id, parked=None)

    async def disconnected(self, partner_id: PartnerId, now: datetime) -> None:
        del now
        self._change(partner_id, status=ConnectionStatus.NOT_CONNECTED, disconnecting=False)

    async def finish_run(
        self,
        scope: Scope,
        feed: Feed,
        cursor: Cursor,
        outcome: str,
        *,
        kept: timedelta = A_MONTH,
        error: str = "",
    ) -> None:
        books = self.books[scope.partner_id]
        books.runs.append((feed, cursor, outcome))
        for listing in listings_of(feed) if outcome == "complete" else ():
            books.issues.pop((IssueKind.FILTER_IGNORED, (LISTING, listing)), None)

    async def to_take_back(self, scope: Scope, payment_id: PaymentId) -> Standing | None:
        return None

    async def taken_back(self, scope: Scope, standing: Standing, record: FbPayment) -> None:
        raise AssertionError("nothing is taken back here")

    async def raise_issue(self, scope: Scope, issue: Issue) -> None:
        self.books[scope.partner_id].issues[issue.kind, issue.subject] = issue

    @contextlib.asynccontextmanager
    async def wakes(self) -> AsyncIterator[AsyncIterator[tuple[PartnerId, str]]]:
        send, receive = anyio.create_memory_object_stream[tuple[PartnerId, str]](1000)
        self.listeners.append(send)
        try:
            async with send, receive:
                yield receive
        finally:
            self.listeners.remove(send)

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _books_of(self, partner_id: PartnerId) -> Books:
        return self.books[partner_id]

    def _change(self, partner_id: PartnerId, **changes: Any) -> None:
        self.connections[partner_id] = replace(self.connections[partner_id], **changes)

    def _generation(self, books: Books, payment_id: PaymentId) -> int:
        return max(generation for key, generation in books.pushes if key == payment_id)

    def _open_pushes(self, books: Books) -> list[Push]:
        newest: dict[PaymentId, Push] = {}
        for (payment_id, generation), push in books.pushes.items():
            known = newest.get(payment_id)
            if known is None or known.generation < generation:
                newest[payment_id] = push
        return [push for push in newest.values() if push.state in OPEN_STATES]

    def _due_at(self, books: Books, push: Push) -> datetime | None:
        claimed_until = books.claims.get(push.payment_id)
        dates = [at for at in (push.not_before, claimed_until) if at is not None]
        return max(dates, default=None)

    def _is_due(self, books: Books, push: Push, now: datetime) -> bool:
        due_at = self._due_at(books, push)
        return (due_at is None or due_at <= now) and not self._is_behind(books, push, now)

    def _is_behind(self, books: Books, push: Push, now: datetime) -> bool:
        """Tell whether another push on the same invoice goes first: one in flight, or one that is ready and older."""
        payment = books.payments[push.payment_id]
        is_resting = push.state in {PushState.READY, PushState.WAITING}
        for other in self._open_pushes(books):
            rival = books.payments[other.payment_id]
            if rival.id == payment.id or rival.invoice_id != payment.invoice_id:
                continue
            is_older = (rival.initiated_at, rival.id) < (payment.initiated_at, payment.id)
            in_flight = other.state in {PushState.SENDING, PushState.UNCERTAIN} and (is_resting or is_older)
            is_first = other.state is PushState.READY and is_resting and is_older
            claimed_until = books.claims.get(rival.id)
            if in_flight or is_first or (claimed_until is not None and claimed_until > now):
                return True
        return False

    def _check_fence(self, books: Books, claim: Claim) -> None:
        if books.pushes[claim.push.payment_id, claim.push.generation].fence != claim.fence:
            raise FenceLost(f"the push of {claim.push.payment_id} was claimed again")

    def _merge_dated(self, rows: dict[int, Any], row: FbCustomer | FbPayment, reading: Reading) -> bool:
        stored = rows.get(row.id)
        if stored is not None:
            verdict = freshness(mark_of(stored[0], stored[1]), mark_of(row, reading))
            if verdict is not Freshness.NEWER or stored[0] == row:
                return False
        rows[row.id] = (row, reading)
        return True

    def _context(self, books: Books, invoice_id: InvoiceId) -> InvoiceContext:
        applied = books.applied.get(invoice_id, ())
        shown = {row.payment_id for row in applied}
        live_here = {
            payment.id
            for payment, _ in books.fb_payments.values()
            if payment.invoice_id == invoice_id and payment.is_live
        }
        recorded = {push.payment_id for push in books.pushes.values() if push.fb_payment_id in live_here}
        linked = [
            payment
            for payment in books.payments.values()
            if payment.invoice_id == invoice_id or payment.id in shown | recorded
        ]
        links = tuple(self._link(books, payment, invoice_id) for payment in linked)
        return InvoiceContext(invoice=books.invoices.get(invoice_id), links=links, applied=applied)

    def _link(self, books: Books, payment: Payment, invoice_id: InvoiceId) -> Link:
        pushes = sorted(
            (push for (payment_id, _), push in books.pushes.items() if payment_id == payment.id),
            key=lambda push: push.generation,
        )
        elsewhere = tuple(
            AppliedElsewhere(
                invoice_id=other, fb_payment_id=row.fb_payment_id, amount=row.amount, currency=row.currency
            )
            for other, rows in books.applied.items()
            for row in rows
            if other != invoice_id and row.payment_id == payment.id and row.amount > 0
        )
        return Link(payment=payment, pushes=tuple(pushes), elsewhere=elsewhere)

    def _decide(self, books: Books, invoice_id: InvoiceId, decide: DecideInvoice) -> InvoiceDecision:
        decision = decide(self._context(books, invoice_id))
        if decision.invoice is not None:
            books.invoices[invoice_id] = decision.invoice
        if decision.applied is not None:
            books.applied[invoice_id] = decision.applied
        for push in (*decision.opened, *decision.changed):
            books.pushes[push.payment_id, push.generation] = push
        for payment_id in decision.woken:
            key = (payment_id, self._generation(books, payment_id))
            books.pushes[key] = replace(books.pushes[key], state=PushState.READY, not_before=None)
        self._stand(books, decision)
        books.history.setdefault(invoice_id, []).extend(decision.history)
        for other in (*decision.related, *((invoice_id,) if decision.reread else ())):
            self._ask_invoice(books, other, "decided")
        return decision

    def _stand(self, books: Books, decision: InvoiceDecision) -> None:
        wanted = {(issue.kind, issue.subject): issue for issue in decision.issues}
        for key in list(books.issues):
            if key[0] in STANDING_KINDS and key[1] in decision.subjects and key not in wanted:
                del books.issues[key]
        books.issues.update(wanted)

    def _ask_invoice(self, books: Books, invoice_id: InvoiceId, reason: str) -> None:
        self._ask(books, Reread(resource=Resource.INVOICES, id=invoice_id, reason=reason, due_at=self._now()))

    def _ask(self, books: Books, reread: Reread) -> None:
        key = (reread.resource, reread.id)
        waiting = books.rereads.get(key)
        if waiting is not None:
            # A read of FreshBooks serves a look at the stored facts too, but not the other way round.
            reason = reread.reason if waiting.reason == FROM_STORED_FACTS else waiting.reason
            reread = replace(reread, reason=reason, due_at=min(waiting.due_at, reread.due_at), asked=waiting.asked + 1)
        books.rereads[key] = reread


@contextlib.contextmanager
def _transaction(books: dict[PartnerId, Books], partner_id: PartnerId) -> Any:
    """Put everything back when the block fails, as a database would."""
    before = copy.copy(books[partner_id])
    kept = {name: copy.copy(getattr(before, name)) for name in Books.__dataclass_fields__}
    try:
        yield
    except BaseException:
        for name, value in kept.items():
            setattr(books[partner_id], name, value)
        raise
