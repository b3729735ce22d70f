"""A turn of the push lane: payments first, then one entry, and not one turn more than there is work for."""

from datetime import timedelta

from daemon.adapters.freshbooks.calls import Call
from daemon.core.model import PushState
from tests.actors.stage import ActorStage, connected
from tests.actors.test_payouts import SECONDS, are_moved, member, pay_out, set_up
from tests.direct_freshbooks import is_post


def turns(stage: ActorStage) -> int:
    return sum(1 for fact in stage.notes.named("effect_finished") if fact[2] == "PushNext")


async def test_a_payment_takes_one_turn_and_one_more_looks_for_what_its_read_back_lets_go() -> None:
    async with connected(0) as stage:
        invoice = stage.bill("50.00")
        await stage.until(lambda: invoice in stage.rows().invoices)
        await stage.clock.sleep(10)
        before = turns(stage)
        payment = stage.pay(invoice, "50.00")
        await stage.until(lambda: stage.push(payment).state is PushState.DONE, 5 * SECONDS)
        await stage.clock.sleep(5)
        assert turns(stage) == before + 2


async def test_payments_go_before_a_deposit_also_when_they_take_more_than_a_turn() -> None:
    async with set_up() as stage:
        stage.pay(stage.bill("100.00"), "100.00")
        await stage.until(are_moved(stage, 1))
        invoices = [stage.bill(f"{10 + number}.00") for number in range(12)]
        before = len(stage.caller.asked)

        def slow(_: Call) -> None:
            """Take a second for every call."""
            stage.clock.step(SECONDS)

        stage.caller.turn(slow)
        pay_out(stage, member("100.00"))
        payments = [
            stage.pay(invoice, f"{10 + number}.00", payment_id=f"pay_{2 + number}")
            for number, invoice in enumerate(invoices)
        ]
        await stage.until(lambda: all(stage.push(one).state is PushState.DONE for one in payments), timedelta(hours=1))
        await stage.until(lambda: any("journal" in call.path for call in created(stage, before)))
    kinds = ["journal" in call.path for call in created(stage, before)]
    assert kinds == sorted(kinds)
    assert kinds.count(False) == len(payments)


def created(stage: ActorStage, before: int) -> list[Call]:
    return [call for call in stage.caller.asked[before:] if is_post(call)]
