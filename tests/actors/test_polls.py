"""Polls that find nothing new: what they cost, and whom they never hold up. The sandbox's books in virtual time."""

from collections.abc import Sequence
from datetime import timedelta

import anyio

from daemon.adapters.freshbooks.calls import Call
from daemon.core.backfill import Feed
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import Resource
from daemon.core.policy import Policy, PullPolicy
from tests.actors.stage import ActorStage, running

HOUR = timedelta(hours=1)
POLICY = Policy(
    pull=PullPolicy(payments_interval=HOUR, invoices_interval=HOUR, census_interval=24 * HOUR, callbacks_interval=HOUR)
)
LISTINGS = {"clients": 2, "invoices": 2, "credit_notes": 2}
"""What a poll of invoices asks for: each by both visibilities."""


def listed(calls: Sequence[Call]) -> list[str]:
    """The listings asked for, in order."""
    return [call.path.split("/")[-1] for call in calls if call.path.split("/")[-1] in {*LISTINGS, "payments"}]


async def quiet(stage: ActorStage) -> None:
    """Wait until the initial sync and all that follows it is over."""
    await stage.until(lambda: runs(stage, Feed.INVOICES), 3 * HOUR)
    await anyio.sleep(600)


def runs(stage: ActorStage, feed: Feed) -> int:
    return sum(1 for of, _, outcome in stage.rows().runs if (of, outcome) == (feed, "complete"))


async def test_a_poll_that_finds_nothing_new_is_one_effect_and_stores_its_end_alone() -> None:
    stage = ActorStage(5, policy=POLICY)
    stage.connect()
    async with running(stage):
        await quiet(stage)
        stored: list[str] = []
        stage.store.fail = stored.append
        before, asked = len(stage.notes.named("effect_finished")), len(stage.caller.asked)
        await stage.until(lambda: runs(stage, Feed.INVOICES) > 1)
        effects = [fact[2] for fact in stage.notes.named("effect_finished")[before:]]
    calls = listed(stage.caller.asked[asked:])
    assert {name: calls.count(name) for name in LISTINGS} == LISTINGS
    assert effects.count("PullPages") == runs(stage, Feed.INVOICES) - 1 + runs(stage, Feed.PAYMENTS) - 1
    assert stored.count("save_cursor") == effects.count("PullPages")


async def test_a_change_that_is_announced_is_read_before_the_next_listing_of_a_poll() -> None:
    stage = ActorStage(5, policy=POLICY)
    stage.connect()
    async with running(stage):
        await quiet(stage)
        invoice = next(iter(stage.rows().invoices))
        asked = len(stage.caller.asked)

        def rung(call: Call) -> None:
            """Announce a change while the first listing is under way."""
            if call.path.endswith("clients"):
                stage.caller.turn(lambda _: None)
                stage.ring(Resource.INVOICES, invoice, stage.clock.now())

        stage.caller.turn(rung)
        await stage.until(lambda: "clients" in listed(stage.caller.asked[asked:]))
        await anyio.sleep(10)
    calls = [call.path for call in stage.caller.asked[asked:]]
    first = next(index for index, call in enumerate(calls) if call.endswith("clients"))
    read = next(index for index, call in enumerate(calls) if call.endswith(f"invoices/{invoice}"))
    assert read <= first + 2  # the announcement may be heard while the listing after it is under way


async def test_a_listing_that_fails_leaves_those_before_it_read() -> None:
    stage = ActorStage(5, policy=POLICY)
    stage.connect()
    async with running(stage):
        await quiet(stage)
        asked = len(stage.caller.asked)

        def down(call: Call) -> None:
            if "credit_notes" in call.path:
                raise FreshBooksUnavailable("503")

        stage.caller.turn(down)
        await stage.until(lambda: listed(stage.caller.asked[asked:]).count("credit_notes") > 3)
        calls = listed(stage.caller.asked[asked:])
        assert (calls.count("clients"), calls.count("invoices")) == (2, 2)
        assert runs(stage, Feed.INVOICES) == 1
        stage.caller.turn(lambda _: None)
        await stage.until(lambda: runs(stage, Feed.INVOICES) > 1)


async def test_a_stop_waits_for_no_more_than_the_listing_under_way() -> None:
    stage = ActorStage(5, policy=POLICY)
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await quiet(stage)
        asked = len(stage.caller.asked)
        stage.caller.turn(lambda call: stage.root.drain() if call.path.endswith("clients") else None)
        await stage.until(lambda: "clients" in listed(stage.caller.asked[asked:]))
    calls = listed(stage.caller.asked[asked:])
    assert calls[calls.index("clients") + 1 :] == []
    assert stage.rows().cursors[Feed.INVOICES].is_running
