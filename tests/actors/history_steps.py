"""What both sides do in a random history: a bookkeeper in FreshBooks, customers on the platform, and doorbells."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from daemon.core.issues import STANDING_KINDS
from daemon.core.markers import markers_in
from daemon.core.model import Choice, FbPaymentId, InvoiceId, Issue, PaymentId, PaymentStatus, Resource
from daemon.sandbox.credits import credit_left
from daemon.sandbox.model import DELETED
from tests.actors.history_hands import Hands

TOTALS = ("250.00", "180.00", "100.00", "60.00")
NEXT_STATUS = {
    PaymentStatus.PROCESSING: (PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.FAILED),
    PaymentStatus.SUCCEEDED: (PaymentStatus.CHARGEBACK, PaymentStatus.REFUNDED),
    PaymentStatus.CHARGEBACK: (PaymentStatus.SUCCEEDED,),
    PaymentStatus.FAILED: (),
    PaymentStatus.REFUNDED: (),
}
TRIES = 4
"""A step that finds nothing to do gives way to another, so often."""


@dataclass(slots=True)
class Steps(Hands):
    """Everything that can happen on either side; a step that finds nothing to do does nothing."""

    told: list[str] = field(default_factory=list)

    def any(self) -> None:
        """Do one thing of either side."""
        self.drawer.look()
        names = (step(self) for step in self.chance.choices(STEPS, k=TRIES))
        name = next((name for name in names if name), "")
        if name:
            self.told.append(f"{self.stage.clock.now():%m-%d %H:%M:%S} {name}")

    # ---- the bookkeeper's invoices -----------------------------------------------------------------------------------

    def create_invoice(self) -> str:
        status = self.chance.choice((2, 2, 2, 2, 1))
        return f"bill {self.stage.bill(self.chance.choice(TOTALS), status=status)}"

    def edit_lines(self) -> str:
        cost = self.chance.choice(TOTALS)
        line = {"name": f"Work {self.chance.randrange(9)}", "qty": 1, "unit_cost": {"amount": cost}}
        return self._edit_invoice(lines=[line])

    def edit_terms(self) -> str:
        return self._edit_invoice(
            due_offset_days=self.chance.randrange(90), invoice_number=f"N{self.chance.randrange(999)}"
        )

    def edit_customer(self) -> str:
        clients = list(self._books.clients)
        return self._edit_invoice(customerid=self.chance.choice(clients).id) if clients else ""

    def hide_or_show_invoice(self) -> str:
        return self._edit_invoice(vis_state=self.chance.choice((0, 0, 1, 2)))

    # ---- the bookkeeper's customers ----------------------------------------------------------------------------------

    def create_customer(self) -> str:
        return f"client {self._write('client.create', None, {'organization': f'Firm {self.chance.randrange(99)}'})}"

    def edit_customer_card(self) -> str:
        clients = list(self._books.clients)
        if not clients:
            return ""
        body = self.chance.choice(({"organization": f"Firm {self.chance.randrange(99)}"}, {"vis_state": 2}))
        return f"edit client {self._write('client.update', self.chance.choice(clients).id, body)}"

    # ---- the bookkeeper's payments -----------------------------------------------------------------------------------

    def type_payment(self) -> str:
        invoice = self._invoice()
        if invoice is None:
            return ""
        amount = self.chance.choice((self._amount(), str(max(invoice.outstanding, Decimal("5.00")))))
        body = {"invoiceid": invoice.id, "amount": {"amount": amount}, "date": self._today, "type": "Check"}
        return f"cheque {amount} on {invoice.id}: {self._write('payment.create', None, body)}"

    def apply_credit(self) -> str:
        invoice = self._invoice()
        if invoice is None:
            return ""
        own = self._books.credits.children("client_id", invoice.client_id)
        left = [row for row in own if row.vis_state != DELETED and credit_left(self._books, row) > 0]
        if not left:
            line = {"name": "Goodwill", "qty": 1, "unit_cost": {"amount": self._amount()}}
            body = {"clientid": invoice.client_id, "create_date": self._today, "lines": [line]}
            return f"credit note {self._write('credit_note.create', None, body)}"
        credit = self.chance.choice(left)
        amount = min(credit_left(self._books, credit), invoice.outstanding)
        if amount <= 0:
            return ""
        body = {"invoiceid": invoice.id, "amount": {"amount": str(amount)}, "date": self._today, "type": "Credit"}
        return (
            f"credit {amount} on {invoice.id}: {self._write('payment.create', None, {**body, 'creditid': credit.id})}"
        )

    def edit_payment(self) -> str:
        row = self._payment()
        if row is None or row.credit_id is not None or not self._is_known(row):
            return ""
        invoice = self._books.invoices.rows[row.invoice_id]
        room = max(invoice.outstanding, Decimal(0)) + (row.amount if row.vis_state != DELETED else 0)
        amount = min(room, Decimal(self._amount()))
        if amount <= 0:
            return ""
        return f"edit payment to {amount}: {self._write('payment.update', row.id, {'amount': {'amount': str(amount)}})}"

    def delete_or_restore_payment(self) -> str:
        row = self._payment()
        if row is None:
            return ""
        state = 1 if row.vis_state != DELETED else 0
        return f"payment to vis_state {state}: {self._write('payment.update', row.id, {'vis_state': state})}"

    def move_payment(self) -> str:
        row, target = self._payment(), self._invoice()
        if row is None or target is None or row.credit_id is not None or target.id == row.invoice_id:
            return ""
        if row.vis_state == DELETED or target.outstanding < row.amount or target.vis_state == DELETED:
            return ""
        return f"move payment to {target.id}: {self._write('payment.update', row.id, {'invoiceid': target.id})}"

    # ---- the platform ------------------------------------------------------------------------------------------------

    def pay(self) -> str:
        invoice = self._invoice()
        if invoice is None:
            return ""
        self.paid += 1
        amount = self.chance.choice((str(invoice.outstanding), self._amount()))
        if Decimal(amount) <= 0:
            amount = self._amount()
        self._pay(invoice.id, amount)
        if self.chance.random() < 0.2:
            self.paid += 1
            self._pay(invoice.id, amount)
        return f"pay_{self.paid}: {amount} on {invoice.id}"

    def change_status(self) -> str:
        movable = [row for row in self.stage.rows().payments.values() if NEXT_STATUS[row.status]]
        if not movable:
            return ""
        payment = self.chance.choice(movable)
        status = self.chance.choice(NEXT_STATUS[payment.status])
        self.stage.move(payment.id, status)
        return f"{payment.id} {status}"

    # ---- people ------------------------------------------------------------------------------------------------------

    def choose(self) -> str:
        """Press one of the buttons that the issues show; what has changed meanwhile is refused, and that is fine."""
        issues = [issue for issue in self.stage.rows().issues.values() if issue.kind in STANDING_KINDS]
        offered = sorted({offer for issue in issues for offer in _offers(issue)})
        if not offered:
            return ""
        kind, key, action, records = self.chance.choice(offered)
        if kind == "invoice":
            return self._take_freshbooks_version(InvoiceId(int(key)))
        payment_id, choice = PaymentId(key), Choice(action)
        named = self._record_for(payment_id, choice, records)
        generation = self.stage.push(payment_id).generation

        def heard(refused: str | None) -> None:
            if refused is None:
                self.drawer.choices[payment_id, generation] = choice
            else:
                self.told.append(f"... {refused}")

        self.stage.press(payment_id, choice, named, heard)
        return f"{payment_id}: {choice} {named or ''}"

    def _take_freshbooks_version(self, invoice_id: InvoiceId) -> str:
        if self.stage.invoice(invoice_id).is_frozen:
            self.drawer.taken.add(invoice_id)
        self.stage.take_freshbooks_version(invoice_id)
        return f"take FreshBooks' version of {invoice_id}"

    def _record_for(self, payment_id: PaymentId, choice: Choice, records: str) -> FbPaymentId | None:
        if choice is Choice.STAND_IN and records:
            return FbPaymentId(int(records.split(",", maxsplit=1)[0]))
        if choice is not Choice.SETTLED_BY_HAND:
            return None
        invoice_id = self.stage.rows().payments[payment_id].invoice_id
        on_it = self._books.payments.children("invoice_id", invoice_id)
        typed = [row.id for row in on_it if row.vis_state != DELETED and not markers_in(row.note) and not row.credit_id]
        return FbPaymentId(self.chance.choice(typed)) if typed else None

    # ---- the doorbell ------------------------------------------------------------------------------------------------

    def ring(self) -> str:
        known: list[tuple[Resource, Any]] = [
            (Resource.INVOICES, self._books.invoices),
            (Resource.PAYMENTS, self._books.payments),
            (Resource.CUSTOMERS, self._books.clients),
            (Resource.CREDITS, self._books.credits),
        ]
        resource, shelf = self.chance.choice(known)
        if not shelf.rows:
            return ""
        key = self.chance.choice(list(shelf.rows)) + (1000 if self.chance.random() < 0.05 else 0)
        due = self.stage.clock.now() + timedelta(seconds=self.chance.choice((0, 0, 2, 60)))
        self.stage.ring(resource, key, due)
        return f"ring {resource} {key}"

    def sync_now(self) -> str:
        self.stage.touch(sync_asked_at=self.stage.clock.now())
        return "sync now"


def _offers(issue: Issue) -> Iterator[tuple[str, str, str, str]]:
    """List whose buttons an issue shows: what the subject is, its id, the action, and the records it is about."""
    data = dict(issue.data)
    kind, key = issue.subject
    for action in issue.actions:
        keys = data["stand_in"].split(",") if action == Choice.STAND_IN else [key]
        yield from ((kind, one, action, data.get("fb_payment_ids", "")) for one in keys)


STEPS: tuple[Callable[[Steps], str], ...] = (
    Steps.pay,
    Steps.pay,
    Steps.pay,
    Steps.change_status,
    Steps.change_status,
    Steps.change_status,
    *[Steps.choose] * 6,
    Steps.type_payment,
    Steps.type_payment,
    Steps.apply_credit,
    Steps.edit_payment,
    Steps.delete_or_restore_payment,
    Steps.delete_or_restore_payment,
    Steps.move_payment,
    Steps.create_invoice,
    Steps.edit_lines,
    Steps.edit_lines,
    Steps.edit_terms,
    Steps.edit_customer,
    Steps.hide_or_show_invoice,
    Steps.create_customer,
    Steps.edit_customer_card,
    Steps.ring,
    Steps.ring,
    Steps.sync_now,
)
