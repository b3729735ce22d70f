"""Partners with books in a sandbox process, connected without a browser, for the real daemon to work on."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import anyio
import asyncpg
from anyio.streams.buffered import BufferedByteReceiveStream

from daemon.adapters.crypto import KeyRing
from tests.system.program import ENCRYPTION_KEY, environment, settings_text

SANDBOX_START_S = 30.0
PAYMENTS_ACCOUNT, BANK_ACCOUNT = "payments-account", "bank-account"


@dataclass(slots=True, kw_only=True)
class Partner:
    """One connected partner: its id on the platform and its account at FreshBooks."""

    partner_id: str
    account_id: str


@dataclass(slots=True, kw_only=True)
class Books:
    """A sandbox process, the platform's tables, and the partners between them."""

    url: str
    dsn: str
    greeting: dict[str, Any]
    http: aiohttp.ClientSession
    database: asyncpg.Connection
    partners: list[Partner] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list, repr=False)

    def settings(self, more: str = "", **changes: Any) -> str:
        """The settings of a daemon that works on these books."""
        text = settings_text(self.dsn, freshbooks=self.url, more=more, **changes)
        secret, client = self.greeting["client_secret"], self.greeting["client_id"]
        lines = [
            f'client_id = "{client}"'
            if line.startswith("client_id")
            else f'client_secret = "{secret}"'
            if line.startswith("client_secret")
            else line
            for line in text.splitlines()
        ]
        return "\n".join(lines)

    async def add(self, invoices: int, *, accounts_chosen: bool = True) -> Partner:
        """Make books of a size and a partner who has just allowed access to them."""
        number = len(self.partners) + 1
        made = await self.control("POST", "accounts", {"name": f"Firm {number}", "invoices": invoices, "seed": number})
        partner = Partner(partner_id=f"pt_{number}", account_id=made["account_id"])
        self.partners.append(partner)
        self.tokens += [made["access_token"], made["refresh_token"]]
        await insert_connected(self.database, partner.partner_id, made, accounts_chosen=accounts_chosen)
        return partner

    # ---- looking and acting ------------------------------------------------------------------------------------------

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Use the sandbox's control API."""
        async with self.http.request(method, f"{self.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 400, await answer.text()
            return await answer.json()

    async def requests(self, partner: Partner, since: int = 0) -> list[dict[str, Any]]:
        """The sandbox's log of a partner's requests."""
        found = await self.control("GET", f"requests?since={since}&account={partner.account_id}")
        rows: list[dict[str, Any]] = found["requests"]
        return rows

    async def status(self, partner: Partner) -> str:
        """The connection's stored word."""
        value: str = await self.database.fetchval(
            "SELECT status FROM sync.connection WHERE partner_id = $1", partner.partner_id
        )
        return value

    async def is_connected(self, partner: Partner) -> bool:
        """Whether the initial sync is complete."""
        return await self.status(partner) == "connected"

    async def rows(self, partner: Partner) -> list[tuple[Any, ...]]:
        """What the platform sees of the partner's books, in a form that can be compared between runs."""
        found = await self.database.fetch(
            "SELECT invoice_id, number, customer_id, issued_on, due_on, currency, total, amount_due, status, payable, "
            "deleted_in_freshbooks FROM platform.invoice WHERE partner_id = $1 ORDER BY invoice_id",
            partner.partner_id,
        )
        return [tuple(row) for row in found]

    async def differences(self, partner: Partner) -> list[str]:
        """Invoices that differ from the books, by id; empty when all agree to the cent."""
        summary = await self.control("GET", f"books/{partner.account_id}/summary")
        theirs = {
            row["invoiceid"]: (Decimal(row["amount"]), Decimal(row["outstanding"])) for row in summary["invoices"]
        }
        ours = {row[0]: (row[6], row[7]) for row in await self.rows(partner)}
        keys = theirs.keys() | ours.keys()
        return [
            f"{key}: {ours.get(key)} here, {theirs.get(key)} there" for key in keys if ours.get(key) != theirs.get(key)
        ]

    async def unpaid(self, partner: Partner, count: int = 1) -> list[int]:
        """Invoices that can be paid and have no payment on the platform."""
        rows = await self.database.fetch(
            "SELECT invoice_id FROM platform.invoice i WHERE partner_id = $1 AND payable AND NOT EXISTS (SELECT FROM "
            "platform.payment p WHERE p.partner_id = i.partner_id AND p.invoice_id = i.invoice_id) LIMIT $2",
            partner.partner_id,
            count,
        )
        assert len(rows) == count
        return [row["invoice_id"] for row in rows]

    async def pay(self, partner: Partner, invoice_id: int, payment_id: str) -> None:
        """Insert a payment of all that is due, exactly as the platform does."""
        await self.database.execute(
            "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, "
            "status, initiated_at) SELECT partner_id, $3, account_id, invoice_id, amount_due, currency, 'card', "
            "'processing', now() FROM platform.invoice WHERE partner_id = $1 AND invoice_id = $2",
            partner.partner_id,
            invoice_id,
            payment_id,
        )

    async def recorded(self, partner: Partner, payment_id: str) -> list[dict[str, Any]]:
        """FreshBooks' payments that carry the marker of a platform payment, deleted ones included."""
        found = await self.control("GET", f"books/{partner.account_id}/payments")
        return [row for row in found["payments"] if f"AP:{payment_id}:" in row["note"]]


async def insert_connected(
    database: asyncpg.Connection, partner_id: str, made: Mapping[str, Any], *, accounts_chosen: bool = True
) -> None:
    """Store a partner who has just allowed access to an account of the sandbox, with the tokens it gave."""
    await database.execute("INSERT INTO platform.partner (partner_id, name) VALUES ($1, $2)", partner_id, made["name"])
    await database.execute(
        "INSERT INTO sync.connection (partner_id, status, account_id, business_uuid, epoch, payments_account_id, "
        "deposits_account_id) VALUES ($1, 'pending', $2, $3, 1, $4, $5)",
        partner_id,
        made["account_id"],
        made["business_uuid"],
        PAYMENTS_ACCOUNT if accounts_chosen else None,
        BANK_ACCOUNT if accounts_chosen else None,
    )
    ring = KeyRing.from_base64({"k1": ENCRYPTION_KEY})
    now = datetime.now(UTC)  # noqa: TID251 -- rows as the consent would have written them
    await database.execute(
        "INSERT INTO sync.token (partner_id, generation, access_token, refresh_token, expires_at) "
        "VALUES ($1, 1, $2, $3, $4)",
        partner_id,
        ring.encrypt(made["access_token"], partner_id=partner_id, field="access_token"),
        ring.encrypt(made["refresh_token"], partner_id=partner_id, field="refresh_token"),
        now + timedelta(hours=12),
    )
    await database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner_id}:connection")


@contextlib.asynccontextmanager
async def sandbox_process(*options: str, patience_s: float = SANDBOX_START_S) -> AsyncIterator[dict[str, Any]]:
    """Run a sandbox process for as long as the context lasts; gives what it said when it was ready."""
    command = [sys.executable, "-m", "daemon.sandbox", "--port", "0", "--invoices", "1", *options]
    process = await anyio.open_process(command, stdin=-3, stderr=None, env=environment())
    try:
        assert process.stdout is not None
        with anyio.fail_after(patience_s):
            line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 1 << 20)
        greeting: dict[str, Any] = json.loads(line)
        yield greeting
    finally:
        with anyio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.aclose()


@contextlib.asynccontextmanager
async def opened_books(dsn: str, *options: str, webhooks: bool = False) -> AsyncIterator[Books]:
    """Run a sandbox process, with the platform's tables beside it, for as long as the context lasts."""
    silent = () if webhooks else ("--no-webhooks",)
    async with sandbox_process(*silent, *options) as greeting:
        database = await asyncpg.connect(dsn)
        try:
            async with aiohttp.ClientSession() as http:
                yield Books(url=greeting["base_url"], dsn=dsn, greeting=greeting, http=http, database=database)
        finally:
            await database.close()
