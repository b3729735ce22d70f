"""What is deleted in FreshBooks because its money failed, when the partner wants that (O3)."""

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.adapters.postgres.push_changes import OURSELVES, audit
from daemon.core.model import FbPayment, FbPaymentId, InvoiceId, PaymentId, Scope
from daemon.core.take_back import Standing

_SQL = queries.load("take_back")


class TakeBackStore:
    """Each method is one transaction."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def to_take_back(self, scope: Scope, payment_id: PaymentId) -> Standing | None:
        """Tell the record of a failed payment that is to be deleted; None when there is none, or the switch is off."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["candidate"], scope.partner_id, scope.account_id, payment_id)
        if row is None:
            return None
        return Standing(
            payment_id=payment_id,
            generation=row["generation"],
            fb_payment_id=FbPaymentId(row["fb_payment_id"]),
            amount=row["recorded_amount"],
            invoice_id=InvoiceId(row["invoice_id"]),
        )

    async def taken_back(self, scope: Scope, standing: Standing, record: FbPayment) -> None:
        """Audit that a record was deleted in FreshBooks (T2)."""
        async with self._source.writing(scope.partner_id) as connection:
            await audit(
                connection,
                scope.partner_id,
                who=OURSELVES,
                what="payment deleted in FreshBooks",
                subject=f"payment/{standing.payment_id}",
                before={"fb_payment_id": record.id, "invoice_id": record.invoice_id, "amount": str(record.amount)},
                after={"deleted": True},
                why="it failed on the platform, and the partner has such payments deleted",
            )
