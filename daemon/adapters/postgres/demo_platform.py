"""Writes at the boundary what the platform would write: the demo's customers and banks act through it."""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.core.model import InvoiceId, PartnerId, PaymentId, PaymentStatus, PayoutId

_SQL = queries.load("demo_platform")


class DemoPlatform:
    """The platform's own side. Every method is one transaction and raises StoreUnavailable."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def partners(self) -> tuple[tuple[PartnerId, str], ...]:
        """List the partners by id and name."""
        async with self._source.connection() as connection:
            return tuple(
                (PartnerId(row["partner_id"]), row["name"]) for row in await connection.fetch(_SQL["partners"])
            )

    async def pay(
        self, partner_id: PartnerId, invoice_id: InvoiceId, amount: Decimal, method: str, now: datetime
    ) -> PaymentId | None:
        """Insert a payment that has just been initiated; None when the invoice is not payable or less is due (P12).

        The insert itself queues the record in FreshBooks, as for every payment of the platform (W4).
        """
        payment_id = f"pay_{secrets.token_hex(5)}"
        async with self._source.transaction() as connection:
            made = await connection.fetchval(_SQL["pay"], partner_id, invoice_id, payment_id, amount, method, now)
        return PaymentId(made) if made else None

    async def set_status(
        self, partner_id: PartnerId, payment_id: PaymentId, status: PaymentStatus, now: datetime
    ) -> bool:
        """Move a payment on; False when it is unknown or cannot go there from where it is."""
        async with self._source.transaction() as connection:
            moved = await connection.fetchval(_SQL["set_status"], partner_id, payment_id, status.value, now)
        return moved is not None

    async def pay_out(self, partner_id: PartnerId, now: datetime) -> PayoutId | None:
        """Pay out, in one currency, every payment that succeeded and is in no payout yet; None when there is none.

        What was charged back or refunded since its payout is taken back, and fees are kept: 2.9 % of cards, 0.5 % else.
        """
        payout_id = f"po_{secrets.token_hex(5)}"
        arrives_on = (now + timedelta(days=2)).date()
        async with self._source.transaction() as connection:
            made = await connection.fetchval(_SQL["pay_out"], partner_id, payout_id, arrives_on, now)
            # Its members are known before it succeeds, as the platform's are.
            await connection.execute(_SQL["settle_payout"], partner_id, payout_id, now)
        return PayoutId(made) if made else None
