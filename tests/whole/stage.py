"""The real supervisor over the real adapters: a sandbox over HTTP, a real Postgres, and no time between two looks.

Only the intervals are shortened, so that what takes an hour takes a moment; nothing of the daemon is replaced but the
tokens, which the sandbox hands out ready.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import anyio
import asyncpg
from typing_extensions import override

from daemon.actors.admission import Admission
from daemon.actors.callbacks import Doorbell
from daemon.actors.limiter import Limiters
from daemon.actors.world import World
from daemon.adapters.clock import SystemClock
from daemon.adapters.freshbooks.callbacks import FreshBooksCallbacks
from daemon.adapters.freshbooks.calls import open_session
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.adapters.postgres.callback_store import CallbackStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.adapters.postgres.pool import Pool, PoolLimits
from daemon.adapters.postgres.store import PostgresStore
from daemon.adapters.postgres.verify_store import VerifyStore
from daemon.core.model import PartnerId
from daemon.core.state import Connection
from daemon.sandbox.command import RunningSandbox, running
from daemon.sandbox.options import RateLimits, SandboxOptions
from tests.actors.stage import Keys, Notes
from tests.memory_callbacks import PlainKeys
from tests.polling import eventually
from tests.whole.pace import FAST
from tests.whole.partner import Partner, WatchedCaller


@dataclass(slots=True)
class Site:
    """A sandbox and a database, and the partners between them."""

    sandbox: RunningSandbox
    pool: Pool
    session: aiohttp.ClientSession
    clock: SystemClock = field(default_factory=SystemClock)
    notes: Notes = field(default_factory=Notes)
    partners: list[Partner] = field(default_factory=list)

    @property
    def store(self) -> PostgresStore:
        return PostgresStore(self.pool, self.clock.sleep)

    @property
    def callbacks(self) -> CallbackStore:
        return CallbackStore(self.pool)

    @property
    def desk(self) -> DeskActions:
        return DeskActions(self.pool)

    def add(self, size: int = 0) -> Partner:
        """Make books of a size, and a partner who has yet to consent."""
        number = len(self.partners) + 1
        sandbox = self.sandbox.sandbox
        login = sandbox.add_partner(
            name=f"Firm {number}", email=f"firm-{number}@sandbox.example", size=size, seed=number, currency="USD"
        )
        token = sandbox.issue_tokens(login)["access_token"]
        partner = Partner(self, PartnerId(f"pt_{number}"), login, token)
        self.partners.append(partner)
        return partner

    def world(self, partner: Partner) -> World:
        """The world as the wiring makes it, for one partner."""
        caller = WatchedCaller(session=self.session, base_url=self.sandbox.base_url, user_agent="test", partner=partner)

        def account(connection: Connection) -> FreshBooksAccount:
            async def token() -> str:
                return partner.token

            return FreshBooksAccount(
                caller=replace(caller, timeout=FAST.call_timeout),
                account_id=partner.scope().account_id,
                business_uuid=connection.business_uuid,
                token=token,
                now=self.clock.now,
                post_timeout=FAST.push.post_timeout,
            )

        return World(
            clock=self.clock,
            store=_OnlyOne(self.pool, self.clock.sleep, partner.id),
            verify=VerifyStore(self.pool),
            tokens=Keys(self.clock.now),
            telemetry=self.notes,
            limiters=Limiters(self.clock),
            admission=Admission(self.clock),
            account=account,
            doorbell=Doorbell(
                store=self.callbacks,
                keys=PlainKeys(),
                clock=self.clock,
                address=lambda _: None,
                heard=lambda _: None,
            ),
            callbacks=lambda connection: FreshBooksCallbacks(account=account(connection)),
        )

    async def execute(self, sql: str, *args: object) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        async with self.pool.connection() as connection:
            return await connection.fetchval(sql, *args)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        async with self.pool.connection() as connection:
            return await connection.fetch(sql, *args)


class _OnlyOne(PostgresStore):
    """The real store, of which one root sees one partner: each history is a process of its own."""

    def __init__(self, pool: Pool, sleep: Callable[[float], Awaitable[None]], partner_id: PartnerId) -> None:
        super().__init__(pool, sleep)
        self._only = partner_id

    @override
    async def partners(self) -> tuple[PartnerId, ...]:
        return tuple(partner_id for partner_id in await super().partners() if partner_id == self._only)


@asynccontextmanager
async def opened_site(dsn: str, **options: Any) -> AsyncIterator[Site]:
    """Run a sandbox over HTTP on a migrated database."""
    options = {"rate_limits": RateLimits(calls=0, creates=0), **options}
    chosen = SandboxOptions(invoices=(0,), webhooks=False, request_log_size=1, **options)
    async with (
        running(chosen) as sandbox,
        Pool.open(dsn, PoolLimits(size=8)) as pool,
        open_session(connections=50) as session,
    ):
        try:
            yield Site(sandbox, pool, session)
        finally:
            # A connection that a cut-off process left in a transaction is still being put in order.
            with anyio.CancelScope(shield=True):
                await eventually(lambda: pool.idle() == pool.size(), within_s=10)


async def platform(site: Site, partner: Partner, invoice: int) -> Any:
    """What the platform sees of an invoice."""
    (row,) = await site.fetch(
        "SELECT * FROM platform.invoice WHERE partner_id = $1 AND invoice_id = $2", partner.id, invoice
    )
    return row


def lines(amount: str, name: str = "Work") -> list[dict[str, Any]]:
    return [{"name": name, "qty": 1, "unit_cost": {"amount": amount, "code": "USD"}}]
