"""What a step of a random history takes in hand: an invoice or payment near the others, and a way to write it."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from daemon.core.markers import markers_in
from daemon.core.model import InvoiceId, PaymentId, PushState
from daemon.sandbox.errors import ApiError
from tests.actors.history_drawer import Drawer
from tests.actors.history_stage import HistoryStage

AMOUNTS = ("100.00", "60.00", "40.00", "25.50")
NEAR = 3
"""Every history is about few invoices, so that what happens meets; the other ones only have to be mirrored."""


@dataclass(slots=True)
class Hands:
    """How the steps of either side reach what they act on."""

    stage: HistoryStage
    chance: Random
    drawer: Drawer
    paid: int = field(default=0, kw_only=True)

    @property
    def _books(self) -> Any:
        return self.stage.account().books

    @property
    def _today(self) -> str:
        return self.stage.clock.now().date().isoformat()

    def _amount(self) -> str:
        return self.chance.choice(AMOUNTS)

    def _near(self) -> list[Any]:
        return [row for row in self._books.invoices if row.currency == "USD"][-NEAR:]

    def _invoice(self) -> Any:
        newest = self._near()
        return self.chance.choice(newest) if newest else None

    def _payment(self) -> Any:
        near = {row.id for row in self._near()}
        found = [row for row in self._books.payments if row.invoice_id in near]
        return self.chance.choice(found) if found else None

    def _is_known(self, row: Any) -> bool:
        """A split that is edited before anybody has seen its record cannot be told from FreshBooks any more."""
        if row.overpayment_id is None:
            return True
        pushes = self.stage.rows().pushes
        return all(pushes[PaymentId(key), n].state is PushState.DONE for key, n in markers_in(row.note))

    def _pay(self, invoice_id: int, amount: str) -> None:
        method = self.chance.choice(("card", "ach"))
        self.stage.pay(InvoiceId(invoice_id), amount, payment_id=f"pay_{self.paid}", method=method)

    def _edit_invoice(self, **body: Any) -> str:
        invoice = self._invoice()
        return f"edit invoice {body}: {self._write('invoice.update', invoice.id, body)}" if invoice else ""

    def _write(self, operation: str, key: int | None, body: dict[str, Any]) -> str:
        try:
            return str(self.stage.book(operation, key, body).id)
        except ApiError as error:
            return f"refused ({error})"
