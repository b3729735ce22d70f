"""A small world around one supervisor: what is stored, what is in flight, and FreshBooks' answers to it."""

from dataclasses import replace
from datetime import timedelta

from daemon.core import events
from daemon.core.backfill import Cursor, PageFacts, advance, counted
from daemon.core.effects import (
    CountPages,
    Effect,
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
    VerifyBooks,
)
from daemon.core.policy import Policy
from daemon.core.schedule import lane_of, wake_at
from daemon.core.state import Connected, Connection, ConnectionStatus, Lane, NotConnected, Pending, State, is_leaving
from daemon.core.transition import restore, transition
from tests.core.supervisors import NOW, OTHER_SCOPE, POLICY, SCOPE, TOKEN_LIFE, pending_connection

LANES = {
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


class World:
    """Drives a supervisor as the daemon does, and checks after every step what must always hold."""

    def __init__(self, stored: Connection | None = None, policy: Policy = POLICY) -> None:
        self.now = NOW
        self.policy = policy
        self.stored = stored or pending_connection()
        self.in_flight: dict[Lane, LaneEffect] = {}
        self.started: list[LaneEffect] = []
        self.percent = 0
        self.state: State = restore(self.stored, self.now, self.policy)
        self.step(events.Woke())

    # ---- steps -------------------------------------------------------------------------------------------------------

    def step(self, event: events.Event, *, stores: int | None = None) -> None:
        """Take a step; with `stores`, the process dies after so many store effects of it."""
        before = self.state
        self.state, effects = transition(before, event, self.now, self.policy)
        stored = [e for e in effects if isinstance(e, StoreCursor | MarkConnected | Park)]
        for effect in stored if stores is None else stored[:stores]:
            self._store(effect)
        if stores is not None and stores < len(stored):
            self.restart()
            return
        self.started = [e for e in effects if not isinstance(e, StoreCursor | MarkConnected | Park)]
        for started in self.started:
            lane = LANES[type(started)]
            assert lane not in self.in_flight, f"a second effect in the {lane} lane: {started}"
            self.in_flight[lane] = started
        self.check(before, event)

    def wake(self) -> None:
        """Sleep until the supervisor's deadline: then something starts or changes, else it would spin."""
        at = wake_at(self.state)
        if at is None:
            return
        self.now = max(self.now, at)
        before = self.state
        self.step(events.Woke())
        assert self.started or self.state != before, f"woken at {at} for nothing"

    def restart(self) -> None:
        """Die and start from what is stored."""
        self.in_flight.clear()
        self.percent = 0
        self.state = restore(self.stored, self.now, self.policy)
        self.step(events.Woke())

    def change(self, **changes: object) -> None:
        """Store what a person did, and tell the supervisor."""
        self.stored = replace(self.stored, **changes)  # type: ignore[arg-type]
        self.step(events.ConnectionChanged(connection=self.stored))

    def consent(self, **changes: object) -> None:
        """Connect, or connect again: a new pair of tokens, and what ended begins as Pending."""
        ended = self.stored.status is ConnectionStatus.NOT_CONNECTED
        self.change(
            **{
                "scope": self.stored.scope or SCOPE,
                "status": ConnectionStatus.PENDING if ended else self.stored.status,
                "epoch": self.stored.epoch + 1,
                "token_expires_at": self.now + TOKEN_LIFE,
                "parked": None,
                "disconnecting": False,
                **changes,
            }
        )

    def move(self) -> None:
        """An operator resets the connection, and the partner connects another account."""
        self.consent(scope=OTHER_SCOPE, status=ConnectionStatus.PENDING, cursors=())

    # ---- answers -----------------------------------------------------------------------------------------------------

    def answer(self, lane: Lane, *, changed: int = 0, pages: int = 1, stores: int | None = None) -> None:
        """Let the lane's effect succeed."""
        if lane in self.in_flight:
            event = self._success(self.in_flight.pop(lane), changed, pages)
            self.step(event, stores=stores)
            if isinstance(self.state, Pending | Connected) and lane not in self.in_flight:
                assert lane_of(self.state, lane).failures == 0

    def commit_and_die(self) -> None:
        """The pull lane's transaction commits, but the process dies before the supervisor learns of it."""
        if Lane.PULL in self.in_flight:
            self._success(self.in_flight[Lane.PULL], 0, 1)
            self.restart()

    def fail(self, lane: Lane, retry_after: timedelta | None = None) -> None:
        if lane in self.in_flight:
            del self.in_flight[lane]
            self.step(events.CallFailed(lane=lane, retry_after=retry_after))

    def reject(self, lane: Lane) -> None:
        """FreshBooks no longer takes the access token."""
        if lane is not Lane.AUTH and lane in self.in_flight:
            del self.in_flight[lane]
            self.step(events.TokenRejected(lane=lane))

    def lose_token(self) -> None:
        """The refresh token is spent: whatever needed it learns so."""
        if isinstance(self.in_flight.get(Lane.AUTH), RefreshToken):
            del self.in_flight[Lane.AUTH]
            self.step(events.TokenLost(reason="revoked in FreshBooks"))

    def _success(self, effect: LaneEffect, changed: int, pages: int) -> events.Event:
        later = self.now + timedelta(minutes=changed) if changed else None
        match effect:
            case RefreshToken() | RevokeToken():
                return self._auth_success(effect)
            case CountPages() | PullPages():
                return self._pages_success(effect, changed, pages)
            case RereadObjects():
                return events.ObjectsReread(next_at=later, served=changed > 0)
            case ListAccounts() | EnsureCallbacks():
                is_list = isinstance(effect, ListAccounts)
                return events.AccountsListed() if is_list else events.CallbacksEnsured(done=changed == 0)
            case PushNext():
                return events.Pushed(next_at=later, rereads=changed > 1)
            case VerifyBooks():
                return events.Verified(next_at=later)

    def _auth_success(self, effect: RefreshToken | RevokeToken) -> events.Event:
        if isinstance(effect, RefreshToken):
            self.stored = replace(self.stored, token_expires_at=self.now + TOKEN_LIFE)
            return events.TokenRefreshed(expires_at=self.now + TOKEN_LIFE)
        if self.stored.disconnecting:
            self.stored = replace(self.stored, status=ConnectionStatus.NOT_CONNECTED, scope=None, disconnecting=False)
        return events.TokenRevoked()

    def _pages_success(self, effect: CountPages | PullPages, changed: int, pages: int) -> events.Event:
        cursor = effect.cursor
        if isinstance(effect, CountPages):
            left = len(cursor.queue) - len(cursor.counts)
            totals = [changed if number % 5 == 0 else 0 for number in range(min(left, 10))]
            cursor = counted(cursor, totals, cursor.page_size)
        else:
            facts = PageFacts(page=cursor.page, pages=pages, total=100 * pages, changed=changed)
            cursor = advance(cursor, facts)
        self._save(cursor)
        return events.PagesStored(scope=effect.scope, cursor=cursor, rereads=changed > 1)

    def _store(self, effect: Effect) -> None:
        match effect:
            case StoreCursor(cursor=cursor):
                self._save(cursor)
            case MarkConnected():
                self.stored = replace(self.stored, status=ConnectionStatus.CONNECTED)
            case Park(reason=reason):
                self.stored = replace(self.stored, parked=reason)
            case _:
                raise AssertionError(effect)

    def _save(self, cursor: Cursor) -> None:
        cursors = {c.feed: c for c in self.stored.cursors} | {cursor.feed: cursor}
        self.stored = replace(self.stored, cursors=tuple(cursors.values()))

    # ---- what always holds -------------------------------------------------------------------------------------------

    def check(self, before: State, event: events.Event) -> None:
        state = self.state
        at = wake_at(state)
        assert at is None or at > self.now, f"would wake at once after {event}: {at}"
        if isinstance(state, NotConnected):
            assert not self.started
            return
        assert {lane for lane in Lane if lane_of(state, lane).busy} == self.in_flight.keys()
        if isinstance(before, Connected) and not isinstance(event, events.ConnectionChanged):
            assert isinstance(state, Connected) or is_leaving(before), "Connected returned to Pending on its own"
        stopped = state.parked is not None or state.connection.paused or state.connection.disconnecting
        for effect in self.started:
            assert isinstance(effect, RefreshToken | RevokeToken) or effect.scope == state.scope
            assert not is_leaving(state)
            assert not stopped or (isinstance(effect, RevokeToken) and state.connection.disconnecting)
            assert not isinstance(effect, PushNext) or (isinstance(state, Connected) and self.stored.accounts_chosen)
            assert not isinstance(effect, RevokeToken) or self.in_flight.keys() == {Lane.AUTH}
