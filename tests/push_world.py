"""The real adapters on a partner's rows and books, and a clock that a test sets forward; in this process or another."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from typing_extensions import override

from daemon.actors.admission import Admission
from daemon.actors.crash_points import Reached, pass_by
from daemon.actors.limiter import Limiter, Limiters, Line
from daemon.actors.push import push_next
from daemon.actors.world import World
from daemon.adapters.clock import SystemClock
from daemon.adapters.freshbooks.calls import Caller, open_session
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.effects import PushNext
from daemon.core.errors import FreshBooksUnavailable
from daemon.core.model import AccountId, PartnerId, Scope
from daemon.core.policy import PushPolicy, RatePolicy

PARTNER = PartnerId("acme")
UNPACED = RatePolicy(calls_per_window=10**9, creates_per_window=10**9, burst=10**6)


class SteppedClock(SystemClock):
    """The machine's clocks, and as much more as a test let pass."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    @override
    def now(self) -> datetime:
        return super().now() + self.ahead

    @override
    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


@dataclass(slots=True)
class Notes:
    """Fulfils Telemetry by remembering what was counted."""

    facts: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.facts.append(name)

    def about(self, **ids: str) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """All that a worker needs to reach one partner's rows and books; it can be handed to another process."""

    dsn: str
    base_url: str
    account_id: str
    business_uuid: str
    token: str
    policy: PushPolicy
    ahead: timedelta = timedelta(0)


async def push_all(world: World, line: Line, scope: Scope, policy: PushPolicy) -> None:
    """Work as the push lane does until nothing is due."""
    for _ in range(40):
        now = world.clock.now()
        try:
            told = await push_next(world, line, PushNext(scope=scope, timezone="America/New_York"), policy)
        except FreshBooksUnavailable:
            continue
        if told.next_at is None or told.next_at > now:
            return
    raise AssertionError("the push lane never came to rest")


@asynccontextmanager
async def reached_world(
    reach: Reach, clock: SteppedClock, reached: Reached = pass_by
) -> AsyncIterator[tuple[World, Line, Pool]]:
    """Open the real adapters on a partner's rows and books."""
    async with Pool.open(reach.dsn) as pool, open_session() as session:

        async def give() -> str:
            return reach.token

        timeout = reach.policy.post_timeout
        account = FreshBooksAccount(
            caller=Caller(session=session, base_url=reach.base_url, user_agent="test", timeout=timeout),
            account_id=AccountId(reach.account_id),
            business_uuid=reach.business_uuid,
            token=give,
            now=clock.now,
            post_timeout=timeout,
        )
        world = World(
            clock=clock,
            store=PostgresStore(pool, clock.sleep),
            verify=cast("Any", None),
            tokens=cast("Any", None),
            telemetry=Notes(),
            limiters=Limiters(clock),
            admission=Admission(clock),
            account=lambda _: account,
            doorbell=cast("Any", None),
            callbacks=cast("Any", None),
            reached=reached,
        )
        yield world, Line(PARTNER, account, Limiter(clock, UNPACED), world.telemetry), pool
