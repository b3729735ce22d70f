"""The push lane over real Postgres and the real sandbox over HTTP, one step at a time; time passes when a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import asyncpg
import msgspec
from typing_extensions import override

from daemon.actors.limiter import Line
from daemon.actors.reread import reread_objects, settle_snapshot
from daemon.actors.world import World
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.push_rows import push_of
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.backfill import Feed, census_passes, start
from daemon.core.choices import NotOffered
from daemon.core.desk import IssueQuery, IssueRow
from daemon.core.effects import PullPages, RereadObjects
from daemon.core.model import AccountId, FbPaymentId, InvoiceId, PaymentId, PaymentStatus, Push, Scope
from daemon.core.policy import PullPolicy, PushPolicy
from daemon.core.rate_limit import Priority
from daemon.sandbox.accounts import Account
from daemon.sandbox.clock import Clock as SandboxClock
from daemon.sandbox.command import running
from daemon.sandbox.faults import RuleSpec
from daemon.sandbox.options import RateLimits, SandboxOptions
from daemon.sandbox.sandbox import Sandbox
from tests.push_world import PARTNER, Reach, SteppedClock, push_all, reached_world
from tests.reading import pull_step

WHO = "ada@acme.example"
UNLIMITED = RateLimits(calls=0, creates=0)
PATIENCE = PushPolicy(
    post_timeout=timedelta(seconds=5),
    lookup_margin=timedelta(seconds=1),
    lookup_again_after=timedelta(seconds=2),
    waiting_interval=timedelta(seconds=10),
)

STEP = timedelta(seconds=12)
"""Longer than anything waits under this policy; short enough that a module's tests fit into one token's life."""


class _BooksClock(SandboxClock):
    def __init__(self, clock: SteppedClock) -> None:
        super().__init__(start=clock.now(), rate=1.0)
        self._clock = clock

    @override
    def now(self) -> datetime:
        return self._clock.now()


@dataclass(slots=True, kw_only=True)
class PushStage:
    """One connected partner, its books, and what the platform and people do."""

    clock: SteppedClock
    sandbox: Sandbox
    pool: Pool
    world: World
    line: Line
    scope: Scope
    reach: Reach
    policy: PushPolicy = PATIENCE

    @property
    def store(self) -> PostgresStore:
        return cast("PostgresStore", self.world.store)

    @property
    def desk(self) -> DeskActions:
        return DeskActions(self.pool)

    @property
    def account(self) -> Account:
        return self.sandbox.directory.accounts[self.scope.account_id]

    # ---- both sides of the books -------------------------------------------------------------------------------------

    def bill(self, amount: str | int = 100, **fields: Any) -> InvoiceId:
        """Write a sent invoice in FreshBooks."""
        clients = list(self.account.books.clients)
        client = clients[0] if clients else self.book("client.create", None, {"organization": "Dale"})
        line = {"name": "Work", "qty": 1, "unit_cost": {"amount": str(amount), "code": "USD"}}
        body = {"customerid": client.id, "create_date": str(self.clock.now().date()), "status": 2, "lines": [line]}
        return InvoiceId(self.book("invoice.create", None, {**body, **fields}).id)

    def book(self, operation: str, key: int | None, body: dict[str, Any]) -> Any:
        """Act in FreshBooks as the bookkeeper; a second passes, as between any two acts of a person."""
        self.clock.ahead += timedelta(seconds=1)
        return self.sandbox.write(self.account, operation, key, body)

    def enter(self, invoice_id: InvoiceId, amount: str | int, **fields: Any) -> FbPaymentId:
        """Type a payment in by hand."""
        body = {
            "invoiceid": invoice_id,
            "amount": {"amount": str(amount), "code": "USD"},
            "date": str(self.clock.now().date()),
            "type": "Check",
            **fields,
        }
        return FbPaymentId(self.book("payment.create", None, body).id)

    def delete(self, record: FbPaymentId | int | None) -> None:
        assert record is not None
        self.book("payment.update", int(record), {"vis_state": 1})

    def records(self, invoice_id: InvoiceId) -> list[Any]:
        """FreshBooks' payments on an invoice, deleted ones included."""
        return [row for row in self.account.books.payments if row.invoice_id == invoice_id]

    def fault(self, action: dict[str, Any], **rule: Any) -> None:
        """Let FreshBooks fail from here on; none when the action is empty."""
        self.sandbox.faults.replace(_rules(action, rule))

    async def pay(
        self, invoice_id: InvoiceId, amount: str | int = 100, payment_id: str = "pay_1", currency: str = "USD"
    ) -> PaymentId:
        """Pay as a customer does on the platform."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, "
                "method, status, initiated_at) VALUES ($1, $2, $3, $4, $5, $6, 'card', 'processing', $7)",
                PARTNER,
                payment_id,
                self.scope.account_id,
                invoice_id,
                Decimal(amount),
                currency,
                self.clock.now(),
            )
        return PaymentId(payment_id)

    async def becomes(self, payment_id: str, status: PaymentStatus) -> None:
        """Move a payment on, as the platform does."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "UPDATE platform.payment SET status = $3, updated_at = now() WHERE partner_id = $1 AND payment_id = $2",
                PARTNER,
                payment_id,
                status.value,
            )

    # ---- what the daemon does ----------------------------------------------------------------------------------------

    async def push(self) -> None:
        """Work on everything that is due now, as the push lane does, however often FreshBooks fails."""
        await push_all(self.world, self.line, self.scope, self.policy)

    async def read(self, invoice_id: InvoiceId) -> None:
        """Read an invoice with its payments, as the pull lane does."""
        await settle_snapshot(self.world, self.line, self.scope, invoice_id, Priority.CHANGES)

    async def settle(self, *invoices: InvoiceId) -> None:
        """Let the daemon work until nothing more happens by itself, retries and look-ups included."""
        for _ in range(8):
            for invoice_id in invoices:
                await self.read(invoice_id)
            await reread_objects(self.world, self.line, RereadObjects(scope=self.scope), PullPolicy())
            await self.push()
            self.clock.ahead += STEP
        await reread_objects(self.world, self.line, RereadObjects(scope=self.scope), PullPolicy())

    async def census(self) -> None:
        """Read everything, as the weekly census does, and what it asks to be read again."""
        cursor = start(Feed.CENSUS, census_passes(), self.clock.now(), PullPolicy().page_size, 0)
        while cursor.is_running and cursor.queue:
            effect = PullPages(scope=self.scope, cursor=cursor)
            cursor = (await pull_step(self.world, self.line, effect, PullPolicy())).cursor
        await reread_objects(self.world, self.line, RereadObjects(scope=self.scope), PullPolicy())

    # ---- what a person does and sees ---------------------------------------------------------------------------------

    async def issues(self) -> tuple[IssueRow, ...]:
        return (await self.desk.issues(PARTNER, IssueQuery())).rows

    async def press(
        self, action: str, named: int | None = None, stands_for: str | None = None, issue: IssueRow | None = None
    ) -> NotOffered | bool:
        """Press a button of the one open issue that has it."""
        found = issue or next(row for row in await self.issues() if action in row.actions)
        record = FbPaymentId(named) if named is not None else None
        about = PaymentId(stands_for) if stands_for else None
        now = self.clock.now()
        return await self.desk.act_on_issue(PARTNER, found.issue_id, action, record, WHO, now, about)

    async def kinds(self) -> set[str]:
        return {row.kind.value for row in await self.issues()}

    async def row(self, sql: str, *values: object) -> asyncpg.Record:
        async with self.pool.connection() as connection:
            (row,) = await connection.fetch(sql, *values)
        return row

    async def due(self, invoice_id: InvoiceId) -> Decimal | None:
        """What the platform may still charge."""
        row = await self.row("SELECT amount_due FROM platform.invoice WHERE invoice_id = $1", invoice_id)
        found: Decimal | None = row[0]
        return found

    async def latest(self, payment_id: str = "pay_1") -> Push:
        """The push that counts."""
        row = await self.row(
            "SELECT * FROM sync.push WHERE kind = 'payment' AND subject = $1 ORDER BY generation DESC LIMIT 1",
            payment_id,
        )
        return push_of(row)


def _rules(action: dict[str, Any], rule: dict[str, Any]) -> list[RuleSpec]:
    return [msgspec.convert({"action": action, **rule}, RuleSpec)] if action else []


@asynccontextmanager
async def push_stage(
    dsn: str, *, policy: PushPolicy = PATIENCE, limits: RateLimits = UNLIMITED, **switches: Any
) -> AsyncIterator[PushStage]:
    """A partner with empty books in a sandbox that has these switches, its accounts chosen."""
    clock = SteppedClock()
    options = SandboxOptions(invoices=(0,), webhooks=False, rate_limits=limits, switches=tuple(switches.items()))
    async with running(options, Sandbox(options, clock=_BooksClock(clock))) as started:
        own = started.greeting["accounts"][0]
        reach = Reach(
            dsn=dsn,
            base_url=started.base_url,
            account_id=own["account_id"],
            business_uuid=own["business_uuid"],
            token=started.greeting["access_token"],
            policy=policy,
        )
        async with reached_world(reach, clock) as (world, line, pool):
            scope = Scope(partner_id=PARTNER, account_id=AccountId(reach.account_id))
            async with pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO platform.partner (partner_id, name) VALUES ($1, 'Acme IT')", PARTNER
                )
                await connection.execute(
                    "INSERT INTO sync.connection (partner_id, status, account_id) VALUES ($1, 'connected', $2)",
                    PARTNER,
                    scope.account_id,
                )
            yield PushStage(
                clock=clock,
                sandbox=started.sandbox,
                pool=pool,
                world=world,
                line=line,
                scope=scope,
                reach=reach,
                policy=policy,
            )
