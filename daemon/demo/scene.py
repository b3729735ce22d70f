"""What the check looks at and acts with: the pages as partner, the platform's tables as AP, the books as bookkeeper."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import aiohttp
import anyio
import asyncpg

from daemon.adapters.clock import SystemClock
from daemon.demo.person import Page, Person
from daemon.demo.stage import PARTNERS, Stage

T = TypeVar("T")
POLL_S = 0.05
_CLOCK = SystemClock()
BAD_STATUS = 400


class NotShown(AssertionError):
    """What the step set out to show did not come true."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """One partner's side of the demo: browser, platform rows, books."""

    stage: Stage
    partner_id: str
    account_id: str
    person: Person
    http: aiohttp.ClientSession
    database: asyncpg.Connection

    # ---- the partner at the dashboard --------------------------------------------------------------------------------

    async def open(self, path: str) -> Page:
        """Look at a page of the dashboard."""
        return await self.person.open(f"{self.stage.public_url}{path}")

    async def pay(self, invoice_id: int, amount: Decimal, method: str = "card") -> str:
        """Pay an invoice as its customer would, and tell the platform's payment id."""
        before = {row["payment_id"] for row in await self.payments(invoice_id)}
        page = await self.open(f"/invoices/{invoice_id}")
        await self.person.submit(page, f"/demo/invoices/{invoice_id}/pay", {"amount": str(amount), "method": method})
        new = [row["payment_id"] for row in await self.payments(invoice_id) if row["payment_id"] not in before]
        if len(new) != 1:
            raise NotShown(f"paying invoice {invoice_id} made {len(new)} payments")
        return str(new[0])

    async def move_payment(self, invoice_id: int, payment_id: str, status: str) -> None:
        """Let a payment succeed, fail or be charged back, as a bank would."""
        page = await self.open(f"/invoices/{invoice_id}")
        await self.person.submit(page, f"/demo/payments/{payment_id}/{status}")

    # ---- the platform's tables ---------------------------------------------------------------------------------------

    async def invoice(self, invoice_id: int) -> asyncpg.Record:
        """Read an invoice as the platform does."""
        row = await self.database.fetchrow(
            "SELECT * FROM platform.invoice WHERE partner_id = $1 AND invoice_id = $2", self.partner_id, invoice_id
        )
        if row is None:
            raise NotShown(f"invoice {invoice_id} is not in platform.invoice")
        return row

    async def payments(self, invoice_id: int) -> list[asyncpg.Record]:
        """Read an invoice's payments on the platform."""
        return await self.database.fetch(
            "SELECT * FROM platform.payment WHERE partner_id = $1 AND invoice_id = $2", self.partner_id, invoice_id
        )

    async def issues(self, kind: str) -> list[asyncpg.Record]:
        """Read the open sync issues of a kind."""
        return await self.database.fetch(
            "SELECT * FROM sync.issue WHERE partner_id = $1 AND kind = $2 AND closed_at IS NULL", self.partner_id, kind
        )

    async def unpaid(self, count: int, currency: str | None = None) -> list[int]:
        """Choose unpaid invoices without any payment, newest first; in one currency where it matters."""
        rows = await self.database.fetch(
            "SELECT invoice_id FROM platform.invoice i WHERE partner_id = $1 AND payable AND amount_due = total "
            "AND total >= 10 AND coalesce(currency = $3, true) AND NOT EXISTS (SELECT FROM platform.payment p "
            "WHERE p.partner_id = i.partner_id AND p.invoice_id = i.invoice_id) "
            "ORDER BY issued_on DESC, invoice_id DESC LIMIT $2",
            self.partner_id,
            count,
            currency,
        )
        if len(rows) < count:
            raise NotShown(f"only {len(rows)} of {count} unpaid invoices to show this with")
        return [row["invoice_id"] for row in rows]

    # ---- the bookkeeper in FreshBooks --------------------------------------------------------------------------------

    async def book(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Act in the books as the partner's bookkeeper."""
        return await self._control("POST", path, body)

    async def edit(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change a record of the books as the partner's bookkeeper."""
        return await self._control("PUT", path, body)

    async def look(self, path: str) -> dict[str, Any]:
        """Look into the books."""
        return await self._control("GET", path, None)

    async def fb_payments(self, invoice_id: int) -> list[dict[str, Any]]:
        """List FreshBooks' own payments of an invoice, deleted ones included."""
        answer = await self.look("payments")
        return [row for row in answer["payments"] if row["invoiceid"] == invoice_id]

    async def _control(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        url = f"{self.stage.control_url}/books/{self.account_id}/{path}"
        async with self.http.request(method, url, json=body) as answer:
            if answer.status >= BAD_STATUS:
                raise NotShown(f"{method} {path} in the books answered {answer.status}: {await answer.text()}")
            found: dict[str, Any] = await answer.json()
            return found


async def until(what: str, look: Callable[[], Awaitable[T | None]], within_s: float) -> T:
    """Wait until something is to be seen, and tell what it was. Raises NotShown when it is not seen in time."""
    with anyio.move_on_after(within_s):
        while True:
            seen = await look()
            if seen:
                return seen
            await _CLOCK.sleep(POLL_S)
    raise NotShown(f"{what}: not seen within {within_s:g} s")


async def never(what: str, look: Callable[[], Awaitable[object]], for_s: float) -> None:
    """Watch for a while that something does not happen. Raises NotShown as soon as it does."""
    with anyio.move_on_after(for_s):
        while True:
            if await look():
                raise NotShown(what)
            await _CLOCK.sleep(POLL_S)


def account_of(stage: Stage, index: int) -> str:
    """Tell the FreshBooks account that belongs to the demo's n-th partner."""
    owned = [account["account_id"] for account in stage.sandbox["accounts"] if account["role"] == "owner"]
    return str([account_id for account_id in owned if account_id][index])


def partner_of(index: int) -> str:
    """Tell the id of the demo's n-th partner."""
    return PARTNERS[index][0]
