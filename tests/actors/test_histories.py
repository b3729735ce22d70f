"""Whatever both sides, the network and the process do in whatever order: at rest our rows are what the cash says."""

import os
from datetime import timedelta
from decimal import Decimal

import anyio
import pytest

from daemon.core.model import PaymentStatus
from tests.actors.history_run import POLICY, play
from tests.actors.history_weather import CountedLoop
from tests.actors.stage import ActorStage

HISTORIES = int(os.environ.get("HISTORIES", "150"))
FIRST = int(os.environ.get("HISTORIES_FROM", "1"))
PER_TEST = 10


@pytest.mark.parametrize("first", range(FIRST, FIRST + HISTORIES, PER_TEST))
def test_at_rest_the_tables_equal_the_books_and_the_amount_due_is_what_the_cash_says(first: int) -> None:
    for seed in range(first, min(first + PER_TEST, FIRST + HISTORIES)):
        faults = play(seed)
        assert not faults, f"history {seed}:\n" + "\n".join(faults)


def test_an_invoice_that_a_won_charge_back_pays_again_freezes_again() -> None:
    async def story() -> None:
        stage = ActorStage(0, policy=POLICY)
        stage.connect()
        async with anyio.create_task_group() as group:
            await group.start(stage.root.run)
            invoice = stage.bill("25.50")
            payment = stage.pay(invoice, "25.50")
            for status in (PaymentStatus.SUCCEEDED, PaymentStatus.CHARGEBACK, PaymentStatus.SUCCEEDED):
                await anyio.sleep(3600)
                stage.move(payment, status)
            await anyio.sleep(60)
            assert stage.invoice(invoice).is_frozen
            line = {"name": "More work", "qty": 1, "unit_cost": {"amount": "90.00"}}
            stage.book("invoice.update", invoice, {"lines": [line]})
            await anyio.sleep(2 * 3600)
            assert stage.invoice(invoice).terms.total == Decimal("25.50")
            assert stage.invoice(invoice).amount_due == 0
            group.cancel_scope.cancel()

    anyio.run(story, backend="asyncio", backend_options={"loop_factory": CountedLoop})


async def test_a_payment_moved_to_another_invoice_pays_it_once_both_were_read_and_until_it_fails() -> None:
    stage = ActorStage(0, policy=POLICY)
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        own, other = stage.bill("60.00"), stage.bill("180.00")
        payment = stage.pay(own, "60.00")
        await stage.until(lambda: stage.fb_payments(own))
        await anyio.sleep(3600)
        (record,) = stage.fb_payments(own)
        stage.book("payment.update", record.id, {"invoiceid": other})
        stage.pay(other, "120.00", payment_id="pay_2")
        await anyio.sleep(3600)
        assert stage.invoice(own).amount_due == 0
        assert stage.invoice(other).amount_due == 0
        stage.move(payment, PaymentStatus.FAILED)
        await stage.until(lambda: stage.invoice(other).amount_due == 60, timedelta(minutes=1))
        assert stage.invoice(own).amount_due == 60
        stage.root.drain()
