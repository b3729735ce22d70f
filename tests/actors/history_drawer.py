"""What is due by cash facts alone: who paid what, what was returned, what people declared. Knows no term of P7.

due = total - money that did not come through the platform - money that the platform received and has not returned
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from daemon.actors.ports import Clock
from daemon.adapters.freshbooks.calls import Call
from daemon.core import markers
from daemon.core.amount_due import NAMES_A_RECORD
from daemon.core.model import (
    LOST_MONEY,
    Choice,
    InvoiceId,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reason,
)
from daemon.sandbox.model import DELETED, DRAFT
from tests.actors.history_stage import HistoryStage

ZERO = Decimal(0)
markers_in = lru_cache(maxsize=10_000)(markers.markers_in)  # the same few notes are read again and again
SHOWN_KEPT = 40
BESIDE = timedelta(seconds=2)
"""How long before an invoice froze the reading that did it can have been answered."""
OWES = frozenset({Choice.STILL_OWES, Choice.REFUND_IN_AP})
"""A refunded payment of which a person said that it pays nothing any more (P11)."""
COUNTS_ANEW = OWES | NAMES_A_RECORD | {Choice.REOPEN}
"""What a person says that can show a paid invoice to be unpaid."""


class Settled(NamedTuple):
    """A paid invoice as FreshBooks showed it at a time: its terms, and what others than the platform had paid."""

    at: datetime
    invoice: Any
    others: Decimal
    frozen_at: datetime | None = None


@dataclass(slots=True)
class Drawer:
    """Watches FreshBooks and the platform, and counts. A freeze and what people chose are taken as given (P5, P8).

    `landed` is what each record brought when it was posted, `named` what a record was worth when a person named it for
    a payment. `choices` are filled by whoever chooses.
    """

    stage: HistoryStage
    landed: dict[int, Decimal] = field(default_factory=dict)
    read: dict[int, list[Any]] = field(default_factory=dict)
    named: dict[int, tuple[PaymentId, Decimal]] = field(default_factory=dict)
    shown: dict[InvoiceId, deque[Settled]] = field(default_factory=dict)
    frozen: dict[InvoiceId, Settled] = field(default_factory=dict)
    lost: set[PaymentId] = field(default_factory=set)
    choices: dict[tuple[PaymentId, int], Choice] = field(default_factory=dict)
    taken: set[InvoiceId] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    others: dict[int, Decimal] = field(default_factory=dict)
    """Other money on the invoices that were shown settled, as long as nothing changes."""
    seen: tuple[Any, ...] = ()
    """What `look` looked at last."""
    reader: Callable[[], Clock | None] = lambda: None
    """The clock of the process that reads, where several mistake the time: it dates a freeze by its own."""

    # ---- watching ----------------------------------------------------------------------------------------------------

    def answered(self, call: Call) -> None:
        """Note what a call of the daemon wrote or was shown, even when its answer never arrives."""
        self.look()
        if call.method == "POST":
            self._landed(call)
        elif "payments/payments" in call.path:
            of_one = dict(call.params).get("search[invoiceid]")
            if of_one is not None:
                self.read[int(of_one)] = list(self._live_on(int(of_one)))
        elif "invoices/invoices" in call.path:
            now = (self.reader() or self.stage.clock).now
            for invoice in self._books.invoices:
                if invoice.amount > 0 and invoice.outstanding == 0:
                    others = self.others.get(invoice.id)
                    if others is None:
                        others = self.others[invoice.id] = self._others(self._live_on(invoice.id))
                    seen = self.shown.setdefault(InvoiceId(invoice.id), deque(maxlen=SHOWN_KEPT))
                    seen.append(Settled(now(), invoice, others))

    def look(self) -> None:
        """Note which invoices froze or thawed, whose money was ever lost, and which records were named."""
        rows = self.stage.rows()
        # Rows are values: where all are the same, looking again would note nothing new.
        seen = (rows.payments, rows.invoices, rows.pushes, self._books.payments.version)
        if seen == self.seen:
            return
        self.seen = (dict(rows.payments), dict(rows.invoices), dict(rows.pushes), self._books.payments.version)
        self.others.clear()
        self.lost |= {payment.id for payment in rows.payments.values() if payment.status in LOST_MONEY}
        for invoice_id, row in rows.invoices.items():
            before = self.frozen.get(invoice_id)
            if row.frozen_at == (before.frozen_at if before else None):
                continue
            if row.frozen_at is None:
                del self.frozen[invoice_id]
                self._thawed(invoice_id)
            elif invoice_id not in self.shown:
                self.wrong.append(f"invoice {invoice_id} froze and was never shown settled")
            else:
                self.frozen[invoice_id] = self._froze_on(row)._replace(frozen_at=row.frozen_at)
        self._note_names()

    def _froze_on(self, row: Any) -> Settled:
        """Find what was read when it froze; of readings that ran side by side, the one whose number we show."""
        frozen_at = row.frozen_at or self.stage.clock.now()
        until = [seen for seen in self.shown[row.id] if seen.at <= frozen_at] or list(self.shown[row.id])[:1]
        last = max(seen.at for seen in until)
        # One reading makes several calls, and each may have to wait for its turn.
        began_at = row.reading.began_at if row.reading.finished_at == row.frozen_at else frozen_at
        beside = [seen for seen in until if seen.at >= min(began_at, last - BESIDE)]
        ours = (row.terms.number, row.terms.due_on, row.terms.customer_id, row.terms.total)
        fitting = [seen for seen in beside if _terms(seen.invoice) == ours]
        return (fitting or beside)[-1]

    def _note_names(self) -> None:
        """Whoever named a record has looked at the invoice's payments: what is in the drawer is counted anew."""
        now: dict[int, tuple[PaymentId, Decimal]] = {}
        fresh: set[int] = set()
        rows, records = self.stage.rows(), self._books.payments.rows
        for push in rows.pushes.values():
            key = push.fb_payment_id
            if key is None or push.recorded_amount is None or push.reason is Reason.REPLACED:
                continue
            record, payment = records[key], rows.payments[push.payment_id]
            if any(mark == push.payment_id for mark, _ in markers_in(record.note)):
                continue
            before = self.named.get(key)
            if before is None or before[0] != push.payment_id:
                own = payment.invoice_id or 0
                seen = next((row for row in self.read.get(own, ()) if row.id == key), record)
                before = (push.payment_id, min(seen.amount, payment.amount))
                fresh |= set() if markers_in(record.note) else {own}
            now[key] = before
        self.named = now
        for invoice_id in fresh & self.frozen.keys():
            others = self._others(self.read.get(invoice_id, list(self._live_on(invoice_id))))
            self.frozen[InvoiceId(invoice_id)] = self.frozen[InvoiceId(invoice_id)]._replace(others=others)

    def _landed(self, call: Call) -> None:
        body = msgspec.json.decode(call.body or b"{}").get("payment", {})
        if markers_in(body.get("note", "")):
            record = list(self._books.payments)[-1]
            self.landed[record.id] = record.amount

    def _thawed(self, invoice_id: InvoiceId) -> None:
        rows = self.stage.rows()
        makers = {PaymentId(key) for row in self._books.payments for key, _ in markers_in(row.note)}
        linked = {p.id for p in rows.payments.values() if p.invoice_id == invoice_id} | makers
        let_go = {key for (key, _), choice in self.choices.items() if choice in COUNTS_ANEW}
        # What FreshBooks split off as a credit is no longer held for this invoice either (W5).
        let_go |= {push.payment_id for push in rows.pushes.values() if self._is_split(push)}
        if invoice_id in self.taken:
            self.taken.discard(invoice_id)
        elif not linked & (self.lost | let_go):
            self.wrong.append(f"invoice {invoice_id} thawed and no money was lost or let go")

    def _is_split(self, push: Push) -> bool:
        recorded, payment = push.recorded_amount, self.stage.rows().payments[push.payment_id]
        return recorded is not None and recorded < payment.amount

    # ---- counting ----------------------------------------------------------------------------------------------------

    def due(self, invoice_id: InvoiceId) -> Decimal:
        """Count."""
        invoice = self._books.invoices.rows[invoice_id]
        if invoice_id in self.frozen:
            invoice, others = self.frozen[invoice_id].invoice, self.frozen[invoice_id].others
        else:
            others = self._others(self._live_on(invoice_id))
        return Decimal(invoice.amount - others - sum(map(self._received, self._paid_here(invoice_id)), ZERO))

    def must_be_frozen(self, invoice_id: InvoiceId) -> bool:
        """Tell whether FreshBooks shows the invoice settled by money that is real."""
        invoice = self._books.invoices.rows[invoice_id]
        settled = invoice.amount > 0 and invoice.outstanding == 0 and self.due(invoice_id) <= 0
        exists = invoice.vis_state != DELETED and invoice.status != DRAFT
        return settled and exists and not self._shows_lost_money(invoice_id)

    def must_be_thawed(self, invoice_id: InvoiceId) -> bool:
        """Tell whether an invoice that froze is unpaid again, so that it follows FreshBooks."""
        return self.due(invoice_id) > 0 or self._shows_lost_money(invoice_id)

    def choice(self, payment_id: PaymentId) -> Choice | None:
        """Tell what a person said of the payment's latest generation."""
        return self.choices.get((payment_id, self.stage.push(payment_id).generation))

    def _shows_lost_money(self, invoice_id: InvoiceId) -> bool:
        owners = (self._owner(row) for row in self._live_on(invoice_id) if row.amount)
        return any(owner is not None and owner.status in LOST_MONEY for owner in owners)

    def _received(self, payment: Payment) -> Decimal:
        """What the platform has of a payment for its invoice; what FreshBooks made a credit of pays something else."""
        if self._is_gone(payment):
            return ZERO
        push = self.stage.push(payment.id)
        whole = payment.amount
        if push.state is PushState.DONE and push.fb_payment_id is not None:
            named = self.named.get(push.fb_payment_id)
            whole = named[1] if named else self.landed.get(push.fb_payment_id, whole)
        return min(whole, self._shown(payment)) if self.choice(payment.id) is Choice.REOPEN else whole

    def _is_gone(self, payment: Payment) -> bool:
        owes = payment.status is PaymentStatus.REFUNDED and self.choice(payment.id) in OWES
        return owes or payment.status in LOST_MONEY

    def _shown(self, payment: Payment) -> Decimal:
        mine = (row for row in self._live_on(payment.invoice_id or 0) if self._owner(row) == payment)
        return sum((self._part(row, payment) for row in mine), ZERO)

    def _paid_here(self, invoice_id: InvoiceId) -> list[Payment]:
        return [payment for payment in self.stage.rows().payments.values() if payment.invoice_id == invoice_id]

    def _others(self, rows: Iterable[Any]) -> Decimal:
        return sum((row.amount - self._ours(row) for row in rows), ZERO)

    def _ours(self, row: Any) -> Decimal:
        """Tell how much of a record is not other money: a platform payment's own, but on its own invoice only.

        One of another invoice that a bookkeeper moved here has paid this one, unless it stands there as well.
        """
        owner = self._owner(row)
        if owner is None:
            return ZERO
        part = self._part(row, owner)
        if owner.invoice_id == row.invoice_id or self._is_gone(owner):
            return part
        at_home = any(self._owner(other) == owner for other in self._live_on(owner.invoice_id or 0))
        return part if at_home or self._is_older(row, owner) else ZERO

    def _part(self, row: Any, owner: Payment) -> Decimal:
        return Decimal(row.amount) if markers_in(row.note) else min(row.amount, owner.amount)

    def _is_older(self, row: Any, owner: Payment) -> bool:
        latest = self.stage.push(owner.id).generation
        marks = {generation for key, generation in markers_in(row.note) if key == owner.id}
        pushes = self.stage.rows().pushes
        held = {n for (key, n), push in pushes.items() if key == owner.id and push.fb_payment_id == row.id}
        return bool(marks | held) and latest not in marks | held

    def _owner(self, row: Any) -> Payment | None:
        payments: dict[PaymentId, Payment] = self.stage.rows().payments
        if row.id in self.named:
            return payments[self.named[row.id][0]]
        return next((payments[PaymentId(key)] for key, _ in markers_in(row.note)), None)

    def _live_on(self, invoice_id: int) -> Iterator[Any]:
        return (row for row in self._books.payments.children("invoice_id", invoice_id) if row.vis_state != DELETED)

    @property
    def _books(self) -> Any:
        return self.stage.account().books


def _terms(row: Any) -> tuple[object, ...]:
    return row.number, row.due_date, row.client_id, row.amount
