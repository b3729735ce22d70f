"""What the demo's pages need of the platform that they play a part of; outside the demo nothing fulfils it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from daemon.core.model import InvoiceId, PartnerId, PaymentId, PaymentStatus, PayoutId


class PlatformDesk(Protocol):
    """The platform's own side, as the demo plays it: what a customer and a bank do there. Raises StoreUnavailable."""

    async def partners(self) -> Sequence[tuple[PartnerId, str]]:
        """List the partners by id and name."""
        ...

    async def pay(
        self, partner_id: PartnerId, invoice_id: InvoiceId, amount: Decimal, method: str, now: datetime
    ) -> PaymentId | None:
        """Insert a payment that has just been initiated, as the platform does; None when it would not take it."""
        ...

    async def set_status(
        self, partner_id: PartnerId, payment_id: PaymentId, status: PaymentStatus, now: datetime
    ) -> bool:
        """Move a payment on; False when it is unknown or cannot go there from where it is."""
        ...

    async def pay_out(self, partner_id: PartnerId, now: datetime) -> PayoutId | None:
        """Pay out every payment that succeeded and is in no payout yet, less fees; None when there is none."""
        ...
