"""The one window that stays open to physics: a sender frozen between its last check and the socket (W4).

Nothing that either side can do closes it: FreshBooks takes no key, and no check can be later than the last one. What is
promised is that its twin is found and shown within one census, and never lowers what is due twice.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from daemon.actors.crash_points import CrashPoint
from daemon.core.model import PushState
from tests.crash_child import crash_server, run_until
from tests.push_stage import STEP, PushStage, push_stage

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def stage(database: str) -> AsyncIterator[PushStage]:
    async with push_stage(database) as made:
        yield made


@pytest.mark.parametrize("total", [300, 100], ids=["with room for the twin", "paid by the first"])
async def test_the_twin_of_a_frozen_sender_is_shown_within_one_census(stage: PushStage, total: int) -> None:
    invoice = stage.bill(total)
    await stage.read(invoice)
    await stage.pay(invoice, 100)

    async def taken_over() -> None:
        """Another process waits out the deadline, proves absence twice, and records the payment."""
        assert stage.records(invoice) == []
        stage.clock.ahead += STEP
        await stage.settle(invoice)
        assert (await stage.latest()).state is PushState.DONE
        assert await stage.kinds() == set()

    reach = replace(stage.reach, ahead=stage.clock.ahead)
    code = await run_until(crash_server(), reach, CrashPoint.AT_THE_SOCKET, "freeze", meanwhile=taken_over)
    assert code == 0
    assert len([row for row in stage.records(invoice) if "AP:pay_1:1" in row.note]) == 2
    await stage.census()
    assert "duplicate_in_freshbooks" in await stage.kinds()
    assert await stage.due(invoice) == total - 100
    twin = max(row.id for row in stage.records(invoice))
    stage.delete(twin)
    for credit in list(stage.account.books.credits):
        stage.book("credit_note.update", credit.id, {"vis_state": 1})
    await stage.census()
    await stage.read(invoice)
    assert await stage.kinds() == set()
    assert await stage.due(invoice) == total - 100
    assert (await stage.latest()).state is PushState.DONE
