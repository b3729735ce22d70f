"""What the push lane stores: claims with their fence, sends, outcomes, and what people choose (W4, W5)."""

from datetime import datetime

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.invoice_context import load_contexts, load_links
from daemon.adapters.postgres.invoice_merge import merge_decisions
from daemon.adapters.postgres.pool import Conn, Source
from daemon.adapters.postgres.push_changes import OURSELVES, PAYMENT, audit, choose_push, open_pushes, store_push
from daemon.adapters.postgres.push_rows import payment_of, push_of
from daemon.adapters.postgres.reread_queue import queue_invoices
from daemon.core.choices import NotOffered, apply_choice
from daemon.core.errors import FenceLost
from daemon.core.exchange import Claim, DecideInvoice, InvoiceRead
from daemon.core.invoice_rules import decide_without_read
from daemon.core.model import (
    Choice,
    CustomerId,
    FbPaymentId,
    InvoiceId,
    Link,
    PaymentId,
    Push,
    PushState,
    Scope,
)

_SQL = queries.load("pushes")


class PushStore:
    """Every write about a claimed push carries the claim's fence and raises FenceLost when it is lost."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def claim(self, scope: Scope, now: datetime, deadline_at: datetime) -> Claim | None:
        """Claim the oldest due push, whatever its open state; committed before anything is sent (W4).

        Order per invoice is kept: an invoice with a push in flight yields none. The state stays as it was: one that is
        still `sending` was cut off between the request and its record. The commit does not wait for the disk: whoever
        claims the same again after a crash of Postgres reads like this one, but only one of them passes `begin_send`.
        """
        lease = self._source.lease(scope.partner_id)
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["claim"], scope.partner_id, scope.account_id, now, deadline_at, lease)
        if row is None:
            return None
        push, invoice_id = push_of(row), InvoiceId(row["invoice_id"])
        return Claim(
            scope=scope,
            payment=payment_of(row),
            push=push,
            invoice_id=invoice_id,
            customer_id=None if row["customer_id"] is None else CustomerId(row["customer_id"]),
            others=row["others"],
        )

    async def links(self, claim: Claim) -> tuple[Link, ...]:
        """Load the platform's payments on the invoice of a claim, with their pushes."""
        async with self._source.connection() as connection:
            return await load_links(connection, claim.scope, claim.invoice_id)

    async def next_push_at(self, scope: Scope, now: datetime) -> datetime | None:
        """Tell when the earliest open push becomes due, or None when none is open; a time long past means at once."""
        async with self._source.connection() as connection:
            found: datetime | None = await connection.fetchval(_SQL["next_at"], scope.partner_id, scope.account_id, now)
        return found

    async def begin_send(self, claim: Claim, deadline_at: datetime) -> Push:
        """Fence the send: state `sending`, this attempt counted, a fresh deadline; on disk. Raises FenceLost.

        It raises the fence once more, so that of two who hold the same claim one sends: the other is refused here.
        """
        lease = self._source.lease(claim.scope.partner_id)
        async with self._source.connection() as connection:
            row = await connection.fetchrow(
                _SQL["begin_send"],
                claim.scope.partner_id,
                claim.push.payment_id,
                claim.push.generation,
                claim.push.fence,
                claim.scope.account_id,
                deadline_at,
                PAYMENT,
                None,
                lease,
            )
        if row is None:
            raise FenceLost(f"payment {claim.push.payment_id} is no longer ours to send")
        return push_of(row)

    async def record(self, claim: Claim, push: Push, decide: DecideInvoice | None = None) -> None:
        """Store what became of a claimed push and, with `decide`, what it does to its invoice, in one transaction.

        Ends the claim, except in state `sending`. A choice that a person made meanwhile stands. What is done asks for a
        fresh look at its invoice. Raises FenceLost.
        """
        async with self._source.writing(claim.scope.partner_id) as connection:
            await store_push(connection, claim, push)
            if push.state is PushState.DONE:
                await _audit_record(connection, claim, push)
            if decide is not None:
                contexts = await load_contexts(connection, claim.scope, [claim.invoice_id])
                read = InvoiceRead(id=claim.invoice_id, decide=decide)
                await merge_decisions(connection, claim.scope, contexts, [read])
            if push.state is PushState.DONE:
                await queue_invoices(connection, claim.scope, [claim.invoice_id], "pushed")

    async def choose(
        self, scope: Scope, payment_id: PaymentId, choice: Choice, fb_payment_id: FbPaymentId | None, who: str
    ) -> NotOffered | None:
        """Apply what a person chose, audited, and decide the invoice anew; tells why when it is not offered (W5, P8).

        Only what the stored facts offer can be chosen, so a button of yesterday's page does nothing. One that is on its
        way or unknown keeps its state and is looked up first. Raises LookupError for an unknown payment.
        """
        async with self._source.writing(scope.partner_id) as connection:
            row = await connection.fetchrow(_SQL["latest"], scope.partner_id, payment_id)
            if row is None:
                raise LookupError(f"partner {scope.partner_id} has no payment {payment_id}")
            # One on an invoice made on the platform is on none of FreshBooks', and has nothing to be chosen.
            invoice_id = InvoiceId(row["invoice_id"] or 0)
            contexts = await load_contexts(connection, scope, [invoice_id])
            chosen = apply_choice(contexts[invoice_id], payment_id, choice, fb_payment_id)
            if isinstance(chosen, NotOffered):
                return chosen
            await choose_push(connection, scope, chosen.changed)
            await open_pushes(connection, scope, [chosen.opened] if chosen.opened else [])
            before, now = push_of(row), chosen.opened or chosen.changed
            await audit(
                connection,
                scope.partner_id,
                who=who,
                what=f"chose {choice.value}",
                subject=f"payment/{payment_id}",
                before=_shown(before),
                after={**_shown(now), "choice": choice.value, "fb_payment_id": fb_payment_id},
            )
            # The push that was just chosen about is part of what is decided.
            contexts = await load_contexts(connection, scope, [invoice_id])
            await merge_decisions(connection, scope, contexts, [InvoiceRead(id=invoice_id, decide=decide_without_read)])
        return None


def _shown(push: Push) -> dict[str, object]:
    return {"generation": push.generation, "state": push.state, "reason": push.reason, "choice": push.choice}


async def _audit_record(connection: Conn, claim: Claim, push: Push) -> None:
    after: dict[str, object] = {
        "fb_payment_id": push.fb_payment_id,
        "invoice_id": claim.invoice_id,
        "amount": str(push.recorded_amount),
        "currency": claim.payment.currency,
        "marker": push.marker,
    }
    await audit(
        connection,
        claim.scope.partner_id,
        who=OURSELVES,
        what="payment recorded in FreshBooks",
        subject=f"payment/{push.payment_id}",
        after=after,
        why=push.reason.value if push.reason else "paid on the platform",
    )
