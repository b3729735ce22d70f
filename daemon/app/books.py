"""The connected partners' charts of accounts, read live for Set Up Accounts (C4)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio

from daemon.actors.limiter import Line
from daemon.actors.world import World
from daemon.core.errors import AuthorizationExpired, FreshBooksUnavailable
from daemon.core.model import InvoiceId, LedgerAccount, PartnerId
from daemon.core.policy import RatePolicy
from daemon.core.rate_limit import Priority

T = TypeVar("T")
PATIENCE_S: Final = 15.0
"""So long a person waits for the partner's budget of calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerBooks:
    """Fulfils `Books` (actors/consent_ports.py): finds the partner's account and refreshes its token once if need be.

    Its calls draw on the budget that the partner's supervisor draws on. Also raises StoreUnavailable.
    """

    world: World
    rate: Callable[[], RatePolicy]

    async def ledger_accounts(self, partner_id: PartnerId) -> tuple[LedgerAccount, ...]:
        """List the partner's chart of accounts."""
        line = await self._line(partner_id)

        async def ask() -> tuple[LedgerAccount, ...]:
            await _in_time(line.draw(Priority.CHANGES))
            return await line.ask(lambda account: account.ledger_accounts())

        return await self._with_fresh_token(partner_id, ask)

    async def invoice_pdf(self, partner_id: PartnerId, invoice_id: InvoiceId) -> bytes:
        """Fetch the PDF that FreshBooks makes of an invoice (O4)."""
        line = await self._line(partner_id)

        async def ask() -> bytes:
            await _in_time(line.draw(Priority.CHANGES))
            return await line.ask(lambda account: account.invoice_pdf(invoice_id))

        return await self._with_fresh_token(partner_id, ask)

    async def create_ledger_account(
        self, partner_id: PartnerId, name: str, sub_type: str, parent_id: str
    ) -> LedgerAccount:
        """Create an account in the partner's books."""
        line = await self._line(partner_id)

        async def create() -> LedgerAccount:
            await _in_time(line.draw_create(Priority.CHANGES))
            return await line.create(lambda account: account.create_ledger_account(name, sub_type, parent_id))

        return await self._with_fresh_token(partner_id, create)

    async def _line(self, partner_id: PartnerId) -> Line:
        world, connection = self.world, await self.world.store.connection(partner_id)
        gate = world.limiters.of(partner_id, self.rate())
        return Line(partner_id, world.account(connection), gate, world.telemetry)

    async def _with_fresh_token(self, partner_id: PartnerId, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except AuthorizationExpired:
            # Nothing was done: FreshBooks refuses before it looks at the request.
            await self.world.tokens.refresh(partner_id)
            return await ask()


async def _in_time(turn: Awaitable[None]) -> None:
    try:
        with anyio.fail_after(PATIENCE_S):
            await turn
    except TimeoutError as error:
        raise FreshBooksUnavailable("FreshBooks allows no more calls for now: try again in a minute") from error
