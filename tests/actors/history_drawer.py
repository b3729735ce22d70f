"""What is due by cash facts alone: who paid what, and what was returned. Knows no term of P7.

due = total - money that did not come through the platform - money that the platform received and has not returned
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from daemon.adapters.freshbooks.calls import Call
from daemon.core.markers import markers_in
from daemon.core.model import LOST_MONEY, InvoiceId, Payment, PaymentId, PushState
from daemon.sandbox.model import DELETED, DRAFT
from tests.actors.stage import ActorStage

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Settled:
    """A paid invoice as FreshBooks showed it: its terms, and what others than the platform had paid."""

    invoice: Any
    others: Decimal
    frozen_at: datetime | None = None


@dataclass(slots=True)
class Drawer:
    """Watches FreshBooks and the platform, and counts. Only when an invoice froze is taken as given (P5)."""

    stage: ActorStage
    landed: dict[tuple[PaymentId, int], list[Decimal]] = field(default_factory=dict)
    shown: dict[InvoiceId, Settled] = field(default_factory=dict)
    frozen: dict[InvoiceId, Settled] = field(default_factory=dict)
    lost: set[PaymentId] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    # ---- watching ----------------------------------------------------------------------------------------------------

    def answered(self, call: Call) -> None:
        """Note what a call of the daemon wrote or was shown, even when its answer never arrives."""
        self.look()
        if call.method == "POST":
            self._landed(call)
        elif "invoices/invoices" in call.path:
            for invoice in self._books.invoices:
                if invoice.amount > 0 and invoice.outstanding == 0:
                    self.shown[InvoiceId(invoice.id)] = Settled(invoice, self._others(invoice.id))

    def look(self) -> None:
        """Note which invoices froze or thawed, and whose money was ever lost."""
        rows = self.stage.rows()
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
                seen = self.shown[invoice_id]
                self.frozen[invoice_id] = Settled(seen.invoice, seen.others, row.frozen_at)

    def _landed(self, call: Call) -> None:
        body = msgspec.json.decode(call.body or b"{}").get("payment", {})
        for key, generation in markers_in(body.get("note", "")):
            record = list(self._books.payments)[-1]
            self.landed.setdefault((PaymentId(key), generation), []).append(record.amount)

    def _thawed(self, invoice_id: InvoiceId) -> None:
        makers = {PaymentId(key) for row in self._books.payments for key, _ in markers_in(row.note)}
        linked = {p.id for p in self.stage.rows().payments.values() if p.invoice_id == invoice_id} | makers
        if not linked & self.lost:
            self.wrong.append(f"invoice {invoice_id} thawed and no money was lost")

    # ---- counting ----------------------------------------------------------------------------------------------------

    def due(self, invoice_id: InvoiceId) -> Decimal:
        """Count."""
        invoice, others = self._books.invoices.rows[invoice_id], self._others(invoice_id)
        if invoice_id in self.frozen:
            invoice, others = self.frozen[invoice_id].invoice, self.frozen[invoice_id].others
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

    def _shows_lost_money(self, invoice_id: InvoiceId) -> bool:
        makers = (self._maker(row) for row in self._live_on(invoice_id) if row.amount)
        return any(maker is not None and maker.status in LOST_MONEY for maker in makers)

    def _received(self, payment: Payment) -> Decimal:
        """What the platform has of a payment for its invoice; what FreshBooks made a credit of pays something else."""
        if payment.status in LOST_MONEY:
            return ZERO
        push = self.stage.push(payment.id)
        landed = self.landed.get((payment.id, push.generation))
        return landed[0] if landed and push.state is PushState.DONE else payment.amount

    def _paid_here(self, invoice_id: InvoiceId) -> list[Payment]:
        return [payment for payment in self.stage.rows().payments.values() if payment.invoice_id == invoice_id]

    def _others(self, invoice_id: int) -> Decimal:
        return sum((row.amount for row in self._live_on(invoice_id) if self._is_other(row)), ZERO)

    def _is_other(self, row: Any) -> bool:
        """A payment typed in, or one of another invoice that a bookkeeper says has paid this one."""
        maker = self._maker(row)
        if maker is None:
            return True
        if maker.invoice_id == row.invoice_id or maker.status in LOST_MONEY:
            return False
        at_home = any(self._maker(other) == maker for other in self._live_on(maker.invoice_id or 0))
        latest = self.stage.push(maker.id).generation
        return not at_home and all(generation == latest for _, generation in markers_in(row.note))

    def _maker(self, row: Any) -> Payment | None:
        return next((self.stage.rows().payments[PaymentId(key)] for key, _ in markers_in(row.note)), None)

    def _live_on(self, invoice_id: int) -> Iterator[Any]:
        return (row for row in self._books.payments.children("invoice_id", invoice_id) if row.vis_state != DELETED)

    @property
    def _books(self) -> Any:
        return self.stage.account().books
