"""A partner's rows in Postgres beside the sandbox's books, in one process and without a supervisor.

Each piece of work is called by name, so that a test plants exactly one thing and looks at what a verification says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from daemon.actors.admission import Admission
from daemon.actors.callbacks import Doorbell
from daemon.actors.limiter import Limiter, Limiters, Line
from daemon.actors.ports import Accounting
from daemon.actors.pull import list_accounts
from daemon.actors.push import push_next
from daemon.actors.reread import reread_objects
from daemon.actors.verify import Verification
from daemon.actors.world import World
from daemon.adapters.freshbooks.callbacks import FreshBooksCallbacks
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.store import PostgresStore
from daemon.adapters.postgres.verify_store import VerifyStore
from daemon.core.backfill import Cursor, Feed, census_passes, change_passes, finish, start
from daemon.core.effects import ListAccounts, PullPages, PushNext, RereadObjects
from daemon.core.model import AccountId, InvoiceId, PartnerId, Scope
from daemon.core.policy import Policy, RatePolicy
from daemon.core.state import Connection, ConnectionStatus
from daemon.core.verify import DriftKind, Report, VerifyMode
from daemon.sandbox.chart import by_number
from tests.actors.stage import Keys, Notes
from tests.direct_freshbooks import DirectCaller, account_of, direct_account, make_sandbox
from tests.memory_callbacks import PlainKeys
from tests.memory_store import MemoryStore
from tests.reading import pull_step

Member = tuple[str, str, str | None, Decimal]
PARTNER = PartnerId("acme")
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PETTY, SAVINGS, BANK, FEES = "1000-1", "1000-3", "1000-2", "6000-3"
ZONE = "America/New_York"
POLICY = Policy(rate=RatePolicy(calls_per_window=10**9, creates_per_window=10**9, burst=10**6))


@dataclass(slots=True)
class Clock:
    """Time that moves by a second with every look, and by hand."""

    at: datetime = START

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=10)
        return self.at

    def monotonic(self) -> float:
        return (self.now() - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class Stand:
    """One connected partner, both sides."""

    pool: Pool
    clock: Clock
    sandbox: Any
    caller: DirectCaller
    world: World
    scope: Scope
    policy: Policy = POLICY
    notes: Notes = field(default_factory=Notes)
    cursors: dict[Feed, Cursor] = field(default_factory=dict)

    # ---- the daemon's work -------------------------------------------------------------------------------------------

    def line(self) -> Line:
        return Line(PARTNER, self.accounting(), Limiter(self.clock, self.policy.rate), self.notes)

    def accounting(self) -> Accounting:
        connection = Connection(partner_id=PARTNER, status=ConnectionStatus.CONNECTED, scope=self.scope)
        return self.world.account(connection)

    async def pull(self, feed: Feed = Feed.CENSUS) -> None:
        """Run a feed to its end, and note both live feeds as run: a census reads all that they would."""
        now = self.clock.now()
        since = (now - timedelta(days=2)).date()
        passes = census_passes() if feed is Feed.CENSUS else change_passes(feed, since)
        cursor = start(feed, passes, now, 100)
        while cursor.is_running:
            effect = PullPages(scope=self.scope, cursor=cursor)
            cursor = (await pull_step(self.world, self.line(), effect, self.policy.pull)).cursor
        cursor = finish(cursor, self.clock.now())
        for name in (Feed.PAYMENTS, Feed.INVOICES) if feed is Feed.CENSUS else (feed,):
            self.cursors[name] = Cursor(feed=name, began_at=cursor.began_at, finished_at=cursor.finished_at)

    async def settle(self) -> None:
        """Serve rereads and pushes until none is due."""
        while True:
            now = self.clock.now()
            reread = await self.world.store.next_reread_at(self.scope)
            push = await self.world.store.next_push_at(self.scope, now)
            if reread is not None and reread <= now:
                await reread_objects(self.world, self.line(), RereadObjects(scope=self.scope), self.policy.pull)
            elif push is not None and push <= now:
                effect = PushNext(scope=self.scope, timezone=ZONE)
                await push_next(self.world, self.line(), effect, self.policy.push)
            else:
                return

    async def verify(
        self, mode: VerifyMode = VerifyMode.FULL, *, repair: bool = False, line: Line | None = None
    ) -> Report:
        """Verify as the supervisor does, long enough after the last look that nothing counts as unread."""
        line = line or self.line()
        self.clock.at += timedelta(minutes=10)
        store = self.world.verify
        assert await store.ask(PARTNER, mode, "Ann", self.clock.now(), 7, repair=repair)
        ask = await store.open_verification(self.scope)
        assert ask is not None
        verification = Verification(world=self.world, scope=self.scope, ask=ask, policy=self.policy)
        await verification.begin()
        while await verification.step(line, tuple(self.cursors.values())):
            pass
        return await store.finish(self.scope, ask, self.clock.now(), verification.report, timedelta(days=90))

    # ---- what people and the platform do -----------------------------------------------------------------------------

    def book(self, operation: str, key: int | None, body: dict[str, Any]) -> Any:
        """Act in FreshBooks as the bookkeeper."""
        return self.sandbox.write(self.account, operation, key, body)

    @property
    def account(self) -> Any:
        return account_of(self.sandbox)

    def books(self) -> Any:
        return self.account.books

    async def execute(self, sql: str, *args: object) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        async with self.pool.connection() as connection:
            return await connection.fetchval(sql, *args)

    async def pay(self, invoice_id: InvoiceId, amount: Decimal, payment_id: str = "pay_1") -> None:
        """Pay on the platform as a customer."""
        await self.execute(
            "INSERT INTO platform.payment"
            " (partner_id, payment_id, account_id, invoice_id, amount, currency, method, status, initiated_at)"
            " VALUES ($1, $2, $3, $4, $5, 'USD', 'card', 'processing', $6)",
            PARTNER,
            payment_id,
            self.scope.account_id,
            invoice_id,
            amount,
            self.clock.now(),
        )

    async def set_status(self, payment_id: str, status: str) -> None:
        await self.execute("UPDATE platform.payment SET status = $1 WHERE payment_id = $2", status, payment_id)

    async def pay_out(
        self, net: Decimal, *members: tuple[str, str, str | None, Decimal], payout_id: str = "po_1"
    ) -> None:
        """Pay out as the platform does: members as (member, kind, payment, amount)."""
        await self.execute(
            "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net, arrival_date)"
            " VALUES ($1, $2, 'processing', 'USD', $3, $4)",
            PARTNER,
            payout_id,
            net,
            self.clock.now().date(),
        )
        for member, kind, payment_id, amount in members:
            await self.execute(
                "INSERT INTO platform.payout_member (partner_id, payout_id, member, kind, payment_id, amount)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                PARTNER,
                payout_id,
                member,
                kind,
                payment_id,
                amount,
            )
        await self.execute("UPDATE platform.payout SET status = 'succeeded' WHERE payout_id = $1", payout_id)

    async def choose_accounts(self) -> None:
        """Set up accounts, deposits recorded; payments are moved to a savings account."""
        await list_accounts(self.world, self.line(), ListAccounts(scope=self.scope))
        chosen = [by_number(self.books(), number).uuid for number in (SAVINGS, BANK, FEES)]
        await self.execute(
            "UPDATE sync.connection SET payments_account_id = $1, deposits_account_id = $2, fees_account_id = $3,"
            " record_deposits = true",
            *chosen,
        )

    def unpaid(self, place: int = 0) -> Any:
        """An invoice of the books that is sent, live and has something due."""
        found = [
            row
            for row in self.books().invoices
            if row.vis_state == 0 and row.status != 1 and row.currency == "USD" and self.due(row) > 50
        ]
        return found[place]

    def due(self, invoice: Any) -> Decimal:
        paid = sum(
            (row.amount for row in self.books().payments if row.invoice_id == invoice.id and row.vis_state != 1),
            Decimal(0),
        )
        return Decimal(invoice.amount) - paid


@asynccontextmanager
async def standing(dsn: str, invoices: int = 40) -> AsyncIterator[Stand]:
    """A partner whose books are read."""
    clock = Clock()
    sandbox = make_sandbox(clock.now, (invoices,))
    caller = DirectCaller.over(sandbox)
    account = account_of(sandbox)
    scope = Scope(partner_id=PARTNER, account_id=AccountId(str(account.account_id)))
    notes = Notes()

    def reach(_: Connection) -> Any:
        return direct_account(caller, account, clock.now)

    async with Pool.open(dsn) as pool:
        world = World(
            clock=clock,
            store=PostgresStore(pool, clock.sleep),
            verify=VerifyStore(pool),
            tokens=Keys(clock.now),
            telemetry=notes,
            limiters=Limiters(clock),
            admission=Admission(clock),
            account=reach,
            doorbell=Doorbell(
                store=MemoryStore(clock.now).callbacks,
                keys=PlainKeys(),
                clock=clock,
                address=lambda _: None,
                heard=lambda _: None,
            ),
            callbacks=lambda connection: FreshBooksCallbacks(account=reach(connection)),
        )
        stand = Stand(pool, clock, sandbox, caller, world, scope, notes=notes)
        await stand.execute("INSERT INTO platform.partner (partner_id, name) VALUES ($1, 'Acme')", PARTNER)
        await stand.execute(
            "INSERT INTO sync.connection (partner_id, status, account_id, business_uuid, connected_at)"
            " VALUES ($1, 'connected', $2, $3, $4)",
            PARTNER,
            scope.account_id,
            account.business_uuid,
            clock.now(),
        )
        await stand.pull()
        await stand.settle()
        yield stand


def told(report: Report) -> list[tuple[DriftKind, str]]:
    return [(drift.kind, drift.detail) for drift in report.drifts]
