"""Set Up Accounts asks FreshBooks through the same gate as the partner's supervisor (C4)."""

from datetime import timedelta

import pytest

from daemon.adapters.freshbooks.calls import Call
from daemon.app.books import PATIENCE_S, PartnerBooks
from daemon.core.errors import AuthorizationExpired, FreshBooksUnavailable
from daemon.core.policy import Policy, PullPolicy, PushPolicy, RatePolicy
from daemon.core.rate_limit import Priority
from tests.actors.stage import PARTNER, ActorStage, connected
from tests.direct_freshbooks import once

SLOW = Policy(rate=RatePolicy(calls_per_window=60, creates_per_window=30, burst=1))


def stand() -> tuple[ActorStage, PartnerBooks]:
    stage = ActorStage(1, policy=SLOW)
    stage.connect()
    return stage, PartnerBooks(world=stage.world, rate=lambda: SLOW.rate)


def is_ledger(call: Call) -> bool:
    return "businesses" in call.path


async def test_the_dialog_s_calls_draw_on_the_supervisor_s_budget() -> None:
    async with connected(1) as stage:
        books = PartnerBooks(world=stage.world, rate=lambda: stage.policy.rate)
        gate = stage.world.limiters.of(PARTNER, stage.policy.rate)
        supervised = next(child.supervisor for child in stage.root._children.values())
        assert supervised._limiter is gate
        before = gate._budget.calls
        assert await books.ledger_accounts(PARTNER)
        assert gate._budget.calls.tokens < before.capacity


async def test_the_dialog_waits_for_its_turn() -> None:
    stage, books = stand()
    gate = stage.world.limiters.of(PARTNER, SLOW.rate)
    for _ in range(3):
        await gate.acquire(Priority.BACKFILL)
    began = stage.clock.monotonic()
    assert await books.ledger_accounts(PARTNER)
    assert stage.clock.monotonic() - began > 0.5


async def test_a_person_does_not_wait_longer_than_a_browser_does() -> None:
    stage, books = stand()
    gate = stage.world.limiters.of(PARTNER, SLOW.rate)
    gate.throttled(120.0, create=False)
    began = stage.clock.monotonic()
    with pytest.raises(FreshBooksUnavailable, match="try again in a minute"):
        await books.ledger_accounts(PARTNER)
    assert stage.clock.monotonic() - began == pytest.approx(PATIENCE_S)


async def test_a_429_to_the_dialog_slows_the_supervisor_down() -> None:
    stage, books = stand()
    stage.caller.turn(once(is_ledger, FreshBooksUnavailable("429", throttled=True, retry_after=timedelta(seconds=9))))
    with pytest.raises(FreshBooksUnavailable):
        await books.ledger_accounts(PARTNER)
    began = stage.clock.monotonic()
    await stage.world.limiters.of(PARTNER, SLOW.rate).acquire(Priority.PUSH)
    assert stage.clock.monotonic() - began >= 9


async def test_an_expired_token_is_refreshed_once() -> None:
    stage, books = stand()
    stage.caller.turn(once(is_ledger, AuthorizationExpired("401")))
    assert await books.ledger_accounts(PARTNER)
    assert stage.keys.refreshed == 1


async def test_a_supervisor_that_starts_anew_finds_what_was_drawn() -> None:
    stage, _ = stand()
    gate = stage.world.limiters.of(PARTNER, SLOW.rate)
    assert stage.world.limiters.of(PARTNER, SLOW.rate) is gate
    stage.world.limiters.forget(PARTNER)
    assert stage.world.limiters.of(PARTNER, SLOW.rate) is not gate


# ---- keep-alive ------------------------------------------------------------------------------------------------------


async def test_an_idle_partner_s_tokens_are_refreshed_well_before_they_expire() -> None:
    """Nothing happens for a week; the twelve hours of every access token never run out."""
    rare = timedelta(days=9)
    rarely = PullPolicy(
        payments_interval=rare,
        invoices_interval=rare,
        census_interval=rare,
        accounts_interval=rare,
        callbacks_interval=rare,
    )
    idle = Policy(token_refresh_margin=timedelta(hours=1), pull=rarely, push=PushPolicy(sweep_interval=rare))
    async with connected(0, policy=idle) as stage:
        before = stage.keys.refreshed
        await stage.world.clock.sleep(timedelta(days=7).total_seconds())
        assert stage.keys.refreshed - before == 7 * 24 // 11
