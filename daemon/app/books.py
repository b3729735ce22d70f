"""The connected partners' charts of accounts, read live for Set Up Accounts (C4)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from daemon.actors.ports import Accounting
from daemon.core.errors import AuthorizationExpired
from daemon.core.model import LedgerAccount, PartnerId
from daemon.core.state import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerBooks:
    """Fulfils `Books` (actors/consent_ports.py): finds the partner's account and refreshes its token once if need be.

    Also raises StoreUnavailable.
    """

    connection: Callable[[PartnerId], Awaitable[Connection]]
    account: Callable[[Connection], Accounting]
    refresh: Callable[[PartnerId], Awaitable[datetime]]

    async def ledger_accounts(self, partner_id: PartnerId) -> tuple[LedgerAccount, ...]:
        """List the partner's chart of accounts."""
        return await self._ask(partner_id, lambda account: account.ledger_accounts())

    async def create_ledger_account(
        self, partner_id: PartnerId, name: str, sub_type: str, parent_id: str
    ) -> LedgerAccount:
        """Create an account in the partner's books."""
        return await self._ask(partner_id, lambda account: account.create_ledger_account(name, sub_type, parent_id))

    async def _ask(self, partner_id: PartnerId, ask: Callable[[Accounting], Awaitable[T]]) -> T:
        account = self.account(await self.connection(partner_id))
        try:
            return await ask(account)
        except AuthorizationExpired:
            # Nothing was done: FreshBooks refuses before it looks at the request.
            await self.refresh(partner_id)
            return await ask(account)
