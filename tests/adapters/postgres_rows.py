"""What the store tests put into the database by hand, as the platform and a partner's consent would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
import asyncpg

from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.store import PostgresStore
from daemon.core.exchange import Claim, InvoiceRead
from daemon.core.invoice_rules import decide_page_read, decide_snapshot, decide_without_read
from daemon.core.model import (
    AccountId,
    FbCredit,
    FbInvoice,
    FbPayment,
    InvoiceDecision,
    InvoiceId,
    PartnerId,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reading,
    Scope,
    VisState,
)
from tests.builders import CUSTOMER, INVOICE, NOW, make_fb_invoice, make_reading, make_snapshot, usd

PARTNER = PartnerId("acme")
ACCOUNT = AccountId("Xr1")
SCOPE = Scope(partner_id=PARTNER, account_id=ACCOUNT)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Books:
    """One connected partner's rows, and short words for what happens to them."""

    pool: Pool
    store: PostgresStore
    scope: Scope = SCOPE
    clock: datetime = NOW

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        async with self.pool.connection() as connection:
            return await connection.fetch(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        async with self.pool.connection() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(sql, *args)

    async def add_partner(self, partner_id: str = PARTNER, account_id: str | None = ACCOUNT) -> Scope:
        """A partner that the platform knows, connected unless `account_id` is None."""
        await self.execute("INSERT INTO platform.partner (partner_id, name) VALUES ($1, 'Acme IT')", partner_id)
        if account_id is not None:
            await self.execute(
                "INSERT INTO sync.connection (partner_id, status, account_id) VALUES ($1, 'connected', $2)",
                partner_id,
                account_id,
            )
        return Scope(partner_id=PartnerId(partner_id), account_id=AccountId(account_id or ""))

    async def end(self, partner_id: PartnerId) -> None:
        """End a connection as a partner's wish to disconnect does."""
        await self.execute("UPDATE sync.connection SET disconnecting = true WHERE partner_id = $1", partner_id)
        await self.store.disconnected(partner_id, self.clock)

    async def pay(
        self,
        payment_id: str = "pay_1",
        amount: str | int = 100,
        status: str = "processing",
        invoice_id: InvoiceId | None = INVOICE,
        **columns: object,
    ) -> PaymentId:
        """Insert a payment as the platform does."""
        row: dict[str, object] = {
            "partner_id": self.scope.partner_id,
            "payment_id": payment_id,
            "account_id": self.scope.account_id if invoice_id else None,
            "invoice_id": invoice_id,
            "ap_invoice_id": None if invoice_id else "ap_1",
            "amount": Decimal(amount),
            "currency": "USD",
            "method": "ach",
            "status": status,
            "initiated_at": NOW - timedelta(minutes=10),
            **columns,
        }
        names = ", ".join(row)
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        await self.execute(f"INSERT INTO platform.payment ({names}) VALUES ({places})", *row.values())  # noqa: S608
        return PaymentId(payment_id)

    async def set_status(self, payment_id: str, status: PaymentStatus) -> None:
        await self.execute(
            "UPDATE platform.payment SET status = $3, updated_at = now() WHERE partner_id = $1 AND payment_id = $2",
            self.scope.partner_id,
            payment_id,
            status.value,
        )

    async def push(self, payment_id: str = "pay_1", generation: int = 1) -> asyncpg.Record:
        (row,) = await self.fetch(
            "SELECT * FROM sync.push WHERE partner_id = $1 AND subject = $2 AND generation = $3",
            self.scope.partner_id,
            payment_id,
            generation,
        )
        return row

    def read(self, invoice: FbInvoice, began_at: datetime | None = None) -> InvoiceRead:
        """A page's read of an invoice; each begins a minute after the one before."""
        return InvoiceRead(id=invoice.id, decide=partial(decide_page_read, invoice, self.reading(began_at)))

    async def merge(self, *invoices: FbInvoice) -> int:
        return (await self.store.merge_invoices(self.scope, [self.read(invoice) for invoice in invoices])).changed

    async def snapshot(self, invoice: FbInvoice | None = None, payments: tuple[FbPayment, ...] = ()) -> InvoiceDecision:
        """Store a consistent snapshot of an invoice."""
        seen = make_snapshot(invoice or make_fb_invoice(), payments, self.reading())
        return await self.store.settle(self.scope, seen.invoice.id, partial(decide_snapshot, seen), seen.payments)

    async def decide(self, invoice_id: InvoiceId = INVOICE) -> InvoiceDecision:
        """Decide from stored facts, as after a change on the platform."""
        return await self.store.settle(self.scope, invoice_id, decide_without_read, None)

    async def invoice(self, invoice_id: InvoiceId = INVOICE) -> asyncpg.Record:
        (row,) = await self.fetch(
            "SELECT * FROM sync.invoice WHERE partner_id = $1 AND invoice_id = $2", self.scope.partner_id, invoice_id
        )
        return row

    async def open_issues(self) -> set[tuple[str, str, str]]:
        rows = await self.fetch(
            "SELECT kind, subject_type, subject_id FROM sync.issue WHERE partner_id = $1 AND closed_at IS NULL",
            self.scope.partner_id,
        )
        return {tuple(row) for row in rows}

    async def rereads(self) -> dict[tuple[str, int], str]:
        rows = await self.fetch(
            "SELECT resource, id, reason FROM sync.reread WHERE partner_id = $1", self.scope.partner_id
        )
        return {(row["resource"], row["id"]): row["reason"] for row in rows}

    @asynccontextmanager
    async def wakes(self) -> AsyncIterator[AsyncIterator[tuple[PartnerId, str]]]:
        """Listen for as long as a wake may take; a test that waits in vain fails."""
        with anyio.fail_after(30):
            async with self.store.wakes() as wakes:
                yield wakes

    def reading(self, began_at: datetime | None = None) -> Reading:
        if began_at is None:
            self.clock += timedelta(minutes=1)
            began_at = self.clock
        return make_reading(began_at)


def make_credit(**changes: object) -> FbCredit:
    credit = FbCredit(
        id=61,
        customer_id=CUSTOMER,
        number="0000007",
        credit_type="overpayment",
        amount=usd(40),
        currency="USD",
        issued_on=make_fb_invoice().issued_on,
        description="Overpayment: invoice #0000812",
        vis_state=VisState.ACTIVE,
        fingerprint=1,
    )
    return replace(credit, **changes)  # type: ignore[arg-type]


async def event_kinds(books: Books) -> list[str]:
    return [row[0] for row in await books.fetch("SELECT kind FROM platform.event ORDER BY event_id")]


async def audit_lines(books: Books) -> list[tuple[str, str]]:
    return [
        (row["who"], row["what"]) for row in await books.fetch("SELECT who, what FROM sync.audit ORDER BY audit_id")
    ]


async def claim(books: Books, after: timedelta = timedelta(0), scope: Scope = SCOPE) -> Claim | None:
    now = NOW + after
    return await books.store.claim(scope, now, now + timedelta(minutes=1))


async def claimed(books: Books, after: timedelta = timedelta(0)) -> Claim:
    found = await claim(books, after)
    assert found is not None
    return found


def changed(push: Push, state: PushState, **values: Any) -> Push:
    return replace(push, state=state, **values)
