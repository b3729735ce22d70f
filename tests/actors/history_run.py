"""One random history of both sides over the real supervisor, and what must be so when everything has come to rest."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import anyio

from daemon.core.issues import about_payment
from daemon.core.markers import markers_in
from daemon.core.model import HOLDS_MONEY, Choice, InvoiceId, IssueKind, Payment, PushState
from daemon.core.policy import Policy, PullPolicy
from tests.actors.history_drawer import Drawer
from tests.actors.history_mirrors import differences
from tests.actors.history_steps import Steps
from tests.actors.history_weather import CountedLoop, Weather
from tests.actors.stage import ActorStage

POLICY = Policy(pull=PullPolicy(page_size=4, payments_interval=timedelta(minutes=40)))
"""Small pages, so that a few invoices fill several."""
AUTUMN = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
"""Half an hour before FreshBooks' clock repeats an hour: 01:00 to 02:00 US/Eastern."""
PAUSES = (0.0, 0.0, 0.3, 2.0, 15.0, 90.0, 600.0, 3700.0)
LIVES_MAX = 4
RESTING = frozenset({PushState.DONE, PushState.CANCELLED, PushState.NEEDS_PERSON, PushState.WAITING})


class History:
    """A history is all in its seed: what happens, when, in which weather, and where the process is cut off."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        chance = self.chance
        self.weather = Weather(chance)
        size = chance.choice((0, 0, 3, 9))
        self.stage = ActorStage(size, policy=POLICY, before=self.weather.before, after=self.weather.after)
        if chance.random() < 0.25:
            self.stage.clock.step(AUTUMN - self.stage.clock.now())
        self.drawer = Drawer(self.stage)
        self.steps = Steps(self.stage, chance, self.drawer)
        self.stage.store.fail = self.weather.store
        self.weather.between = self.steps.any
        self.weather.watch = self.drawer.answered

    async def run(self) -> None:
        """Let it happen, let it come to rest, and compare."""
        chance = self.chance
        self.stage.connect()
        for _ in range(chance.randrange(1, 4)):
            self.steps.create_invoice()
        left = chance.randrange(4, 26)
        for life in range(LIVES_MAX):
            left = await self._live(left, is_last=life == LIVES_MAX - 1)
            if left <= 0:
                break
            await anyio.sleep(chance.choice((0, 5, 300, 3 * 86_400)))
        await self._rest()

    async def _live(self, left: int, *, is_last: bool) -> int:
        """Run one process until the history is over or the process is cut off; tell how many steps are left."""
        chance, weather = self.chance, self.weather
        async with anyio.create_task_group() as group:
            weather.cut = group.cancel_scope.cancel
            await group.start(ActorStage.restarted(self.stage).run)
            weather.storm = chance.choice((0.0, 0.0, 0.05, 0.25))
            weather.gusts = chance.choice((0.0, 0.0, 0.02))
            weather.meddling = chance.choice((0.0, 0.02, 0.1))
            weather.cut_in = 0 if is_last else chance.choice((0, chance.randrange(1, 40), chance.randrange(1, 400)))
            while left > 0:
                left -= 1
                self.steps.any()
                self.drawer.look()
                await anyio.sleep(chance.choice(PAUSES) * chance.uniform(0.5, 1.5))
            group.cancel_scope.cancel()
        return left

    async def _rest(self) -> None:
        self.weather.clear()
        async with anyio.create_task_group() as group:
            await group.start(ActorStage.restarted(self.stage).run)
            await anyio.sleep(1200)
            for _ in range(2):
                self.steps.sync_now()
                await anyio.sleep(900)
            self.drawer.look()
            group.cancel_scope.cancel()

    # ---- what must be so ---------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """List everything that is not as the books and the cash say."""
        return [
            *self.drawer.wrong,
            *self._unrested(),
            *self._dues(),
            *self._twins(),
            *differences(self.stage, self._in_force),
        ]

    def _unrested(self) -> Iterator[str]:
        rows = self.stage.rows()
        yield from (f"still to be read: {reread}" for reread in rows.rereads.values())
        yield from (f"set aside: {bad}" for bad in rows.quarantine.values())
        for payment in rows.payments.values():
            push = self.stage.push(payment.id)
            if push.state not in RESTING:
                yield f"{payment.id} never came to rest: {push}"
            if payment.status in HOLDS_MONEY and push.state is PushState.CANCELLED and not self._is_asked(payment):
                yield f"{payment.id} holds money and was given up: {push}"
        if self.stage.root.views() and self.stage.root.views()[0].parked:
            yield f"parked: {self.stage.root.views()[0].parked}"

    def _is_asked(self, payment: Payment) -> bool:
        """What was given up and is held after all waits for a person's choice, or has had it (W8)."""
        asked = (IssueKind.PUSH_STOPPED, about_payment(payment)) in self.stage.rows().issues
        return asked or self.drawer.choice(payment.id) in {Choice.REOPEN, Choice.REFUND_IN_AP}

    def _dues(self) -> Iterator[str]:
        for invoice_id, row in self.stage.rows().invoices.items():
            counted = self.drawer.due(invoice_id)
            if row.amount_due != counted:
                yield f"invoice {invoice_id}: {row.amount_due} due, the cash says {counted} (frozen: {row.frozen_at})"
            if not row.is_frozen and self.drawer.must_be_frozen(invoice_id):
                yield f"invoice {invoice_id} is settled and did not freeze"
            if row.is_frozen and self.drawer.must_be_thawed(invoice_id):
                yield f"invoice {invoice_id} is unpaid again and still frozen"

    def _twins(self) -> Iterator[str]:
        marks = Counter(mark for row in self._books.payments for mark in markers_in(row.note))
        yield from (f"{mark} stands {count} times" for mark, count in marks.items() if count > 1)

    def _in_force(self, invoice: Any) -> Any:
        """Frozen terms are those that FreshBooks showed when it was settled (P5)."""
        frozen = self.drawer.frozen.get(InvoiceId(invoice.id))
        return frozen.invoice if frozen else invoice

    @property
    def _books(self) -> Any:
        return self.stage.account().books


def play(seed: int) -> list[str]:
    """Run one history; give its faults, and how it went when there are any. What is raised names the seed."""

    async def run() -> list[str]:
        history = History(seed)
        await history.run()
        faults = history.faults()
        return [*faults, "", *history.steps.told] if faults else []

    try:
        return anyio.run(run, backend="asyncio", backend_options={"loop_factory": CountedLoop})
    except BaseException as error:
        error.add_note(f"history {seed}")
        raise
