"""FreshBooks refuses half of the calls and fails a fifth for hours: all is read meanwhile, nothing is written twice."""

from collections.abc import Callable
from random import Random

import anyio
import pytest

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import FreshBooksAnswerInvalid, FreshBooksUnavailable
from daemon.core.model import PaymentId, PushState
from daemon.core.state import ConnectionStatus
from tests.actors.stage import ActorStage

THROTTLED, FAILED, TORN = 0.5, 0.2, 0.05
STORM_S, LOOK_S, LOOKS_MAX = 6 * 3600.0, 30.0, 120


class Storm:
    """Half of the calls are refused, a fifth fail, half of these after they were done; some answers tear."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._after: Exception | None = None
        self.is_over = False

    def before(self, _: Call) -> None:
        drawn, self._after = 1.0 if self.is_over else self._chance.random(), None
        if drawn < THROTTLED:
            raise FreshBooksUnavailable("429", unsent=True, throttled=True)
        if drawn < THROTTLED + FAILED / 2:
            raise FreshBooksUnavailable("503")
        if drawn < THROTTLED + FAILED:
            self._after = FreshBooksUnavailable("500 after the commit")
        elif drawn < THROTTLED + FAILED + TORN:
            self._after = FreshBooksAnswerInvalid("a torn answer")

    def after(self, _: Call) -> None:
        if self._after is not None:
            raise self._after


@pytest.mark.parametrize("seed", range(4))
async def test_half_of_the_calls_refused_a_fifth_failed_and_torn_answers_all_is_read_and_nothing_written_twice(
    seed: int,
) -> None:
    storm = Storm(seed)
    stage = ActorStage(12, before=storm.before, after=storm.after)
    invoices = [stage.bill("100.00") for _ in range(6)]
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await _until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        payments = [stage.pay(invoice, "100.00", payment_id=f"pay_{invoice}") for invoice in invoices]
        await anyio.sleep(STORM_S)
        assert all(len(stage.fb_payments(invoice)) <= 1 for invoice in invoices)
        storm.is_over = True
        await _until(lambda: all(_ended(stage, payment) for payment in payments))
        stage.root.drain()
    assert {row.id for row in stage.account().books.invoices} == stage.rows().invoices.keys()
    recorded = {invoice for invoice in invoices if len(stage.fb_payments(invoice)) == 1}
    assert all(len(stage.fb_payments(invoice)) == (invoice in recorded) for invoice in invoices)
    # What was lost on its way in all its attempts is with a person, and stands nowhere.
    assert {
        invoice for invoice, payment in zip(invoices, payments, strict=True) if _is_done(stage, payment)
    } == recorded
    assert len(recorded) >= len(invoices) - 1
    assert stage.notes.named("child_crashed") == []


async def _until(look: Callable[[], bool]) -> None:
    for _ in range(LOOKS_MAX):
        if look():
            return
        await anyio.sleep(LOOK_S)
    raise AssertionError(f"not so within {LOOKS_MAX * LOOK_S} s")


def _is_done(stage: ActorStage, payment: PaymentId) -> bool:
    return stage.push(payment).state is PushState.DONE


def _ended(stage: ActorStage, payment: PaymentId) -> bool:
    return stage.push(payment).state in {PushState.DONE, PushState.NEEDS_PERSON}
