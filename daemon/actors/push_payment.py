"""What is particular to writing a payment: look-up, guard, POST, and what follows for its invoice (W4, W5)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import anyio.lowlevel

from daemon.actors.at_once import at_once
from daemon.actors.limiter import Line
from daemon.actors.ports import Accounting
from daemon.actors.reread import read_snapshot
from daemon.actors.world import World
from daemon.core.errors import FreshBooksNotFound
from daemon.core.exchange import Claim, DecideInvoice, PaymentDraft
from daemon.core.invoice_rules import decide_snapshot, decide_without_read
from daemon.core.model import CustomerId, FbPayment, Link, Push, PushState, Snapshot
from daemon.core.payment_rules import (
    Absent,
    Failure,
    Found,
    GuardVerdict,
    LookupVerdict,
    Post,
    after_failure,
    after_guard,
    after_lookup,
    after_post,
    guard,
    lookup,
    note_for,
    own_record,
    payment_date,
    payment_type,
)
from daemon.core.policy import PushPolicy
from daemon.core.rate_limit import Priority

LOOKUP_OVERLAP = timedelta(days=2)
"""A look-up asks for payments updated since this long before the claim: `updated_min` has day granularity."""


class PaymentErrand:
    """Fulfils `Errand` for one claimed payment."""

    def __init__(self, world: World, line: Line, claim: Claim, policy: PushPolicy, timezone: str) -> None:
        self._world = world
        self._line = line
        self._claim = claim
        self._payment = claim.payment
        self._policy = policy
        self._timezone = timezone

    def failed(self, push: Push, failure: Failure, error: Exception | None = None) -> Push:
        """Tell what a failed POST makes of the push; FreshBooks' own words are shown with a refusal."""
        return after_failure(push, self._payment, failure, self._now(), self._policy, str(error or ""))

    def unreadable(self, push: Push, error: Exception) -> Push | None:
        """Stop for an invoice that FreshBooks does not know; any other refusal of a read is tried again."""
        if isinstance(error, FreshBooksNotFound):
            return after_failure(push, self._payment, Failure.REFUSED, self._now(), self._policy)
        return None

    async def look_up(self, push: Push) -> Push | None:
        """Search FreshBooks for what an earlier claim may have left there; None when posting is still open."""
        verdict = await self._search(push)
        if isinstance(verdict, Absent) and push.state is not PushState.UNCERTAIN:
            return None
        return after_lookup(push, self._payment, verdict, self._now(), self._policy)

    async def _search(self, push: Push) -> LookupVerdict:
        claimed_at = push.claimed_at or self._now()
        customer_id = await self._customer()
        since = (claimed_at - LOOKUP_OVERLAP).date()
        seen: list[FbPayment] = []
        for deleted in (False, True):
            seen += await self._ask_payments(customer_id, since, deleted=deleted)
        return (
            own_record(push, seen) or await self._anywhere(push, since) or lookup(push, self._payment, seen, claimed_at)
        )

    async def _anywhere(self, push: Push, since: date) -> Found | None:
        """Search all the books: the invoice may have another customer than we know, and the record another invoice."""
        seen: list[FbPayment] = []
        for deleted in (False, True):
            seen += await self._ask_marked(since, deleted=deleted)
        return own_record(push, seen)

    async def _ask_marked(self, since: date, *, deleted: bool) -> Sequence[FbPayment]:
        return await self._line(Priority.PUSH, lambda fb: fb.marked_payments(since, deleted=deleted))

    async def _ask_payments(self, customer_id: CustomerId, since: date, *, deleted: bool) -> Sequence[FbPayment]:
        return await self._line(Priority.PUSH, lambda fb: fb.payments_of_customer(customer_id, since, deleted=deleted))

    async def _customer(self) -> CustomerId:
        if self._claim.customer_id is not None:
            return self._claim.customer_id
        invoice, _ = await self._line(Priority.PUSH, lambda fb: fb.invoice(self._claim.invoice_id))
        return invoice.customer_id

    async def prepare(self, push: Push) -> bool:
        """Read the books again and post only what they still have room for (W5)."""
        await self._line.draw_create(Priority.PUSH)
        # Of what was never sent nothing can stand deleted; what follows for an invoice is never decided without them.
        # What waited will mostly wait again.
        short = push.claimed_at is None and push.state is not PushState.WAITING
        snapshot, verdict = await self._judge(push, deleted=not short)
        if short and not isinstance(verdict, Post):
            snapshot, verdict = await self._judge(push, deleted=True)
        if isinstance(verdict, Post):
            return True
        # A person's naming of a record counts only together with the snapshot that shows it.
        judged = after_guard(push, self._payment, verdict, self._now(), self._policy)
        await self._record(judged, partial(decide_snapshot, snapshot))
        return False

    async def _judge(self, push: Push, *, deleted: bool) -> tuple[Snapshot, GuardVerdict]:
        snapshot, links = await at_once(
            lambda: read_snapshot(self._world, self._line, self._claim.invoice_id, Priority.PUSH, deleted=deleted),
            self._links,
        )
        return snapshot, guard(self._payment, push, snapshot, links, self._policy)

    async def _links(self) -> tuple[Link, ...]:
        await anyio.lowlevel.checkpoint()  # FreshBooks is asked first: its answers take longest
        return await self._world.store.links(self._claim)

    async def begin(self, deadline_at: datetime) -> Push:
        """Commit that it is about to be sent."""
        return await self._world.store.begin_send(self._claim, deadline_at)

    async def create(self, books: Accounting, push: Push, may_send: Callable[[], bool]) -> Push:
        """Post the payment once."""
        draft = PaymentDraft(
            invoice_id=self._claim.invoice_id,
            amount=self._payment.amount,
            currency=self._payment.currency,
            paid_on=payment_date(self._payment.initiated_at, self._timezone),
            type=payment_type(self._payment.method),
            note=note_for(self._payment, push.generation),
        )
        return after_post(push, self._payment, await books.create_payment(draft, may_send=may_send))

    async def record(self, push: Push) -> None:
        """Store what became of the push with what it does to its invoice."""
        await self._record(push, decide_without_read)

    async def _record(self, push: Push, decide: DecideInvoice) -> None:
        await self._world.store.record(self._claim, push, decide)

    async def give_back(self, push: Push) -> None:
        """End the claim; nothing was decided. Others go first, so that one unreadable invoice holds up no other."""
        later = self._now() + self._policy.lookup_again_after
        await self._world.store.record(self._claim, replace(push, not_before=later))

    def recorded(self) -> None:
        """Count the payment and how long it took since its initiation."""
        waited = (self._now() - self._payment.initiated_at).total_seconds()
        self._world.telemetry.push_finished(self._claim.scope.partner_id, "recorded", waited)

    def _now(self) -> datetime:
        return self._world.clock.now()
