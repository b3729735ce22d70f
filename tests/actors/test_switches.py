"""What nobody has established about FreshBooks, each way: what is due is what the cash says, or an issue shows it."""

from datetime import timedelta

import pytest

from daemon.core.model import IssueKind, PushState, Reason
from daemon.core.state import ConnectionStatus
from daemon.sandbox.switches import RULES
from tests.actors.history_run import play
from tests.actors.stage import ActorStage, running

FLIPPED = [(name, value) for name, rule in RULES.items() for value in rule.choices or () if value != rule.default]
"""Every other setting of every switch; those of HTTP and OAuth alone are turned in tests/whole/test_switches.py too."""
SEEDS = (9001, 9002, 9003)


@pytest.mark.parametrize(("name", "value"), FLIPPED)
def test_money_facts_stay_right_whichever_way_freshbooks_turns_out_to_be(name: str, value: object) -> None:
    for seed in SEEDS:
        faults = play(seed, switches=((name, value),))
        assert not faults, f"history {seed} with {name} = {value}:\n" + "\n".join(faults)


async def test_a_note_that_freshbooks_finds_too_long_is_an_issue_and_nothing_is_recorded() -> None:
    stage = ActorStage(0, switches=(("note_max_length", 20),))
    stage.connect()
    async with running(stage):
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        invoice = stage.bill("60.00")
        payment = stage.pay(invoice, "60.00")
        await stage.until(lambda: stage.push(payment).state is PushState.NEEDS_PERSON)
        assert stage.push(payment).reason is Reason.REFUSED_BY_FRESHBOOKS
        assert (IssueKind.PUSH_STOPPED, ("payment", payment)) in stage.rows().issues
        assert not stage.fb_payments(invoice)
        await stage.until(lambda: invoice in stage.rows().invoices, timedelta(hours=2))
        assert stage.invoice(invoice).amount_due == 0
