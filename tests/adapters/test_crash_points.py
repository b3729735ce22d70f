"""A process that ends at any point of the write-back path: each payment and deposit stands once, none is lost (W4).

The table is every crash point x what FreshBooks did with the request x whether its answer arrived, for payments and for
deposits, by exit and by signal; then a second end at every point of the recovery.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from multiprocessing.context import ForkServerContext
from typing import Any, Final

import pytest

from daemon.actors.crash_points import CrashPoint
from daemon.core.model import InvoiceId, PushState
from tests.crash_child import CRASHED, crash_server, run_until
from tests.postgres import PostgresServers
from tests.push_stage import STEP, PushStage, push_stage
from tests.push_world import PARTNER

SIGKILLED: Final = -9
POST = {"method": "POST"}
FAULTS: Final[dict[str, dict[str, Any]]] = {
    "answered": {},
    "landed, answer lost": {"kind": "timeout_after_commit"},
    "landed, answer torn": {"kind": "torn_body"},
    "landed, 503": {"kind": "status", "status": 503, "after_commit": True},
    "not landed, no answer": {"kind": "timeout_before_commit"},
    "not landed, 503": {"kind": "status", "status": 503},
    "not landed, 429": {"kind": "status", "status": 429, "retry_after": 0},
    "refused": {"kind": "status", "status": 422, "errno": 10001, "body": "json"},
}
BEFORE_THE_SOCKET = (CrashPoint.CLAIMED, CrashPoint.CHECKED, CrashPoint.FENCED, CrashPoint.AT_THE_SOCKET)
AFTER_THE_SOCKET = (CrashPoint.KNOWN, CrashPoint.STORED)
FIRST_ENDS = [
    *((point, "answered") for point in BEFORE_THE_SOCKET),
    *((point, fault) for point in AFTER_THE_SOCKET for fault in FAULTS),
]
# Where a look-up follows: what was not landed is looked for in vain, what was is found.
SECOND_ENDS = [
    *((fault, point) for fault in ("landed, answer lost",) for point in (CrashPoint.CLAIMED, *AFTER_THE_SOCKET)),
    *(("not landed, no answer", point) for point in CrashPoint),
]
# A refusal that arrived is stored with its words, and only a person can mend its cause. One that was lost with the
# process is unknown: it is looked up, and sent again.
NEEDS_A_PERSON = {(CrashPoint.STORED, "refused")}

pytestmark = pytest.mark.timeout(180)
_numbers = count(1)


@pytest.fixture(scope="module")
def crashes() -> ForkServerContext:
    return crash_server()


@pytest.fixture(scope="module")
async def stage(postgres_servers: PostgresServers) -> AsyncIterator[PushStage]:
    """One partner for the whole table: what one row leaves behind must not disturb the next."""
    with postgres_servers.database(template=postgres_servers.migrated_template()) as dsn:
        async with push_stage(dsn) as made:
            await choose_accounts(made)
            yield made


async def choose_accounts(stage: PushStage) -> None:
    """Payments stay where FreshBooks posts them; payouts arrive at the bank."""
    await stage.store.store_ledger_accounts(stage.scope, await stage.line.decoder.ledger_accounts())
    async with stage.pool.connection() as connection:
        await connection.execute(
            "UPDATE sync.connection SET payments_account_id = p.ledger_account_id, "
            "deposits_account_id = b.ledger_account_id, record_deposits = true "
            "FROM sync.ledger_account p, sync.ledger_account b WHERE p.number = '1000-1' AND b.number = '1000-2'"
        )


class PaymentRow:
    """A payment on an invoice of its own."""

    def __init__(self, stage: PushStage) -> None:
        self.stage, self.number = stage, next(_numbers)
        self.invoice = InvoiceId(0)

    async def begin(self) -> None:
        self.invoice = self.stage.bill(100 + self.number)
        await self.stage.read(self.invoice)
        await self.stage.pay(self.invoice, 100 + self.number, f"pay_{self.number}")

    def standing(self) -> int:
        """FreshBooks' records of it, deleted ones included."""
        return len([row for row in self.stage.records(self.invoice) if f"AP:pay_{self.number}:" in row.note])

    async def state(self) -> PushState:
        return (await self.stage.latest(f"pay_{self.number}")).state


class DepositRow:
    """A payout of one payment that stands in FreshBooks already."""

    def __init__(self, stage: PushStage) -> None:
        self.stage, self.number = stage, next(_numbers)

    async def begin(self) -> None:
        payment = PaymentRow(self.stage)
        payment.number = self.number
        await payment.begin()
        await self.stage.settle()
        assert await payment.state() is PushState.DONE
        async with self.stage.pool.transaction() as connection:
            await connection.execute(
                "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net) "
                "VALUES ($1, $2, 'succeeded', 'USD', $3)",
                PARTNER,
                f"po_{self.number}",
                Decimal(100 + self.number),
            )
            await connection.execute(
                "INSERT INTO platform.payout_member VALUES ($1, $2, 'm1', 'payment', $3, $4)",
                PARTNER,
                f"po_{self.number}",
                f"pay_{self.number}",
                Decimal(100 + self.number),
            )

    def standing(self) -> int:
        """The entries in FreshBooks' journal that carry its marker."""
        rows = self.stage.account.books.journal.details()
        marker = f"APO:po_{self.number}:"
        return len({row.entry.id for row in rows if marker in repr(row.entry.source)})

    async def state(self) -> PushState:
        row = await self.stage.row(
            "SELECT state FROM sync.push WHERE kind = 'payout' AND subject = $1", f"po_{self.number}"
        )
        return PushState(row["state"])


ROWS: Final[dict[str, type[PaymentRow] | type[DepositRow]]] = {"payment": PaymentRow, "deposit": DepositRow}


async def end_at(stage: PushStage, crashes: ForkServerContext, point: CrashPoint, how: str) -> None:
    """Let a worker end at this point."""
    code = await run_until(crashes, replace(stage.reach, ahead=stage.clock.ahead), point, how)
    assert code == (CRASHED if how == "exit" else SIGKILLED)


def is_waiting(stage: PushStage) -> bool:
    """Whether the POST has come to FreshBooks, which holds its answer back."""
    return any(rule["fired"] for rule in stage.sandbox.faults.as_json())


@pytest.mark.parametrize("how", ["exit", "signal"])
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize(("point", "fault"), FIRST_ENDS)
async def test_wherever_a_process_ends_each_write_stands_exactly_once_after_a_restart(
    stage: PushStage, crashes: ForkServerContext, kind: str, point: CrashPoint, fault: str, how: str
) -> None:
    row = ROWS[kind](stage)
    await row.begin()
    stage.fault(FAULTS[fault], match=POST, count=1)
    await end_at(stage, crashes, point, how)
    landed = point in AFTER_THE_SOCKET and not fault.startswith(("not", "refused"))
    assert row.standing() == int(landed)
    stage.fault({})
    await stage.settle()
    if (point, fault) in NEEDS_A_PERSON:
        assert (await row.state(), row.standing()) == (PushState.NEEDS_PERSON, 0)
        await stage.press("retry" if kind == "payment" else "record_again")
        await stage.settle()
    assert (await row.state(), row.standing()) == (PushState.DONE, 1)
    assert await stage.issues() == ()


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize(("fault", "point"), SECOND_ENDS)
async def test_a_recovery_may_end_at_any_point_too(
    stage: PushStage, crashes: ForkServerContext, kind: str, fault: str, point: CrashPoint
) -> None:
    row = ROWS[kind](stage)
    await row.begin()
    stage.fault(FAULTS[fault], match=POST, count=1)
    await end_at(stage, crashes, CrashPoint.KNOWN, "signal")
    stage.fault({})
    # The worker after it looks up once per call; the one that ends is the one that gets so far.
    code = 0
    for _ in range(4):
        stage.clock.ahead += STEP
        code = await run_until(crashes, replace(stage.reach, ahead=stage.clock.ahead), point, "exit")
        if code == CRASHED:
            break
    assert code == CRASHED
    await stage.settle()
    assert (await row.state(), row.standing()) == (PushState.DONE, 1)
    assert await stage.issues() == ()


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("landed", [True, False])
async def test_a_process_killed_while_it_waits_for_the_answer_leaves_each_write_standing_once(
    stage: PushStage, crashes: ForkServerContext, kind: str, *, landed: bool
) -> None:
    row = ROWS[kind](stage)
    await row.begin()
    held = {"kind": "timeout_after_commit" if landed else "timeout_before_commit", "hold_s": 3}
    stage.fault(held, match=POST, count=1)
    reach = replace(stage.reach, ahead=stage.clock.ahead)
    assert await run_until(crashes, reach, None, kill_when=lambda: is_waiting(stage)) == SIGKILLED
    assert (await row.state(), row.standing()) == (PushState.SENDING, int(landed))
    stage.fault({})
    await stage.settle()
    assert (await row.state(), row.standing()) == (PushState.DONE, 1)


async def test_every_crash_point_is_on_the_path(stage: PushStage) -> None:
    """A payment whose first POST was lost passes all of them."""
    seen: list[CrashPoint] = []
    stage.world = replace(stage.world, reached=seen.append)
    row = PaymentRow(stage)
    await row.begin()
    stage.fault(FAULTS["not landed, no answer"], match=POST, count=1)
    await stage.settle()
    assert set(seen) == set(CrashPoint)
