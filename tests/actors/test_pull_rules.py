"""What pulling must do when FreshBooks does not answer what was asked, over the sandbox's books in virtual time."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from daemon.actors.callbacks import DEBOUNCE
from daemon.adapters.freshbooks.calls import Call
from daemon.core.backfill import Feed
from daemon.core.model import IssueKind, Resource
from daemon.core.policy import BackoffPolicy, Policy, PullPolicy
from tests.actors.stage import ActorStage

DAY = timedelta(days=1)
POLICY = Policy(
    pull=PullPolicy(payments_interval=DAY / 48, invoices_interval=DAY / 24, census_interval=DAY),
    backoff=BackoffPolicy(maximum=DAY / 48),
)


def runs(stage: ActorStage, feed: Feed) -> int:
    """How many complete runs of a feed are in the sync history."""
    return sum(1 for of, _, outcome in stage.rows().runs if (of, outcome) == (feed, "complete"))


def standing(stage: ActorStage) -> set[tuple[str, str]]:
    return {subject for kind, subject in stage.rows().issues if kind is IssueKind.FILTER_IGNORED}


@pytest.mark.parametrize(("feed", "listing"), [(Feed.PAYMENTS, "payments"), (Feed.INVOICES, "customers")])
async def test_a_pass_whose_filter_freshbooks_ignores_is_an_issue_and_not_complete_until_it_is_heeded(
    feed: Feed, listing: str
) -> None:
    stage = ActorStage(30, policy=POLICY)
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: runs(stage, feed), DAY)
        heeded, before = stage.caller._answer, runs(stage, feed)

        def ignoring(call: Call) -> bytes:
            """Answer as FreshBooks does once it no longer knows a filter: with everything."""
            return heeded(replace(call, params=[pair for pair in call.params if pair[0] != "search[updated_min]"]))

        object.__setattr__(stage.caller, "_answer", ignoring)
        await anyio.sleep(DAY.total_seconds() / 2)
        assert ("listing", f"{feed} {listing}") in standing(stage)
        # Nothing is lost meanwhile: the census asks for everything, and still ends.
        invoice = stage.bill("75.00")
        await anyio.sleep(DAY.total_seconds())
        assert stage.invoice(invoice).amount_due == 75
        assert runs(stage, feed) == before
        object.__setattr__(stage.caller, "_answer", heeded)
        await stage.until(lambda: not standing(stage), DAY)
        assert runs(stage, feed) > before
        stage.root.drain()


@pytest.mark.parametrize("first", [Resource.INVOICES, Resource.PAYMENTS])
async def test_a_change_that_rings_for_an_invoice_and_for_its_payment_is_read_once(first: Resource) -> None:
    stage = ActorStage(0, policy=POLICY)
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        invoice = stage.bill("75.00")
        await stage.until(lambda: invoice in stage.rows().invoices and runs(stage, Feed.PAYMENTS), DAY)
        await anyio.sleep(60)
        body = {"invoiceid": invoice, "amount": {"amount": "30.00"}, "date": "2026-03-02", "type": "Check"}
        payment = stage.book("payment.create", None, body).id
        stage.caller.asked.clear()
        for resource in (first, Resource.PAYMENTS, Resource.INVOICES):
            key = invoice if resource is Resource.INVOICES else payment
            stage.ring(resource, key, stage.clock.now() + DEBOUNCE)
        await stage.until(lambda: not stage.rows().rereads)
        assert stage.invoice(invoice).amount_due == 45
        # The invoice, its live payments, its deleted ones; then the payment by itself.
        assert [call.method for call in stage.caller.asked] == ["GET"] * 4
        stage.root.drain()
