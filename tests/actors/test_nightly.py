"""The nightly verification in a supervisor: at its turn, after all other work, and holding up no payment (T1)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import anyio

from daemon.adapters.freshbooks.calls import Call
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import FbPayment, InvoiceContext, InvoiceId, PartnerId, PushState, Resource, Scope
from daemon.core.policy import Policy, PullPolicy, PushPolicy, VerifyPolicy
from daemon.core.state import ConnectionStatus
from daemon.core.verify import EntryKnowledge, HeldInvoice, Report, VerifyAsk, VerifyMode
from daemon.core.verify.records import Plain
from tests.actors.stage import ActorStage

NIGHT = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)
"""Two in the morning in New York, after the stage's start at noon UTC the day before."""


DAY, MINUTES = timedelta(days=1), timedelta(minutes=1)
SELDOM = Policy(
    pull=PullPolicy(
        payments_interval=DAY, invoices_interval=DAY, accounts_interval=7 * DAY, callbacks_interval=7 * DAY
    ),
    push=PushPolicy(sweep_interval=DAY),
    verify=VerifyPolicy(begin_hour=2, spread=timedelta(0)),
)


class Nights:
    """Fulfils VerifyStore for a partner of whom nothing is held."""

    def __init__(self, stage: ActorStage) -> None:
        self.stage = stage
        self.open: VerifyAsk | None = None
        self.asked: list[tuple[datetime, str]] = []
        self.finished: list[tuple[datetime, Report]] = []
        self.percents: list[int] = []

    async def ask(
        self, partner_id: PartnerId, mode: VerifyMode, who: str, now: datetime, seed: int, *, repair: bool
    ) -> int | None:
        self.asked.append((now, who))
        self.open = VerifyAsk(id=len(self.asked), mode=mode, repair=repair, asked_by=who, asked_at=now, seed=seed)
        return self.open.id

    async def open_verification(self, scope: Scope) -> VerifyAsk | None:
        return self.open

    async def verified_since(self, scope: Scope) -> datetime | None:
        return self.asked[-1][0] if self.asked else datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    async def show_progress(self, scope: Scope, ask: VerifyAsk, now: datetime, stage: str, percent: int) -> None:
        self.percents.append(percent)

    async def finish(self, scope: Scope, ask: VerifyAsk, now: datetime, report: Report, kept: timedelta) -> Report:
        self.open = None
        self.finished.append((now, report))
        return report

    async def held_records(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, Plain]:
        return {}

    async def held_invoices(
        self, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment] = ()
    ) -> Mapping[InvoiceId, HeldInvoice]:
        return {asked: HeldInvoice(context=InvoiceContext(invoice=None)) for asked in ids}

    async def payments_of(self, scope: Scope, ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, tuple[FbPayment, ...]]:
        return dict.fromkeys(ids, ())

    async def held_ids(self, scope: Scope, resource: Resource, after: int, limit: int) -> tuple[int, ...]:
        return ()

    async def quarantined(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> frozenset[int]:
        return frozenset()

    async def sample(self, scope: Scope, resource: Resource, seed: int, count: int) -> tuple[int, ...]:
        return ()

    async def held_count(self, scope: Scope) -> int:
        return 0

    async def entry_days(self, scope: Scope, since: date) -> tuple[date, ...]:
        return ()

    async def held_entries(self, scope: Scope, first: date, last: date) -> EntryKnowledge:
        return EntryKnowledge(pushes=())

    async def lost_intents(self, scope: Scope, limit: int) -> tuple[str, ...]:
        return ()

    async def strangers(self, scope: Scope, limit: int) -> tuple[tuple[int, str], ...]:
        return ()

    async def alike(self, scope: Scope, days: int, limit: int) -> tuple[tuple[str, int], ...]:
        return ()


@asynccontextmanager
async def connected(invoices: int = 5) -> AsyncIterator[tuple[ActorStage, Nights]]:
    stage = ActorStage(invoices, policy=SELDOM)
    nights = Nights(stage)
    stage.world = replace(stage.world, verify=nights)
    ActorStage.restarted(stage)
    stage.connect()
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        yield stage, nights
        stage.root.drain()


async def until_night(stage: ActorStage, night: int = 0) -> None:
    """Pass the time until just before a nightly turn."""
    await stage.clock.sleep((NIGHT + night * DAY - stage.clock.now()).total_seconds() - 1)


async def test_each_night_is_verified_once_at_the_business_own_hour() -> None:
    async with connected() as (stage, nights):
        for night in range(2):
            await until_night(stage, night)
            await stage.until(lambda: len(nights.finished) > night, 10 * MINUTES)  # noqa: B023 -- asked at once
    assert [who for _, who in nights.asked] == ["nightly", "nightly"]
    for night, (at, _) in enumerate(nights.asked):
        assert timedelta(0) <= at - (NIGHT + timedelta(days=night)) < timedelta(minutes=6)
    assert nights.finished[0][1].kinds == {"missing here": nights.finished[0][1].drifted}


async def test_a_verification_goes_on_after_an_outage_where_it_was() -> None:
    async with connected() as (stage, nights):
        await until_night(stage)
        await stage.until(lambda: nights.open is not None, 10 * MINUTES)
        down_until = stage.clock.now() + timedelta(minutes=20)

        def weather(call: Call) -> None:
            if stage.clock.now() < down_until:
                raise FreshBooksUnavailable("503")

        stage.caller.turn(weather)
        await stage.clock.sleep(20 * 60)
        await stage.until(lambda: len(nights.finished) == 1, 10 * MINUTES)
    assert len(nights.asked) == 1
    assert nights.finished[0][1].unread == ()


async def test_a_payment_does_not_wait_for_a_verification() -> None:
    async with connected() as (stage, nights):
        invoice = stage.bill("90.00")
        await until_night(stage)
        await stage.until(lambda: nights.open is not None, 10 * MINUTES)

        def weather(call: Call) -> None:
            if "users/clients" in call.path:
                raise FreshBooksUnavailable("503")

        stage.caller.turn(weather)
        stage.pay(invoice, "90.00")
        await stage.until(lambda: stage.push_of("pay_1").state is PushState.DONE, timedelta(seconds=10))
        assert not nights.finished
