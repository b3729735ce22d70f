"""One or more partners over in-memory rows and the sandbox's books: what the actors' tests act on and look at."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import anyio

from daemon.actors.admission import Admission
from daemon.actors.callbacks import Doorbell
from daemon.actors.limiter import Limiters
from daemon.actors.root import RootSupervisor
from daemon.actors.world import World
from daemon.adapters.freshbooks.callbacks import FreshBooksCallbacks
from daemon.core.errors import AuthorizationLost
from daemon.core.exchange import Reread
from daemon.core.invoice_rules import decide_unfreeze
from daemon.core.model import (
    AccountId,
    Choice,
    FbPaymentId,
    Invoice,
    InvoiceId,
    PartnerId,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    Resource,
    Scope,
)
from daemon.core.policy import Policy
from daemon.core.state import Connection, ConnectionStatus
from daemon.sandbox.accounts import Account
from tests.direct_freshbooks import DirectCaller, Weather, account_of, direct_account, make_sandbox
from tests.memory_books import Books
from tests.memory_callbacks import PlainKeys
from tests.memory_store import MemoryStore
from tests.memory_verify import NoVerification
from tests.virtual_time import VirtualClock

PARTNER = PartnerId("pt_1")
Switched = tuple[tuple[str, object], ...]
"""Switches of the sandbox that are not as usual."""
T = TypeVar("T")


@dataclass(slots=True)
class Notes:
    """Fulfils Telemetry by remembering."""

    facts: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        def note(*values: Any, **named: Any) -> None:
            self.facts.append((name, *values, *named.values()))

        return note

    def about(self, **ids: str) -> AbstractContextManager[None]:
        return nullcontext()

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [fact for fact in self.facts if fact[0] == name]


@dataclass(slots=True)
class Keys:
    """Fulfils Tokens: a refresh gives twelve hours, until `lost` says why it cannot."""

    now: Callable[[], datetime]
    lost: str = ""
    refreshed: int = 0
    revoked: int = 0

    async def refresh(self, partner_id: PartnerId) -> datetime:
        del partner_id
        if self.lost:
            raise AuthorizationLost(self.lost)
        self.refreshed += 1
        return self.now() + timedelta(hours=12)

    async def revoke(self, partner_id: PartnerId) -> None:
        del partner_id
        self.revoked += 1


def _fair(_: Any) -> None:
    """Good weather."""


def _at_once(method: Coroutine[Any, Any, T]) -> T:
    """Run a method of the in-memory store, which never waits."""
    try:
        method.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("the store waited")


class ActorStage:
    """A root supervisor with partners `pt_1`, `pt_2`, ... whose books have these sizes."""

    def __init__(
        self,
        *sizes: int,
        policy: Policy | None = None,
        before: Weather = _fair,
        after: Weather = _fair,
        switches: Switched = (),
        works: int = 14,
    ) -> None:
        self.clock = VirtualClock()
        self.policy = policy or Policy()
        self.store = MemoryStore(self.clock.now)
        self.sandbox = make_sandbox(self.clock.now, sizes or (0,), switches=switches)
        self.caller = DirectCaller.over(self.sandbox, before, after)
        self.notes = Notes()
        self.keys = Keys(self.clock.now)
        self.world = World(
            clock=self.clock,
            store=self.store,
            verify=NoVerification(),
            tokens=self.keys,
            telemetry=self.notes,
            limiters=Limiters(self.clock),
            admission=Admission(self.clock, works=works),
            account=self._account,
            doorbell=Doorbell(
                store=self.store.callbacks,
                keys=PlainKeys(),
                clock=self.clock,
                address=lambda _: None,
                heard=lambda outcome: self.notes.facts.append(("heard", outcome)),
            ),
            callbacks=lambda connection: FreshBooksCallbacks(account=self._account(connection)),
        )
        self.root = RootSupervisor(self.world, self.policy)

    @staticmethod
    def restarted(stage: "ActorStage") -> RootSupervisor:
        """What a new process would run: a fresh root over the same rows and books."""
        stage.store.listeners.clear()
        stage.root = RootSupervisor(stage.world, stage.policy)
        return stage.root

    def _account(self, connection: Connection) -> Any:
        assert connection.scope is not None
        account = self.sandbox.directory.accounts[connection.scope.account_id]
        return direct_account(self.caller, account, self.clock.now)

    def account(self, index: int = 0) -> Account:
        """The sandbox's account of the n-th partner."""
        return account_of(self.sandbox, index)

    def connect(self, index: int = 0, *, accounts_chosen: bool = True) -> None:
        """Store the n-th partner's consent."""
        partner_id = PartnerId(f"pt_{index + 1}")
        scope = self.scope(index)
        self.store.connect(
            Connection(
                partner_id=partner_id,
                status=ConnectionStatus.PENDING,
                scope=scope,
                accounts_chosen=accounts_chosen,
                token_expires_at=self.clock.now() + timedelta(hours=12),
                epoch=1,
            )
        )

    def touch(self, index: int = 0, **changes: Any) -> None:
        """Change the stored connection as a person at the dashboard would."""
        partner_id = PartnerId(f"pt_{index + 1}")
        self.store.connections[partner_id] = replace(self.store.connections[partner_id], **changes)
        self.store.notify(partner_id, "connection")

    def status(self, index: int = 0) -> ConnectionStatus:
        """The stored word."""
        return self.store.connections[PartnerId(f"pt_{index + 1}")].status

    def scope(self, index: int = 0) -> Scope:
        """The n-th partner's account, as its consent stored it."""
        partner_id = PartnerId(f"pt_{index + 1}")
        return Scope(partner_id=partner_id, account_id=AccountId(str(self.account(index).account_id)))

    def rows(self, index: int = 0) -> Books:
        """The n-th partner's stored rows."""
        return self.store.books[PartnerId(f"pt_{index + 1}")]

    async def until(self, look: Callable[[], object], within: timedelta = timedelta(hours=1)) -> None:
        """Let virtual time pass until something is so."""
        deadline = self.clock.now() + within
        while not look():
            assert self.clock.now() < deadline, f"not so within {within}"
            await anyio.sleep(0.05)

    # ---- the two sides of the books ----------------------------------------------------------------------------------

    def bill(self, amount: str | Decimal = "100.00", index: int = 0, **fields: Any) -> InvoiceId:
        """Write a sent invoice in FreshBooks."""
        account = self.account(index)
        clients = list(account.books.clients)
        client = clients[0] if clients else self.sandbox.write(account, "client.create", None, {"organization": "Dale"})
        body = {
            "customerid": client.id,
            "create_date": self.clock.now().date().isoformat(),
            "status": 2,
            "lines": [{"name": "Work", "qty": 1, "unit_cost": {"amount": str(amount), "code": "USD"}}],
            **fields,
        }
        return InvoiceId(self.sandbox.write(account, "invoice.create", None, body).id)

    def book(self, operation: str, key: int | None, body: dict[str, Any], index: int = 0) -> Any:
        """Act in FreshBooks as the bookkeeper."""
        return self.sandbox.write(self.account(index), operation, key, body)

    def pay(
        self, invoice_id: InvoiceId, amount: str, *, payment_id: str = "pay_1", method: str = "card", index: int = 0
    ) -> PaymentId:
        """Pay on the platform as a customer."""
        payment = Payment(
            id=PaymentId(payment_id),
            invoice_id=invoice_id,
            amount=Decimal(amount),
            currency="USD",
            method=method,
            status=PaymentStatus.PROCESSING,
            initiated_at=self.clock.now(),
        )
        self.store.pay(PartnerId(f"pt_{index + 1}"), payment)
        return payment.id

    def move(self, payment_id: PaymentId, status: PaymentStatus, index: int = 0) -> None:
        """Let a payment succeed, fail, be charged back or refunded."""
        self.store.set_status(PartnerId(f"pt_{index + 1}"), payment_id, status)

    def press(
        self,
        payment_id: PaymentId,
        choice: Choice,
        named: FbPaymentId | None = None,
        heard: Callable[[str | None], None] = lambda _: None,
        index: int = 0,
    ) -> None:
        """Choose for a payment as a person at the dashboard would; `heard` is told why when it is not offered."""
        partner_id = PartnerId(f"pt_{index + 1}")
        refused = _at_once(self.store.choose(self.scope(index), payment_id, choice, named, "a person"))
        self.store.notify(partner_id, "reread")
        heard(refused.why if refused else None)

    def take_freshbooks_version(self, invoice_id: InvoiceId, index: int = 0) -> None:
        """Let a paid invoice follow FreshBooks again, by a person's wish."""
        self.rows(index).decide(invoice_id, decide_unfreeze, self.clock.now())
        self.store.notify(PartnerId(f"pt_{index + 1}"), "reread")

    def ring(self, resource: Resource, key: int, due_at: datetime, index: int = 0) -> None:
        """Ask for one object to be read again, as a believed delivery does."""
        self.rows(index).ask(Reread(resource=resource, id=key, reason="webhook", due_at=due_at))
        self.store.notify(PartnerId(f"pt_{index + 1}"), "reread")

    def invoice(self, invoice_id: InvoiceId, index: int = 0) -> Invoice:
        """Our row."""
        return self.rows(index).invoices[invoice_id]

    def push(self, payment_id: PaymentId, index: int = 0) -> Push:
        """The latest generation's intent."""
        pushes = self.rows(index).pushes
        return pushes[payment_id, max(generation for key, generation in pushes if key == payment_id)]

    def push_of(self, payment_id: str, index: int = 0) -> Push:
        """The latest generation's intent, by the plain id."""
        return self.push(PaymentId(payment_id), index)

    def fb_payments(self, invoice_id: InvoiceId, index: int = 0) -> list[Any]:
        """FreshBooks' own payments of an invoice, deleted ones included."""
        return [row for row in self.account(index).books.payments if row.invoice_id == invoice_id]


@asynccontextmanager
async def running(stage: ActorStage) -> AsyncIterator[None]:
    """Run the root supervisor beside the test, and drain it in the end."""
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        yield
        stage.root.drain()


@asynccontextmanager
async def connected(*sizes: int, **options: object) -> AsyncIterator[ActorStage]:
    """A stage whose first partner is Connected."""
    stage = ActorStage(*sizes, **options)  # type: ignore[arg-type]
    stage.connect()
    async with running(stage):
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        yield stage
