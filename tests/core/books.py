"""A FreshBooks of one invoice, for the money rules: payments with an owner, splits into credits, edits, moves."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from daemon.core.model import FbInvoice, FbPayment, InvoiceId, Payment, Push, Snapshot, VisState
from daemon.core.payment_rules import note_for
from tests.builders import INVOICE, NOW, OTHER_INVOICE, make_fb_invoice, make_fb_payment, make_reading, usd


@dataclass
class Record:
    """A payment in the books. `maker` is the platform payment that it came from, None when a bookkeeper typed it."""

    id: int
    amount: Decimal
    maker: str | None
    note: str
    updated_at: datetime
    split: Decimal = Decimal(0)
    credit_is_live: bool = False
    is_live: bool = True
    invoice_id: InvoiceId = INVOICE
    currency: str = "USD"

    @property
    def counts(self) -> bool:
        return self.is_live and self.invoice_id == INVOICE


@dataclass
class Books:
    """What FreshBooks holds. It applies at most what is outstanding, makes a credit of the rest, and accepts twins."""

    invoice: FbInvoice = field(default_factory=make_fb_invoice)
    records: list[Record] = field(default_factory=list)
    now: datetime = NOW

    # ---- what a bookkeeper does --------------------------------------------------------------------------------------

    def type_payment(self, amount: str | int, note: str = "") -> int:
        return self._create(usd(amount), None, note, self.invoice.currency)

    def edit(self, record_id: int, amount: str | int) -> None:
        self._touch(record_id).amount = usd(amount)

    def delete(self, record_id: int) -> None:
        self._touch(record_id).is_live = False

    def restore(self, record_id: int) -> None:
        self._touch(record_id).is_live = True

    def move(self, record_id: int, to: InvoiceId = OTHER_INVOICE) -> None:
        self._touch(record_id).invoice_id = to

    def delete_credit(self, record_id: int) -> None:
        self._touch(record_id).credit_is_live = False

    def edit_invoice(self, amount: str | int | None = None, **changes: Any) -> None:
        total = self.invoice.amount if amount is None else usd(amount)
        self.invoice = replace(self.invoice, amount=total, **changes)
        self._change()

    def edit_currency(self, currency: str) -> None:
        """Change the invoice's currency; what is applied on it follows."""
        for record in self.records:
            record.currency = currency
        self.edit_invoice(currency=currency)

    # ---- what the API does -------------------------------------------------------------------------------------------

    def land(self, payment: Payment, push: Push) -> int:
        """Write what was sent for a push: at once, or long after everyone gave up waiting."""
        return self._create(payment.amount, payment.id, note_for(payment, push.generation), payment.currency)

    def snapshot(self) -> Snapshot:
        invoice = replace(self.invoice, outstanding=self.outstanding, fingerprint=hash((self.now, self.outstanding)))
        payments = tuple(fb for fb in self.payments() if fb.invoice_id == INVOICE)
        return Snapshot(invoice=invoice, payments=payments, reading=make_reading(self.now, 0.5))

    def payments(self) -> tuple[FbPayment, ...]:
        return tuple(map(_shown, self.records))

    def record(self, record_id: int) -> Record:
        return next(record for record in self.records if record.id == record_id)

    @property
    def outstanding(self) -> Decimal:
        return self.invoice.amount - sum((record.amount for record in self.records if record.counts), Decimal(0))

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def _create(self, amount: Decimal, maker: str | None, note: str, currency: str) -> int:
        applied = max(min(amount, self.outstanding), Decimal(0))
        record = Record(
            id=501 + len(self.records),
            amount=applied,
            maker=maker,
            note=note,
            updated_at=self._change(),
            split=amount - applied,
            credit_is_live=amount > applied,
            currency=currency,
        )
        self.records.append(record)
        return record.id

    def _touch(self, record_id: int) -> Record:
        record = self.record(record_id)
        record.updated_at = self._change()
        return record

    def _change(self) -> datetime:
        now = self.tick()
        self.invoice = replace(self.invoice, updated_at=now, version=f"{now:%Y-%m-%d %H:%M:%S.%f}")
        return now


def _shown(record: Record) -> FbPayment:
    shown = make_fb_payment(
        record.id,
        invoice_id=record.invoice_id,
        note=record.note,
        currency=record.currency,
        vis_state=VisState.ACTIVE if record.is_live else VisState.DELETED,
        updated_at=record.updated_at,
        overpayment_id=record.id + 1000 if record.split else None,
    )
    return replace(shown, amount=record.amount)
