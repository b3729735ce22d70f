"""FreshBooks' budget of calls used to the full while everything is read, and what lives goes first meanwhile (P1)."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
import pytest

from daemon.actors.callbacks import DEBOUNCE
from daemon.adapters.freshbooks.calls import Call
from daemon.core.backfill import Cursor, Feed
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.exchange import Reread
from daemon.core.model import AccountId, Resource, Scope
from daemon.core.policy import Policy, PullPolicy
from daemon.core.state import Connection, ConnectionStatus, Pending, cursor_of
from tests.actors.stage import PARTNER, ActorStage

CALLS = 600
SMALL_PAGES = Policy(pull=PullPolicy(page_size=2, callbacks_interval=timedelta(days=1)))
SOON = timedelta(seconds=2)


@dataclass(slots=True)
class Windows:
    """FreshBooks' fixed minutes: counts the calls in each, and refuses those above the budget."""

    stage: ActorStage
    counts: Counter[datetime] = field(default_factory=Counter)
    refused: int = 0

    def __call__(self, call: Call) -> None:
        now = self.stage.clock.now()
        window = now.replace(second=0, microsecond=0)
        if self.counts[window] >= CALLS:
            self.refused += 1
            raise FreshBooksUnavailable(
                "too many calls", retry_after=window + timedelta(minutes=1) - now, throttled=True
            )
        self.counts[window] += 1

    @property
    def whole(self) -> list[int]:
        """The counts of the windows that began and ended while everything was read."""
        return [self.counts[window] for window in sorted(self.counts)[1:-1]]


def connected(stage: ActorStage) -> Scope:
    """A partner whose initial sync is over, and whose every record is due to be read by the census."""
    now = stage.clock.now()
    scope = Scope(partner_id=PARTNER, account_id=AccountId(str(stage.account().account_id)))
    long_ago = now - timedelta(days=30)
    finished = ((Feed.BACKFILL, long_ago), (Feed.CLOSING, long_ago), (Feed.PAYMENTS, now), (Feed.INVOICES, now))
    stage.store.connect(
        Connection(
            partner_id=PARTNER,
            status=ConnectionStatus.CONNECTED,
            scope=scope,
            accounts_chosen=True,
            token_expires_at=now + timedelta(hours=12),
            epoch=1,
            cursors=tuple(Cursor(feed=feed, began_at=at, finished_at=at, runs=1) for feed, at in finished),
        )
    )
    return scope


@pytest.mark.timeout(180)
async def test_an_initial_sync_uses_at_least_95_percent_of_the_budget_and_is_never_refused() -> None:
    stage = ActorStage(2000, policy=SMALL_PAGES)
    windows = Windows(stage)
    stage.caller.turn(windows)
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: isinstance(stage.root.views()[0].state, Pending))
        await stage.until(lambda: not isinstance(stage.root.views()[0].state, Pending) or not _backfills(stage))
        stage.root.drain()
    assert len(windows.whole) >= 1
    assert min(windows.whole) >= 0.95 * CALLS, windows.counts
    assert windows.refused == 0


def _backfills(stage: ActorStage) -> bool:
    (view,) = stage.root.views()
    assert isinstance(view.state, Pending)
    cursor = cursor_of(view.state, Feed.BACKFILL)
    return cursor.began_at is None or cursor.is_running


@pytest.mark.timeout(180)
async def test_while_everything_is_read_a_change_is_stored_and_a_payment_recorded_within_two_seconds() -> None:
    stage = ActorStage(900, policy=SMALL_PAGES)
    windows = Windows(stage)
    stage.caller.turn(windows)
    changing, paying = stage.bill("100.00"), stage.bill("70.00")
    scope = connected(stage)
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        # The newest invoices are read first; the census goes on for minutes after them.
        await stage.until(lambda: {changing, paying} <= stage.rows().invoices.keys())
        for number in range(8):
            await anyio.sleep(3.7)
            body = {"invoiceid": changing, "amount": {"amount": "1.00"}, "date": "2026-03-02", "type": "Cash"}
            stage.book("payment.create", None, body)
            due_at = stage.clock.now() + DEBOUNCE
            rung = Reread(resource=Resource.INVOICES, id=changing, reason="webhook", due_at=due_at)
            await stage.store.callbacks.ring(scope, rung)
            await stage.until(lambda left=99 - number: stage.invoice(changing).fb_outstanding == left, SOON)  # type: ignore[misc]
            stage.pay(paying, "1.00", payment_id=f"pay_{number}")
            await stage.until(lambda count=number + 1: len(stage.fb_payments(paying)) == count, SOON)  # type: ignore[misc]
        assert cursor_of(stage.root.views()[0].state, Feed.CENSUS).is_running  # type: ignore[arg-type]
        stage.root.drain()
    assert windows.refused == 0
