"""Set Up Accounts: offer the ledger accounts, create "Undeposited Funds", check and store the choice (C4, C5)."""

from dataclasses import dataclass

from daemon.actors.consent_ports import Books, ConsentStore
from daemon.actors.ports import Clock
from daemon.core.account_rules import (
    CASH_AND_BANK,
    UNDEPOSITED_FUNDS,
    account_options,
    check_accounts,
    parent_of_undeposited_funds,
)
from daemon.core.consent import AccountChoice, AccountOptions, AccountsOutcome, AccountsRefused, AccountsSaved
from daemon.core.errors import FreshBooksRefused
from daemon.core.model import LedgerAccount, PartnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSetup:
    """Serves the dialog of one partner at a time from FreshBooks' live chart of accounts.

    All coroutines raise StoreUnavailable, FreshBooksUnavailable, FreshBooksRefused, FreshBooksAnswerInvalid,
    AuthorizationExpired and AuthorizationLost.
    """

    store: ConsentStore
    books: Books
    clock: Clock

    async def options(self, partner_id: PartnerId) -> AccountOptions:
        """Tell which accounts may take which role, and what is chosen now."""
        accounts = await self.books.ledger_accounts(partner_id)
        return account_options(accounts, await self.store.account_choice(partner_id))

    async def create_undeposited_funds(self, partner_id: PartnerId, who: str) -> LedgerAccount:
        """Create "Undeposited Funds" below the head account for cash and bank, audited; hand back an existing one."""
        accounts = await self.books.ledger_accounts(partner_id)
        present = account_options(accounts, None).undeposited_funds
        if present is not None:
            return present
        parent = parent_of_undeposited_funds(accounts)
        if parent is None:
            message = (
                f"The books have no head account for {CASH_AND_BANK}: make {UNDEPOSITED_FUNDS} in FreshBooks itself."
            )
            raise FreshBooksRefused(message, status=409)
        made = await self.books.create_ledger_account(partner_id, UNDEPOSITED_FUNDS, CASH_AND_BANK, parent.id)
        await self.store.account_created(partner_id, made, who)
        return made

    async def save(self, partner_id: PartnerId, choice: AccountChoice, who: str) -> AccountsOutcome:
        """Store the choice and let what waits for it go on, or name every problem."""
        problems = check_accounts(await self.books.ledger_accounts(partner_id), choice)
        if problems:
            return AccountsRefused(problems=problems)
        await self.store.save_account_choice(partner_id, choice, who, self.clock.now())
        return AccountsSaved(choice=choice)
