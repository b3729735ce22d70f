"""Performs a lane's effects: finds the account, hands it to whoever does the work, gives back the event."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from daemon.actors.admission import Turn, Visit
from daemon.actors.callbacks import Callbacks, PacedCallbacks
from daemon.actors.counting import count_pages
from daemon.actors.limiter import Limiter, Line
from daemon.actors.pull import list_accounts, pull_pages
from daemon.actors.push import push_next
from daemon.actors.read_ahead import ReadAhead
from daemon.actors.reread import reread_objects
from daemon.actors.verify import Verification
from daemon.actors.world import World
from daemon.core import events
from daemon.core.backfill import Feed
from daemon.core.backoff import backoff_delay
from daemon.core.effects import (
    CountPages,
    EnsureCallbacks,
    LaneEffect,
    ListAccounts,
    MarkConnected,
    Park,
    PullPages,
    PushNext,
    RefreshToken,
    RereadObjects,
    RevokeToken,
    StoreCursor,
    StoreEffect,
    VerifyBooks,
)
from daemon.core.errors import (
    AuthorizationExpired,
    AuthorizationLost,
    FreshBooksAnswerInvalid,
    FreshBooksRefused,
    FreshBooksUnavailable,
    KeyMissing,
    StoreUnavailable,
)
from daemon.core.model import PartnerId
from daemon.core.policy import Policy
from daemon.core.rate_limit import Priority
from daemon.core.state import Connection, Lane
from daemon.core.verify import VerifyMode, next_verification, outcome_of, seed_of

NIGHTLY = "nightly"
"""Who asked for a verification that nobody asked for."""

LANE_OF: Mapping[type[LaneEffect], Lane] = {
    RefreshToken: Lane.AUTH,
    RevokeToken: Lane.AUTH,
    CountPages: Lane.PULL,
    PullPages: Lane.PULL,
    RereadObjects: Lane.PULL,
    ListAccounts: Lane.PULL,
    EnsureCallbacks: Lane.PULL,
    PushNext: Lane.PUSH,
    VerifyBooks: Lane.VERIFY,
}
"""In which lane each effect is performed: one at a time in each."""
PATIENT: Final = (CountPages, PullPages, ListAccounts, EnsureCallbacks, VerifyBooks)
"""What waits until others have made room; a payment does not, nor do rereads, which it may wait for in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An effect of a lane that failed so many times before, for the connection and under the policy of this moment."""

    effect: LaneEffect
    lane: Lane
    failures: int
    connection: Connection
    policy: Policy


class Performer:
    """Works for one supervisor, through its limiter; begins nothing more once `goes_on` says no.

    `may_go_on` tells of a feed whether the supervisor, had it its answer, would go on with it.
    """

    def __init__(
        self,
        partner_id: PartnerId,
        world: World,
        limiter: Limiter,
        goes_on: Callable[[], bool],
        may_go_on: Callable[[Feed], bool],
    ) -> None:
        self._partner_id = partner_id
        self._goes_on = goes_on
        self._may_go_on = may_go_on
        self._world = world
        self._limiter = limiter
        self._verification: Verification | None = None

    async def answer(self, attempt: Attempt, ahead: ReadAhead, visit: Visit) -> events.Event:
        """Perform an effect once it may begin, taking pages from what is read `ahead`; what comes of it is an event."""
        if not isinstance(attempt.effect, PATIENT):
            return await self._measured(attempt, ahead, None)
        async with visit.turn() as turn:
            if self._goes_on():
                return await self._measured(attempt, ahead, turn)
        # What stood in line when the process stops is not begun: it is due again at the next start.
        return events.CallFailed(lane=attempt.lane)

    async def _measured(self, attempt: Attempt, ahead: ReadAhead, turn: Turn | None) -> events.Event:
        began = self._world.clock.monotonic()
        with self._world.telemetry.about(partner=self._partner_id):
            event = await self._answered(attempt, ahead, turn)
        name, seconds = type(attempt.effect).__name__, self._world.clock.monotonic() - began
        self._world.telemetry.effect_finished(self._partner_id, name, type(event).__name__, seconds)
        return event

    async def _answered(self, attempt: Attempt, ahead: ReadAhead, turn: Turn | None) -> events.Event:
        """Turn what FreshBooks and Postgres do to it into an event."""
        lane, failures = attempt.lane, attempt.failures
        try:
            event = await self._perform(attempt.effect, attempt.connection, attempt.policy, ahead, turn)
        except AuthorizationExpired:
            return events.TokenRejected(lane=lane)
        except AuthorizationLost as error:
            # Only a refresh can tell that nothing helps any more.
            return events.TokenLost(reason=str(error)) if lane is Lane.AUTH else events.TokenRejected(lane=lane)
        except (
            FreshBooksUnavailable,
            FreshBooksRefused,
            FreshBooksAnswerInvalid,
            KeyMissing,
            StoreUnavailable,
        ) as error:
            if not failures and isinstance(attempt.effect, CountPages | PullPages):
                await self._note_failure(attempt.effect, error, attempt.policy)
            retry_after = error.retry_after if isinstance(error, FreshBooksUnavailable) else None
            delay = backoff_delay(failures + 1, f"{self._partner_id}:{lane}", attempt.policy.backoff, retry_after)
            self._world.telemetry.call_failed(
                self._partner_id, lane, f"{type(error).__name__}: {error}", failures + 1, delay.total_seconds()
            )
            return events.CallFailed(lane=lane, retry_after=retry_after)
        if failures:
            self._world.telemetry.call_recovered(self._partner_id, lane, failures)
        return event

    async def _perform(  # noqa: C901, PLR0911, PLR0912 one case per effect: the table reads better whole
        self, effect: LaneEffect, connection: Connection, policy: Policy, ahead: ReadAhead, turn: Turn | None
    ) -> events.Event:
        world = self._world
        match effect:
            case RefreshToken():
                # A refresh token works once: of two processes, only the one whose partner it is may spend it.
                if not world.holds(self._partner_id):
                    raise StoreUnavailable("the partner's lease is not held now: its token is not refreshed")
                return events.TokenRefreshed(expires_at=await world.tokens.refresh(self._partner_id))
            case RevokeToken():
                return await self._revoke(effect, connection)
            case CountPages():
                return await count_pages(world, self._line(connection, turn), effect, policy.pull)
            case PullPages():
                goes_on = partial(self._may_go_on, effect.cursor.feed)
                return await pull_pages(world, self._line(connection, turn), ahead, effect, policy.pull, goes_on)
            case RereadObjects():
                return await reread_objects(world, self._line(connection, turn), effect, policy.pull)
            case ListAccounts():
                return await list_accounts(world, self._line(connection, turn), effect)
            case EnsureCallbacks():
                return await self._ensure_callbacks(effect, self._callbacks(connection, turn), policy)
            case PushNext():
                return await push_next(world, self._line(connection, turn), effect, policy.push, self._goes_on)
            case VerifyBooks():
                return await self._verify(effect, self._line(connection, turn), policy)
            case _:
                assert_never(effect)

    async def store(self, effect: StoreEffect, policy: Policy) -> None:
        """Store what the next state stands on. Raises StoreUnavailable."""
        store = self._world.store
        match effect:
            case StoreCursor(scope=scope, cursor=cursor):
                await store.save_cursor(scope, cursor)
                await store.finish_run(scope, cursor.feed, cursor, "complete", kept=policy.pull.history_kept)
                self._world.telemetry.run_noted(scope.partner_id)
            case MarkConnected(scope=scope, at=at):
                await store.mark_connected(scope, at)
            case Park(scope=scope, reason=reason, at=at):
                await store.park(scope, reason, at)
            case _:
                assert_never(effect)

    async def _note_failure(self, effect: CountPages | PullPages, error: Exception, policy: Policy) -> None:
        """Enter into the sync history that a run fails from now on; without Postgres only the log tells (T3)."""
        failed = replace(effect.cursor, finished_at=self._world.clock.now())
        kept, why = policy.pull.history_kept, f"{type(error).__name__}: {error}"
        with suppress(StoreUnavailable):
            await self._world.store.finish_run(effect.scope, failed.feed, failed, "failed", kept=kept, error=why)

    async def _ensure_callbacks(self, effect: EnsureCallbacks, callbacks: Callbacks, policy: Policy) -> events.Event:
        """Keep FreshBooks' callbacks in order; polling goes on whether or not they are allowed to ring (P1)."""
        try:
            done = await self._world.doorbell.ensure(effect.scope, callbacks)
        except (FreshBooksRefused, FreshBooksAnswerInvalid) as error:
            retry_s = policy.pull.callbacks_retry.total_seconds()
            self._world.telemetry.call_failed(
                self._partner_id, "callbacks", f"{type(error).__name__}: {error}", 1, retry_s
            )
            done = False
        return events.CallbacksEnsured(done=done)

    async def _verify(self, effect: VerifyBooks, line: Line, policy: Policy) -> events.Event:
        """Take a step of the open verification; without one, open the night's when its time has come (T1)."""
        world, scope, now = self._world, effect.scope, self._world.clock.now()
        ask = await world.verify.open_verification(scope)
        if ask is None:
            self._verification = None
            since = await world.verify.verified_since(scope)
            next_at = next_verification(scope.partner_id, since, effect.timezone, policy.verify)
            if next_at is None or next_at > now:
                return events.Verified(next_at=next_at)
            seed = seed_of(scope.partner_id, now)
            await world.verify.ask(scope.partner_id, VerifyMode.FULL, NIGHTLY, now, seed, repair=False)
            return events.Verified(next_at=now)
        current = self._verification
        if current is None or current.ask != ask:
            current = Verification(world=world, scope=scope, ask=ask, policy=policy)
            await current.begin()
            self._verification = current
        if await current.step(line, effect.cursors):
            await world.verify.show_progress(scope, ask, now, current.stage, current.percent)
            return events.Verified(next_at=now)
        self._verification = None
        report = await world.verify.finish(scope, ask, world.clock.now(), current.report, policy.verify.history_kept)
        world.telemetry.verified(scope.partner_id, outcome_of(report).value, report.drifted)
        return events.Verified(next_at=now)

    async def _revoke(self, effect: RevokeToken, connection: Connection) -> events.Event:
        try:
            if connection.scope is not None:
                await self._world.doorbell.remove(connection.scope, self._callbacks(connection, None))
            await self._world.tokens.revoke(effect.partner_id)
        except AuthorizationLost:
            pass  # nothing is left that could be revoked
        except (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, AuthorizationExpired, KeyMissing):
            if not effect.give_up:
                raise
        await self._world.store.disconnected(effect.partner_id, self._world.clock.now())
        return events.TokenRevoked()

    def _callbacks(self, connection: Connection, turn: Turn | None) -> PacedCallbacks:
        line = self._line(connection, turn)
        return PacedCallbacks(self._world.callbacks(connection), lambda: line.paced(Priority.CHANGES))

    def _line(self, connection: Connection, turn: Turn | None) -> Line:
        return Line(self._partner_id, self._world.account(connection), self._limiter, self._world.telemetry, turn)
