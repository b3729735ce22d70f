"""A partner's payout through the real adapters into the sandbox's ledger: what it waits for, what is left (W6)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.core.consent import AccountChoice
from daemon.core.model import PushState, Reason
from daemon.sandbox.chart import by_number
from tests.push_stage import STEP, WHO, PushStage, push_stage
from tests.push_world import PARTNER

PETTY, BANK, PAYMENTS, FEES = "1000-1", "1000-2", "1000-3", "6000-3"
"""By number: where FreshBooks posts payments, the bank, the chosen payments account, processing fees."""
PAID = (Decimal("100.00"), Decimal("250.50"), Decimal("19.99"))
FEE = Decimal("9.25")


@pytest.fixture
async def stage(database: str) -> AsyncIterator[PushStage]:
    async with push_stage(database) as made:
        yield made


async def choose(stage: PushStage, choice: AccountChoice) -> None:
    """Save Set Up Accounts as the dialog does."""
    await ConsentStore(stage.pool).save_account_choice(PARTNER, choice, WHO, stage.clock.now())


async def pay_out(stage: PushStage, net: Decimal, members: Sequence[tuple[str, str | None, Decimal]]) -> None:
    """Insert a payout exactly as the platform does, and let its turn come."""
    async with stage.pool.transaction() as connection:
        await connection.execute(
            "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net) "
            "VALUES ($1, 'po_1', 'succeeded', 'USD', $2)",
            PARTNER,
            net,
        )
        await connection.executemany(
            "INSERT INTO platform.payout_member VALUES ($1, 'po_1', $2, $3, $4, $5)",
            [(PARTNER, f"m{place}", *member) for place, member in enumerate(members)],
        )
    await stage.push()


async def deposit(stage: PushStage) -> tuple[PushState, Reason | None]:
    row = await stage.row("SELECT state, reason FROM sync.push WHERE kind = 'payout'")
    return PushState(row["state"]), Reason(row["reason"]) if row["reason"] else None


def balances(stage: PushStage, *numbers: str) -> list[Decimal]:
    return [stage.account.books.journal.balance(number, "USD") for number in numbers]


async def test_a_payout_with_fees_waits_for_a_fees_account_and_then_leaves_nothing_on_the_payments_account(
    stage: PushStage,
) -> None:
    ids = {number: by_number(stage.account.books, number).uuid for number in (PETTY, BANK, PAYMENTS, FEES)}
    choice = AccountChoice(payments=ids[PAYMENTS], deposits=ids[BANK], record_deposits=True)
    await stage.store.store_ledger_accounts(stage.scope, await stage.line.decoder.ledger_accounts())
    await choose(stage, choice)
    for number, amount in enumerate(PAID):
        bill = stage.bill(str(amount))
        await stage.read(bill)
        await stage.pay(bill, str(amount), f"pay_{number}")
    await stage.settle()
    await stage.push()
    assert balances(stage, PETTY, PAYMENTS) == [0, sum(PAID)]

    members = [("payment", f"pay_{number}", amount) for number, amount in enumerate(PAID)]
    await pay_out(stage, sum(PAID) - FEE, [*members, ("fee", None, -FEE)])
    assert await deposit(stage) == (PushState.WAITING, Reason.NO_FEES_ACCOUNT)
    assert balances(stage, PAYMENTS, BANK) == [sum(PAID), 0]

    await choose(stage, replace(choice, fees=ids[FEES]))
    stage.clock.ahead += STEP
    await stage.push()
    assert await deposit(stage) == (PushState.DONE, None)
    assert balances(stage, PETTY, PAYMENTS, BANK, FEES) == [0, 0, sum(PAID) - FEE, FEE]
    assert sum(line.amount for line in stage.account.books.journal.details()) == 0
