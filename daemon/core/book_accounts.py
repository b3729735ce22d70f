"""The partner's chosen accounts among the books' ledger accounts: which can be posted to, which are gone (C4, W6)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from daemon.core.consent import AccountChoice
from daemon.core.journal import JournalLine
from daemon.core.model import LedgerAccount, Reason
from daemon.core.push_guard import Wait

CLEARING_NUMBER: Final = "1000-1"
"""FreshBooks' Petty Cash, to which it posts every payment (FB API s3.10)."""
_CLEARING_NAME: Final = "petty cash"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookAccounts:
    """What Set Up Accounts holds, and the chart of accounts as it was listed last.

    `gone_is_known` tells that a listing has already shown a chosen account to be gone, so that asking again is in vain.
    """

    chosen: AccountChoice | None
    ledger: tuple[LedgerAccount, ...] = ()
    gone_is_known: bool = False

    @property
    def clearing(self) -> LedgerAccount | None:
        """The account to which FreshBooks posts payments: by its number, else by its name."""
        active = [account for account in self.ledger if account.is_active]
        numbered = [account for account in active if account.number == CLEARING_NUMBER]
        named = [account for account in active if account.name.strip().casefold() == _CLEARING_NAME]
        return next(iter(numbered or named), None)

    def active(self, account_id: str) -> LedgerAccount | None:
        """Find an account that can be posted to."""
        return next((row for row in self.ledger if row.id == account_id and row.is_active), None)

    def gone(self, account_id: str) -> Wait:
        """Say that a chosen account is no longer in the books: what needs it waits (C4)."""
        known = next((row.name for row in self.ledger if row.id == account_id), account_id)
        return Wait(reason=Reason.ACCOUNT_GONE, detail=f"The account {known} is not in FreshBooks' books.")


def line(account: LedgerAccount, amount: Decimal) -> JournalLine:
    """Write one side of an entry: above 0 a debit, below 0 a credit."""
    return JournalLine(account_id=account.id, legacy_id=account.legacy_id, amount=amount)
