"""Performs a lane's effects: finds the account, hands it to whoever does the work, gives back the event."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import assert_never

from daemon.actors.callbacks import PacedCallbacks
from daemon.actors.counting import count_pages
from daemon.actors.limiter import Limiter, Line
from daemon.actors.pull import list_accounts, pull_pages, reread_objects
from daemon.actors.push import push_next
from daemon.actors.read_ahead import ReadAhead
from daemon.actors.verify import Verification
from daemon.actors.world import World
from daemon.core import events
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


class Performer:
    """Works for one supervisor, through its limiter; begins nothing more once `goes_on` says no."""

    def __init__(self, partner_id: PartnerId, world: World, limiter: Limiter, goes_on: Callable[[], bool]) -> None:
        self._partner_id = partner_id
        self._goes_on = goes_on
        self._world = world
        self._limiter = limiter
        self._verification: Verification | None = None

    async def perform(  # noqa: C901, PLR0911, PLR0912 one case per effect: the table reads better whole
        self, effect: LaneEffect, connection: Connection, policy: Policy, ahead: ReadAhead
    ) -> events.Event:
        """Perform one effect, taking pages from what is read `ahead`.

        Raises what FreshBooks and Postgres do to it: the supervisor makes events of that.
        """
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
                return await count_pages(world, self._line(connection), effect, policy.pull)
            case PullPages():
                return await pull_pages(world, self._line(connection), ahead, effect, policy.pull)
            case RereadObjects():
                return await reread_objects(world, self._line(connection), effect, policy.pull)
            case ListAccounts():
                return await list_accounts(world, self._line(connection), effect)
            case EnsureCallbacks():
                return await self._ensure_callbacks(effect, connection, policy)
            case PushNext():
                return await push_next(world, self._line(connection), effect, policy.push, self._goes_on)
            case VerifyBooks():
                return await self._verify(effect, connection, policy)
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

    async def note_failure(self, effect: CountPages | PullPages, error: Exception, policy: Policy) -> None:
        """Enter into the sync history that a run fails from now on; without Postgres only the log tells (T3)."""
        failed = replace(effect.cursor, finished_at=self._world.clock.now())
        kept, why = policy.pull.history_kept, f"{type(error).__name__}: {error}"
        with suppress(StoreUnavailable):
            await self._world.store.finish_run(effect.scope, failed.feed, failed, "failed", kept=kept, error=why)

    async def _ensure_callbacks(self, effect: EnsureCallbacks, connection: Connection, policy: Policy) -> events.Event:
        """Keep FreshBooks' callbacks in order; polling goes on whether or not they are allowed to ring (P1)."""
        try:
            done = await self._world.doorbell.ensure(effect.scope, self._callbacks(connection))
        except (FreshBooksRefused, FreshBooksAnswerInvalid) as error:
            retry_s = policy.pull.callbacks_retry.total_seconds()
            self._world.telemetry.call_failed(
                self._partner_id, "callbacks", f"{type(error).__name__}: {error}", 1, retry_s
            )
            done = False
        return events.CallbacksEnsured(done=done)

    async def _verify(self, effect: VerifyBooks, connection: Connection, policy: Policy) -> events.Event:
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
        if await current.step(self._line(connection), effect.cursors):
            await world.verify.show_progress(scope, ask, now, current.stage, current.percent)
            return events.Verified(next_at=now)
        self._verification = None
        report = await world.verify.finish(scope, ask, world.clock.now(), current.report, policy.verify.history_kept)
        world.telemetry.verified(scope.partner_id, outcome_of(report).value, report.drifted)
        return events.Verified(next_at=now)

    async def _revoke(self, effect: RevokeToken, connection: Connection) -> events.Event:
        try:
            if connection.scope is not None:
                await self._world.doorbell.remove(connection.scope, self._callbacks(connection))
            await self._world.tokens.revoke(effect.partner_id)
        except AuthorizationLost:
            pass  # nothing is left that could be revoked
        except (FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid, AuthorizationExpired, KeyMissing):
            if not effect.give_up:
                raise
        await self._world.store.disconnected(effect.partner_id, self._world.clock.now())
        return events.TokenRevoked()

    def _callbacks(self, connection: Connection) -> PacedCallbacks:
        line = self._line(connection)
        return PacedCallbacks(self._world.callbacks(connection), lambda: line.draw(Priority.CHANGES))

    def _line(self, connection: Connection) -> Line:
        return Line(self._partner_id, self._world.account(connection), self._limiter, self._world.telemetry)
