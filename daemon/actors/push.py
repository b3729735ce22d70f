"""The push lane's work: bring one payment into FreshBooks at most once, every step durable before the next (W4, W5)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from daemon.actors.limiter import Line
from daemon.actors.pull import read_snapshot
from daemon.actors.world import World
from daemon.core.effects import PushNext
from daemon.core.errors import (
    AuthorizationExpired,
    FenceLost,
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.events import Pushed
from daemon.core.exchange import Claim, DecideInvoice, PaymentDraft, Reread
from daemon.core.invoice_rules import decide_snapshot, decide_without_read
from daemon.core.model import CustomerId, FbPayment, Push, PushState, Resource
from daemon.core.payment_rules import (
    Absent,
    Failure,
    LookupVerdict,
    Post,
    after_failure,
    after_guard,
    after_lookup,
    after_post,
    guard,
    lookup,
    note_for,
    payment_date,
    payment_type,
)
from daemon.core.policy import PushPolicy
from daemon.core.rate_limit import Priority

LOOKUP_OVERLAP = timedelta(days=2)
"""A look-up asks for payments updated since this long before the claim: `updated_min` has day granularity."""


async def push_next(world: World, line: Line, effect: PushNext, policy: PushPolicy) -> Pushed:
    """Claim the oldest due push and work on it; tell when the next one is due.

    Raises what the reads before a POST raise: nothing was sent then, and the claim is given back.
    """
    now = world.clock.now()
    claim = await world.store.claim(effect.scope, now, _claim_deadline(now, policy))
    if claim is None:
        return Pushed(next_at=await world.store.next_push_at(effect.scope, now))
    work = _Work(world, line, claim, policy, effect.timezone)
    try:
        await work.run()
    except FenceLost:
        # Someone else holds the claim now: whatever was decided here must not be stored, and will be decided there.
        return Pushed(next_at=now)
    return Pushed(next_at=now, rereads=True)


def _claim_deadline(now: datetime, policy: PushPolicy) -> datetime:
    """Give a claim time for its reads, and one longest possible POST after the last moment at which it may send."""
    return now + 2 * policy.post_timeout


class _Work:
    """One claimed push on its way."""

    def __init__(self, world: World, line: Line, claim: Claim, policy: PushPolicy, timezone: str) -> None:
        self._world = world
        self._line = line
        self._claim = claim
        self._payment = claim.link.payment
        self._policy = policy
        self._timezone = timezone
        self._send_before = world.clock.now() + policy.post_timeout

    async def run(self) -> None:
        """Look up what may have landed, check the books, and post."""
        push = self._claim.push
        try:
            if push.state is PushState.SENDING:
                # The sender died or was cut off between the request and its record.
                push = after_failure(push, self._payment, Failure.MAYBE_LANDED, self._now(), self._policy)
            if push.claimed_at is not None:
                push, go_on = await self._look_up(push)
                if not go_on:
                    await self._record(push)
                    return
            await self._send_if_right(push)
        except FreshBooksNotFound:
            await self._record(after_failure(push, self._payment, Failure.REFUSED, self._now(), self._policy))
        except (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, AuthorizationExpired):
            await self._world.store.record(self._claim, push)
            raise

    async def _look_up(self, push: Push) -> tuple[Push, bool]:
        """Search FreshBooks for what an earlier claim may have left there; tell whether posting is still open."""
        verdict = await self._search(push)
        if isinstance(verdict, Absent) and push.state is not PushState.UNCERTAIN:
            return push, True
        return after_lookup(push, self._payment, verdict, self._now(), self._policy), False

    async def _search(self, push: Push) -> LookupVerdict:
        claimed_at = push.claimed_at or self._now()
        customer_id = await self._customer()
        since = (claimed_at - LOOKUP_OVERLAP).date()
        seen: list[FbPayment] = []
        for deleted in (False, True):
            seen += await self._ask_payments(customer_id, since, deleted=deleted)
        return lookup(push, self._payment, seen, claimed_at)

    async def _ask_payments(self, customer_id: CustomerId, since: date, *, deleted: bool) -> Sequence[FbPayment]:
        return await self._line(Priority.PUSH, lambda fb: fb.payments_of_customer(customer_id, since, deleted=deleted))

    async def _customer(self) -> CustomerId:
        known = self._claim.context.invoice
        if known is not None:
            return known.terms.customer_id
        invoice, _ = await self._line(Priority.PUSH, lambda fb: fb.invoice(self._claim.invoice_id))
        return invoice.customer_id

    async def _send_if_right(self, push: Push) -> None:
        """Read the books again and post only what they still have room for (W5)."""
        await self._line.draw_create(Priority.PUSH)
        snapshot = await read_snapshot(self._world, self._line, self._claim.invoice_id, Priority.PUSH)
        verdict = guard(self._payment, push, snapshot, self._claim.context, self._policy)
        if isinstance(verdict, Post):
            await self._send(push)
            return
        # A person's naming of a record counts only together with the snapshot that shows it.
        judged = after_guard(push, verdict, self._now(), self._policy)
        await self._record(judged, partial(decide_snapshot, snapshot))

    async def _send(self, push: Push) -> None:
        """Fence, post once, and store whatever came of it."""
        draft = PaymentDraft(
            invoice_id=self._claim.invoice_id,
            amount=self._payment.amount,
            currency=self._payment.currency,
            paid_on=payment_date(self._payment.initiated_at, self._timezone),
            type=payment_type(self._payment.method),
            note=note_for(self._payment, push.generation),
        )
        push = await self._world.store.begin_send(self._claim, self._now() + 2 * self._policy.post_timeout)
        try:
            answered = await self._line.create(lambda fb: fb.create_payment(draft, may_send=self._may_send))
        except AuthorizationExpired:
            await self._fail(push, Failure.UNSENT)
            raise
        except FreshBooksRefused as error:
            await self._fail(push, Failure.REFUSED, str(error))
        except FreshBooksUnavailable as error:
            unsent = error.unsent or error.throttled
            await self._fail(push, Failure.UNSENT if unsent else Failure.MAYBE_LANDED, str(error))
        except FreshBooksAnswerInvalid as error:
            await self._fail(push, Failure.MAYBE_LANDED, str(error))
        else:
            await self._record(after_post(push, self._payment, answered))
            waited = (self._now() - self._payment.initiated_at).total_seconds()
            self._world.telemetry.push_finished(self._claim.scope.partner_id, "recorded", waited)

    def _may_send(self) -> bool:
        return self._now() < self._send_before

    async def _fail(self, push: Push, failure: Failure, detail: str = "") -> None:
        await self._record(after_failure(push, self._payment, failure, self._now(), self._policy, detail))

    async def _record(self, push: Push, decide: DecideInvoice = decide_without_read) -> None:
        """Store what became of the push with what it does to its invoice, then ask for a fresh look at the invoice."""
        now = self._now()
        await self._world.store.record(self._claim, push, decide)
        if push.state is PushState.DONE:
            reread = Reread(resource=Resource.INVOICES, id=self._claim.invoice_id, reason="pushed", due_at=now)
            await self._world.store.ask_reread(self._claim.scope, [reread])

    def _now(self) -> datetime:
        return self._world.clock.now()
