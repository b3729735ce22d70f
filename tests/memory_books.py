"""One partner's rows in memory, and what the statements and triggers of Postgres do with them."""

import contextlib
import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import FenceLost
from daemon.core.exchange import DecideInvoice, Reread, Undecodable
from daemon.core.issues import STANDING_KINDS
from daemon.core.model import (
    Applied,
    AppliedElsewhere,
    FbCredit,
    FbCustomer,
    FbPayment,
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
    Push,
    PushState,
    Reading,
    Resource,
)
from daemon.core.schedule import EPOCH
from daemon.core.stale_guard import Freshness, freshness, mark_of
from tests.memory_entries import EntryRows

OPEN_STATES = frozenset({PushState.READY, PushState.WAITING, PushState.UNCERTAIN, PushState.SENDING})
FROM_STORED_FACTS = "platform"


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

    def generation(self, payment_id: PaymentId) -> int:
        return max(generation for key, generation in self.pushes if key == payment_id)

    def open_pushes(self) -> list[Push]:
        newest: dict[PaymentId, Push] = {}
        for (payment_id, generation), push in self.pushes.items():
            known = newest.get(payment_id)
            if known is None or known.generation < generation:
                newest[payment_id] = push
        return [push for push in newest.values() if push.state in OPEN_STATES]

    def due_at(self, push: Push) -> datetime | None:
        claimed_until = self.claims.get(push.payment_id)
        dates = [at for at in (push.not_before, claimed_until) if at is not None]
        return max(dates, default=None)

    def is_due(self, push: Push, now: datetime) -> bool:
        due_at = self.due_at(push)
        if push.state is PushState.WAITING and push.not_before is None:
            return False
        return (due_at is None or due_at <= now) and not self.is_behind(push, now)

    def is_behind(self, push: Push, now: datetime) -> bool:
        """Tell whether another push on the same invoice goes first: one in flight, or one that is ready and older."""
        payment = self.payments[push.payment_id]
        is_resting = push.state in {PushState.READY, PushState.WAITING}
        for other in self.open_pushes():
            rival = self.payments[other.payment_id]
            if rival.id == payment.id or rival.invoice_id != payment.invoice_id:
                continue
            is_older = (rival.initiated_at, rival.id) < (payment.initiated_at, payment.id)
            in_flight = other.state in {PushState.SENDING, PushState.UNCERTAIN} and (is_resting or is_older)
            is_first = other.state is PushState.READY and is_resting and is_older
            claimed_until = self.claims.get(rival.id)
            if in_flight or is_first or (claimed_until is not None and claimed_until > now):
                return True
        return False

    def check_fence(self, claimed: Push) -> None:
        if self.pushes[claimed.payment_id, claimed.generation].fence != claimed.fence:
            raise FenceLost(f"the push of {claimed.payment_id} was claimed again")

    def context(self, invoice_id: InvoiceId) -> InvoiceContext:
        applied = self.applied.get(invoice_id, ())
        shown = {row.payment_id for row in applied}
        live_here = {
            payment.id
            for payment, _ in self.fb_payments.values()
            if payment.invoice_id == invoice_id and payment.is_live
        }
        recorded = {push.payment_id for push in self.pushes.values() if push.fb_payment_id in live_here}
        linked = [
            payment
            for payment in self.payments.values()
            if payment.invoice_id == invoice_id or payment.id in shown | recorded
        ]
        links = tuple(self._link(payment, invoice_id) for payment in linked)
        return InvoiceContext(invoice=self.invoices.get(invoice_id), links=links, applied=applied)

    def _link(self, payment: Payment, invoice_id: InvoiceId) -> Link:
        pushes = sorted(
            (push for (payment_id, _), push in self.pushes.items() if payment_id == payment.id),
            key=lambda push: push.generation,
        )
        elsewhere = tuple(
            AppliedElsewhere(
                invoice_id=other, fb_payment_id=row.fb_payment_id, amount=row.amount, currency=row.currency
            )
            for other, rows in self.applied.items()
            for row in rows
            if other != invoice_id and row.payment_id == payment.id and row.amount > 0
        )
        return Link(payment=payment, pushes=tuple(pushes), elsewhere=elsewhere)

    def decide(self, invoice_id: InvoiceId, decide: DecideInvoice, now: datetime) -> InvoiceDecision:
        decision = decide(self.context(invoice_id))
        if decision.invoice is not None:
            self.invoices[invoice_id] = decision.invoice
        if decision.applied is not None:
            self.applied[invoice_id] = decision.applied
        for push in (*decision.opened, *decision.changed):
            self.pushes[push.payment_id, push.generation] = push
        for payment_id in decision.woken:
            key = (payment_id, self.generation(payment_id))
            push = self.pushes[key]
            state = PushState.WAITING if push.state is PushState.WAITING else PushState.READY
            # Whoever looks at it now loses the claim.
            self.claims.pop(payment_id, None)
            self.pushes[key] = replace(push, state=state, fence=push.fence + 1, deadline_at=None, not_before=EPOCH)
        self._stand(decision)
        self.history.setdefault(invoice_id, []).extend(decision.history)
        for other in (*decision.related, *((invoice_id,) if decision.reread else ())):
            self.ask_invoice(other, "decided", now)
        return decision

    def _stand(self, decision: InvoiceDecision) -> None:
        wanted = {(issue.kind, issue.subject): issue for issue in decision.issues}
        for key in list(self.issues):
            if key[0] in STANDING_KINDS and key[1] in decision.subjects and key not in wanted:
                del self.issues[key]
        self.issues.update(wanted)

    def ask_invoice(self, invoice_id: InvoiceId, reason: str, now: datetime) -> None:
        self.ask(Reread(resource=Resource.INVOICES, id=invoice_id, reason=reason, due_at=now))

    def ask(self, reread: Reread) -> None:
        key = (reread.resource, reread.id)
        waiting = self.rereads.get(key)
        if waiting is not None:
            # A read of FreshBooks serves a look at the stored facts too, but not the other way round.
            reason = reread.reason if waiting.reason == FROM_STORED_FACTS else waiting.reason
            reread = replace(reread, reason=reason, due_at=min(waiting.due_at, reread.due_at), asked=waiting.asked + 1)
        self.rereads[key] = reread


ROWS = tuple(row.name for row in fields(Books) if isinstance(getattr(Books(), row.name), dict))


def merge_dated(rows: dict[int, Any], row: FbCustomer | FbPayment, reading: Reading) -> bool:
    stored = rows.get(row.id)
    if stored is not None:
        verdict = freshness(mark_of(stored[0], stored[1]), mark_of(row, reading))
        if verdict is not Freshness.NEWER or stored[0] == row:
            return False
    rows[row.id] = (row, reading)
    return True


@contextlib.contextmanager
def transaction(books: dict[PartnerId, Books], partner_id: PartnerId) -> Any:
    """Put everything back when the block fails, as a database would."""
    before = books[partner_id]
    kept = {name: getattr(before, name).copy() for name in ROWS}
    kept |= {"accounts": before.accounts, "entries": copy.copy(before.entries)}
    runs = len(before.runs)
    try:
        yield
    except BaseException:
        for name, value in kept.items():
            setattr(books[partner_id], name, value)
        del before.runs[runs:]
        raise
