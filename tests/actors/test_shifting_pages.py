"""Listings that change while they are read, clocks that repeat an hour, and accounts of every awkward size."""

from datetime import UTC, datetime, timedelta
from random import Random

import anyio
import pytest

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import InvoiceId
from daemon.core.policy import Policy, PullPolicy
from daemon.core.state import ConnectionStatus
from tests.actors.history_mirrors import differences
from tests.actors.stage import ActorStage

SMALL_PAGES = Policy(pull=PullPolicy(page_size=10))
MINUTE = timedelta(minutes=1)


def is_list(call: Call, resource: str = "invoices/invoices") -> bool:
    """Whether a call asks for a page of records."""
    return call.method == "GET" and call.path.endswith(resource)


def reprice(stage: ActorStage, invoice_id: int, amount: int) -> None:
    """Edit an invoice in FreshBooks."""
    line = {"name": f"Repriced to {amount}", "qty": 1, "unit_cost": {"amount": f"{amount}.00"}}
    stage.book("invoice.update", invoice_id, {"lines": [line]})


async def connect(stage: ActorStage) -> list[str]:
    """Run the initial sync and list what differs at the very moment of Connected."""
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        found = list(differences(stage))
        stage.root.drain()
    return found


@pytest.mark.parametrize("size", [0, 1, 100, 101])
async def test_an_account_of_any_size_is_complete_once_connected(size: int) -> None:
    stage = ActorStage(size)
    assert await connect(stage) == []
    assert len(stage.rows().invoices) == size


@pytest.mark.parametrize("seed", range(4))
async def test_a_year_of_pages_that_shift_while_they_are_read_is_complete_once_connected(seed: int) -> None:
    """Rows are created, deleted, restored and edited between any two pages, so that every later page shifts."""
    chance, stage = Random(seed), ActorStage(240, policy=SMALL_PAGES)
    left = 150

    def shift(call: Call) -> None:
        nonlocal left
        if left == 0:
            return
        left -= 1
        invoices = list(stage.account().books.invoices)
        row = chance.choice(invoices)
        day = stage.clock.now().date() - timedelta(days=chance.randrange(-3, 360))
        match chance.randrange(4):
            case 0:
                stage.bill("10.00", create_date=day.isoformat())
            case 1:
                stage.book("invoice.update", row.id, {"vis_state": 1 - row.vis_state % 2})
            case 2 if row.outstanding > 0:
                stage.book("invoice.update", row.id, {"create_date": day.isoformat()})
            case _:
                body = {"invoiceid": row.id, "amount": {"amount": "1.00"}, "date": day.isoformat(), "type": "Cash"}
                if row.vis_state != 1:
                    stage.book("payment.create", None, body)

    stage.caller.turn(shift)
    assert await connect(stage) == []
    assert left == 0
    assert len(stage.rows().invoices) > 250


async def test_a_row_updated_between_page_1_and_page_9_is_stored_as_it_is_now() -> None:
    stage = ActorStage(400, policy=Policy(pull=PullPolicy(page_size=4)))
    edited: list[InvoiceId] = []

    def edit(call: Call) -> None:
        if is_list(call) and ("page", "9") in call.params and not edited:
            stored = [key for key, row in stage.rows().invoices.items() if not row.is_frozen and row.fb_outstanding]
            edited.append(stored[0])
            reprice(stage, stored[0], 987_654)

    stage.caller.turn(edit)
    assert await connect(stage) == []
    assert stage.invoice(edited[0]).terms.total == 987_654


async def test_edits_in_the_repeated_autumn_hour_are_stored_in_their_true_order() -> None:
    """The second edit's `updated` reads 01:10, earlier than the first one's 01:30: FreshBooks' text cannot say."""
    stage = ActorStage(0)
    stage.clock.step(datetime(2026, 11, 1, 4, 50, tzinfo=UTC) - stage.clock.now())
    invoice, other = stage.bill("100.00"), stage.bill("70.00")
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        for at, amount in (((5, 30), 60), ((6, 10), 40), ((6, 40), 55), ((7, 5), 45)):
            await stage.until(lambda at=at: stage.clock.now() >= datetime(2026, 11, 1, *at, tzinfo=UTC))  # type: ignore[misc]
            reprice(stage, invoice, amount)
            if amount == 40:
                stage.pay(other, "30.00")
            stage.touch(sync_asked_at=stage.clock.now())
            await stage.until(lambda amount=amount: stage.invoice(invoice).amount_due == amount, MINUTE)  # type: ignore[misc]
        assert stage.invoice(other).amount_due == 40
        assert len(stage.fb_payments(other)) == 1
        assert list(differences(stage)) == []
        stage.root.drain()


async def test_an_answer_lost_in_the_repeated_autumn_hour_is_found_by_its_marker() -> None:
    lost: list[Call] = []

    def lose(call: Call) -> None:
        if call.method == "POST" and not lost:
            lost.append(call)
            raise FreshBooksUnavailable("the connection broke")

    stage = ActorStage(0, after=lose)
    stage.clock.step(datetime(2026, 11, 1, 5, 40, tzinfo=UTC) - stage.clock.now())
    invoice = stage.bill("70.00")
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        await stage.until(lambda: stage.clock.now() >= datetime(2026, 11, 1, 6, 5, tzinfo=UTC))
        stage.pay(invoice, "70.00")
        await anyio.sleep(7200)
        assert len(stage.fb_payments(invoice)) == 1
        assert stage.invoice(invoice).is_frozen
        assert list(differences(stage)) == []
        stage.root.drain()
