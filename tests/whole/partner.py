"""A partner of the tests over the real adapters: both sides' hands, and a supervisor that may be cut off anywhere."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from typing_extensions import override

from daemon.actors.root import RootSupervisor
from daemon.adapters.clock import SystemClock
from daemon.adapters.freshbooks.calls import Answer, Call, Caller
from daemon.core.exchange import Reread
from daemon.core.model import (
    AccountId,
    Choice,
    FbPaymentId,
    InvoiceId,
    PartnerId,
    PaymentId,
    PaymentStatus,
    Push,
    Resource,
    Scope,
)
from daemon.core.policy import Policy
from daemon.sandbox.accounts import Account
from tests.polling import eventually
from tests.whole.pace import FAST, MOMENT, WITHIN_S
from tests.whole.rows import Rows, load

if TYPE_CHECKING:
    from tests.whole.stage import Site

Weather = Callable[[Call], None]


def fair(_: Call) -> None:
    """Good weather."""


def whole(_: Call, body: bytes) -> bytes:
    """An answer as it is."""
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCaller(Caller):
    """The real caller; `before` and `after` see every call and may break it, as a network would."""

    partner: "Partner"

    @override
    async def call(self, call: Call, **more: Any) -> Answer:
        partner = self.partner
        partner.in_flight += 1
        try:
            partner.asked.append(call)
            partner.before(call)
            answer = await Caller.call(self, call, **more)
            if partner.after is not fair:
                # Whoever judges by our tables what this answer means must not see them as they were a step ago.
                await partner.refresh()
            partner.after(call)
            return replace(answer, body=partner.spoil(call, answer.body))
        finally:
            partner.in_flight -= 1


@dataclass(slots=True)
class Partner:
    """One partner: what both sides do, and what our tables show of it. `rows` are as `refresh` found them."""

    site: "Site"
    id: PartnerId
    login: Any
    token: str
    before: Weather = fair
    after: Weather = fair
    spoil: Callable[[Call, bytes], bytes] = whole
    in_flight: int = 0
    asked: list[Call] = field(default_factory=list)
    seen: Rows = field(default_factory=Rows)
    todo: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    root: RootSupervisor | None = None

    @property
    def clock(self) -> SystemClock:
        return self.site.clock

    def account(self) -> Account:
        """The sandbox's account."""
        owned: Account = next(m.account for m in self.login.memberships if m.role == "owner" and m.account.account_id)
        return owned

    def scope(self) -> Scope:
        return Scope(partner_id=self.id, account_id=AccountId(str(self.account().account_id)))

    # ---- running -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def connected(self, *, accounts_chosen: bool = True, policy: Policy = FAST) -> AsyncIterator["Partner"]:
        """Consent, and run a supervisor until the initial sync is complete, and on."""
        await self.consent(accounts_chosen=accounts_chosen)
        async with anyio.create_task_group() as group:
            await self.start(group, policy)
            await self.until(self.is_connected)
            yield self
            group.cancel_scope.cancel()

    async def consent(self, *, accounts_chosen: bool = True) -> None:
        """Store what a partner's consent stores."""
        chart = {row.number: row.uuid for row in self.account().books.ledger.values()}
        payments, deposits = (chart["1000-1"], chart["1000-2"]) if accounts_chosen else (None, None)
        await self.site.execute("INSERT INTO platform.partner (partner_id, name) VALUES ($1, 'Firm')", self.id)
        await self.site.execute(
            "INSERT INTO sync.connection (partner_id, status, account_id, business_uuid, epoch, payments_account_id, "
            "deposits_account_id) VALUES ($1, 'pending', $2, $3, 1, $4, $5)",
            self.id,
            str(self.account().account_id),
            self.account().business_uuid,
            payments,
            deposits,
        )

    async def start(self, group: anyio.abc.TaskGroup, policy: Policy = FAST) -> RootSupervisor:
        """Run what a new process would run for this partner alone."""
        self.root = RootSupervisor(self.site.world(self), policy)
        await group.start(self.root.run)
        return self.root

    async def is_connected(self) -> bool:
        status = await self.site.value("SELECT status FROM sync.connection WHERE partner_id = $1", self.id)
        return bool(status == "connected")

    async def until(self, look: Callable[[], Awaitable[object]], within_s: float = WITHIN_S) -> None:
        """Wait until something is so."""
        await eventually(look, within_s=within_s)

    async def synced(self) -> None:
        """Press Sync now and wait until both feeds have run, and nothing is left to be read."""
        asked = self.clock.now()
        self.touch(sync_asked_at=asked)
        await self.flush()
        await self.until(lambda: self._has_run_since(asked))
        await self.refresh()

    async def _has_run_since(self, asked: datetime) -> bool:
        done = await self.site.fetch(
            "SELECT DISTINCT feed FROM sync.run WHERE partner_id = $1 AND feed IN ('payments', 'invoices') "
            "AND began_at >= $2 AND outcome = 'complete'",
            self.id,
            asked,
        )
        left = await self.site.value(
            "SELECT count(*) FROM sync.reread WHERE partner_id = $1 AND due_at < now() + interval '1 minute'", self.id
        )
        return len(done) == len(("payments", "invoices")) and left == 0

    async def quiet(self) -> None:
        """Wait until no call is on its way, so that what is done now is seen whole or not at all by the next one."""
        while self.in_flight:
            await anyio.lowlevel.checkpoint()

    async def shows(self, look: Callable[[Rows], object]) -> Rows:
        """Do what was asked for, and wait until our tables show something."""
        await self.flush()

        async def seen() -> object:
            return look(await self.refresh())

        await self.until(seen)
        return self.seen

    async def refresh(self) -> Rows:
        """Look at our tables."""
        async with self.site.pool.connection() as connection:
            self.seen = await load(connection, self.id)
        return self.seen

    async def flush(self) -> None:
        """Do in Postgres what was asked for since the last time."""
        todo, self.todo = self.todo, []
        for act in todo:
            await act()

    # ---- what the tables show ----------------------------------------------------------------------------------------

    def rows(self) -> Rows:
        return self.seen

    def invoice(self, invoice_id: InvoiceId) -> Any:
        return self.seen.invoices[invoice_id]

    def push(self, payment_id: PaymentId) -> Push:
        """The latest generation's intent."""
        pushes = self.seen.pushes
        return pushes[payment_id, max(generation for key, generation in pushes if key == payment_id)]

    # ---- what both sides do ------------------------------------------------------------------------------------------

    def bill(self, amount: str | Decimal = "100.00", **fields: Any) -> InvoiceId:
        """Write a sent invoice in FreshBooks."""
        clients = list(self.account().books.clients)
        client = clients[0] if clients else self.book("client.create", None, {"organization": "Dale"})
        body = {
            "customerid": client.id,
            "create_date": self.clock.now().date().isoformat(),
            "status": 2,
            "lines": [{"name": "Work", "qty": 1, "unit_cost": {"amount": str(amount), "code": "USD"}}],
            **fields,
        }
        return InvoiceId(self.book("invoice.create", None, body).id)

    def book(self, operation: str, key: int | None, body: dict[str, Any]) -> Any:
        """Act in FreshBooks as the bookkeeper."""
        return self.site.sandbox.sandbox.write(self.account(), operation, key, body)

    def type_payment(self, invoice_id: int, amount: str, **fields: Any) -> int:
        """Type a cheque in FreshBooks."""
        body = {"invoiceid": invoice_id, "amount": {"amount": amount}, "date": self.clock.now().date().isoformat()}
        return int(self.book("payment.create", None, {**body, "type": "Check", **fields}).id)

    def fb_payments(self, invoice_id: int) -> list[Any]:
        return [row for row in self.account().books.payments if row.invoice_id == invoice_id]

    def pay(self, invoice_id: InvoiceId, amount: str, *, payment_id: str = "pay_1", method: str = "card") -> PaymentId:
        """Pay on the platform as a customer."""
        sql = (
            "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, "
            "status, initiated_at) VALUES ($1, $2, $3, $4, $5, 'USD', $6, 'processing', $7)"
        )
        row = (self.id, payment_id, self.scope().account_id, invoice_id, Decimal(amount), method, self.clock.now())
        self.todo.append(partial(self.site.execute, sql, *row))
        return PaymentId(payment_id)

    def move(self, payment_id: PaymentId, status: PaymentStatus) -> None:
        """Let a payment succeed, fail, be charged back or refunded."""
        sql = "UPDATE platform.payment SET status = $3 WHERE partner_id = $1 AND payment_id = $2"
        self.todo.append(partial(self.site.execute, sql, self.id, payment_id, status.value))

    def touch(self, sync_asked_at: datetime) -> None:
        """Press Sync now."""
        self.todo.append(partial(self._sync_now, sync_asked_at))

    async def _sync_now(self, at: datetime) -> None:
        await self.site.desk.ask_sync(self.id, "a person", at)

    def press(
        self,
        payment_id: PaymentId,
        choice: Choice,
        named: FbPaymentId | None = None,
        heard: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """Choose for a payment; `heard` is told why when it was not offered."""
        self.todo.append(partial(self._press, payment_id, choice, named, heard))

    async def _press(
        self, payment_id: PaymentId, choice: Choice, named: FbPaymentId | None, heard: Callable[[str | None], None]
    ) -> None:
        choose: Any = self.site.store.choose
        refused = await choose(self.scope(), payment_id, choice, named, "a person")
        heard(refused.why if refused else None)

    def take_freshbooks_version(self, invoice_id: InvoiceId) -> None:
        """Let a paid invoice follow FreshBooks again, by a person's wish."""
        self.todo.append(partial(self._act, "paid_invoice_changed", "invoice", str(invoice_id)))

    async def read_again(self, resource: str, key: int) -> None:
        """Ask for a quarantined record to be read again, by a person's wish."""
        await self._act("quarantined", resource, str(key))

    async def _act(self, kind: str, subject: str, key: str) -> None:
        issue = await self.site.value(
            "SELECT issue_id FROM sync.issue WHERE partner_id = $1 AND kind = $2 AND subject_type = $3 "
            "AND subject_id = $4 AND closed_at IS NULL",
            self.id,
            kind,
            subject,
            key,
        )
        if issue is not None:
            actions = {"paid_invoice_changed": "take_freshbooks_version", "quarantined": "read_again"}
            now = self.clock.now()
            await self.site.desk.act_on_issue(self.id, issue, actions[kind], None, "a person", now)

    def ring(self, resource: Resource, key: int, due_at: datetime) -> None:
        """Ask for one object to be read again, as a believed delivery does; soon, since here time is real."""
        self.todo.append(partial(self._ring, resource, key, min(due_at, self.clock.now() + 20 * MOMENT)))

    async def _ring(self, resource: Resource, key: int, due_at: datetime) -> None:
        reread = Reread(resource=resource, id=key, reason="webhook", due_at=due_at)
        await self.site.callbacks.ring(self.scope(), reread)
