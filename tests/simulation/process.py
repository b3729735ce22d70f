"""One process of a simulated fleet: its own root, leases and tokens over shared rows; it can freeze and die."""

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel

from daemon.actors.limiter import Limiters
from daemon.actors.membership import Membership
from daemon.actors.root import RootSupervisor
from daemon.adapters.freshbooks.calls import Answer, Call
from daemon.adapters.freshbooks.tokens import TokenKeeper
from daemon.core.consent import TokenPair
from daemon.core.errors import AuthorizationLost
from daemon.core.leases import LeasePolicy
from daemon.core.model import PartnerId
from daemon.core.state import Connection
from tests.actors.stage import ActorStage
from tests.adapters.freshbooks_chain import KEYS
from tests.adapters.freshbooks_chain import Store as TokenRows
from tests.direct_freshbooks import direct_account
from tests.memory_leases import LeaseTable, MemoryLeases
from tests.virtual_time import VirtualClock

READS = frozenset(
    {"fingerprints", "due_rereads", "next_reread_at", "next_push_at", "book_accounts", "connection", "partners"}
)
RUNNING: ContextVar["Process"] = ContextVar("RUNNING")
"""The process whose code runs now: whom a cut-off or a freeze hits."""


@dataclass(slots=True)
class OneTimeTokens:
    """FreshBooks' side of the tokens: a refresh token works once."""

    now: Callable[[], Any]
    life: timedelta
    issued: int = 1

    def pair(self) -> TokenPair:
        return TokenPair(
            access_token=f"access-{self.issued}",
            refresh_token=f"refresh-{self.issued}",
            expires_at=self.now() + self.life,
            scopes=frozenset({"all"}),
        )

    async def refresh(self, refresh_token: str) -> TokenPair:
        await anyio.lowlevel.checkpoint()
        if refresh_token != f"refresh-{self.issued}":
            raise AuthorizationLost(f"{refresh_token} is spent: {self.issued} were issued")
        self.issued += 1
        return self.pair()

    async def revoke(self, access_token: str) -> None:
        """Forget it."""


@dataclass(slots=True)
class Gate:
    """What a process does to the world passes here, and what the world answers; a frozen process does neither."""

    opened: anyio.Event | None = None
    crossings: int = 0
    crossed: Callable[[str], None] = field(default=lambda _: None)

    def cross(self, what: str) -> bool:
        """Come to the gate with something; tell whether it is open."""
        self.crossings += 1
        self.crossed(what)
        return self.opened is None

    async def wait(self) -> None:
        """Stand before a closed gate."""
        while self.opened is not None:
            await self.opened.wait()

    def freeze(self) -> None:
        self.opened = self.opened or anyio.Event()

    def thaw(self) -> None:
        if self.opened is not None:
            self.opened.set()
            self.opened = None


class Gated:
    """Something of the world's behind a gate; `check` may refuse a call by its name and first argument."""

    def __init__(self, inner: Any, gate: Gate, check: Callable[[str, Any], None] = lambda _name, _first: None) -> None:
        self._inner = inner
        self._gate = gate
        self._check = check

    def page_transaction(self, scope: Any) -> Any:
        self._check("page_transaction", scope)
        return self._inner.page_transaction(scope)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        gate, check, answered = self._gate, self._check, f"{name} answered"

        async def call(*values: Any, **named: Any) -> Any:
            if not gate.cross(name):
                await gate.wait()
            check(name, values[0] if values else None)
            answer = await found(*values, **named)
            if not gate.cross(answered):
                await gate.wait()
            return answer

        self.__dict__[name] = call  # the next call finds it without asking here
        return call


class GatedCaller:
    """The way to FreshBooks; the gate stands before the last look at the claim: W4's named window stays shut."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    async def call(self, call: Call, **named: Any) -> Answer:
        if not self._gate.cross(call.method):
            await self._gate.wait()
        answer: Answer = await self._inner.call(call, **named)
        if not self._gate.cross(f"{call.method} answered"):
            await self._gate.wait()
        return answer


@dataclass(slots=True)
class Shared:
    """What all processes of a fleet have in common."""

    stage: ActorStage
    table: LeaseTable
    token_rows: TokenRows
    oauth: OneTimeTokens
    born: int = 0

    @staticmethod
    def of(stage: ActorStage, token_life: timedelta) -> "Shared":
        connected = lambda: [name for name, row in stage.store.connections.items() if row.scope]  # noqa: E731
        return Shared(
            stage=stage,
            table=LeaseTable(stage.clock.monotonic, connected),
            token_rows=TokenRows(),
            oauth=OneTimeTokens(stage.clock.now, token_life),
        )


class Process:
    """Runs until it is stopped or killed; its successor is a new one under another name."""

    def __init__(self, shared: Shared, leases: LeasePolicy) -> None:
        shared.born += 1
        self.name = f"process-{shared.born}"
        self.shared = shared
        self.gate = Gate()
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        stage = shared.stage
        self.clock = VirtualClock()
        self.leases = MemoryLeases(shared.table, self.name)
        self.membership = Membership(Gated(self.leases, self.gate), self.clock, stage.notes, leases)
        tokens = TokenKeeper(store=shared.token_rows, oauth=shared.oauth, keys=KEYS, clock=self.clock)
        caller: Any = GatedCaller(stage.caller, self.gate)

        def account(connection: Connection) -> Any:
            assert connection.scope is not None
            return direct_account(caller, stage.sandbox.directory.accounts[connection.scope.account_id], self.clock.now)

        world = replace(
            stage.world,
            clock=self.clock,
            store=Gated(stage.store, self.gate, self._fence),
            tokens=tokens,
            limiters=Limiters(self.clock),
            account=account,
            holds=self.membership.holds,
        )
        self.root = RootSupervisor(world, stage.policy, self.membership)

    def _fence(self, name: str, first: Any) -> None:
        """Refuse a write under a past epoch, as Postgres does in the transaction that would write."""
        if name in READS or first is None:
            return
        partner_id = PartnerId(first if isinstance(first, str) else getattr(first, "scope", first).partner_id)
        self.shared.table.fence(partner_id, self.membership.epoch(partner_id))

    async def run(self) -> None:
        """Live."""
        RUNNING.set(self)
        try:
            with self.scope:
                await self.root.run()
        finally:
            self.shared.table.crashed.add(self.name)
            self.ended.set()

    def kill(self) -> None:
        """End at once, with whatever is under way."""
        self.gate.thaw()
        self.leases.away = True
        self.scope.cancel()
