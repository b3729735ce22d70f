"""The push lane: claim the oldest due push, payments before journal entries, and take it through the protocol (W4)."""

from datetime import datetime, timedelta

from daemon.actors.limiter import Line
from daemon.actors.push_entry import EntryErrand
from daemon.actors.push_payment import PaymentErrand
from daemon.actors.world import World
from daemon.actors.write_back import WriteBack
from daemon.core.effects import PushNext
from daemon.core.errors import FenceLost
from daemon.core.events import Pushed
from daemon.core.policy import PushPolicy

UNCLAIMED_WAIT = timedelta(seconds=1)


async def push_next(world: World, line: Line, effect: PushNext, policy: PushPolicy) -> Pushed:
    """Claim the oldest due push and work on it; tell when the next one is due.

    A payment goes before any deposit or move, so that these never delay one. Raises what the reads before a POST raise:
    nothing was sent then, and the claim is given back.
    """
    now = world.clock.now()
    try:
        worked = await _work(world, line, effect, policy, now)
    except FenceLost:
        # Someone else holds the claim now: whatever was decided here must not be stored, and will be decided there.
        return Pushed(next_at=now)
    if not worked:
        next_at = await world.store.next_push_at(effect.scope, now)
        # What is due and could not be claimed is in someone else's hands: asking again at once would only spin.
        return Pushed(next_at=max(next_at, now + UNCLAIMED_WAIT) if next_at else None)
    return Pushed(next_at=now, rereads=True)


async def _work(world: World, line: Line, effect: PushNext, policy: PushPolicy, now: datetime) -> bool:
    """Work on one push, if any is due; tell whether one was."""
    deadline_at = _claim_deadline(now, policy)
    claim = await world.store.claim(effect.scope, now, deadline_at)
    if claim is not None:
        payment = PaymentErrand(world, line, claim, policy, effect.timezone)
        await WriteBack(world, line, payment, policy).run(claim.push)
        return True
    entry_claim = await world.store.claim_entry(effect.scope, now, deadline_at)
    if entry_claim is None:
        return False
    entry = EntryErrand(world, line, entry_claim, policy, effect.timezone)
    await WriteBack(world, line, entry, policy).run(entry_claim.push)
    return True


def _claim_deadline(now: datetime, policy: PushPolicy) -> datetime:
    """Give a claim time for its reads, and one longest possible POST after the last moment at which it may send."""
    return now + 2 * policy.post_timeout
