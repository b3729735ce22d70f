"""Reads the accounts of a partner's books, and which of them were chosen (C4)."""

import asyncpg

from daemon.core.consent import AccountChoice
from daemon.core.model import LedgerAccount


def ledger_account_of(row: asyncpg.Record) -> LedgerAccount:
    """Read an account of the partner's books."""
    return LedgerAccount(
        id=row["ledger_account_id"],
        name=row["name"],
        number=row["number"],
        type=row["type"],
        sub_type=row["sub_type"],
        legacy_id=row["legacy_id"],
        parent_id=row["parent_id"],
        is_active=row["is_active"],
    )


def choice_of(row: asyncpg.Record) -> AccountChoice:
    """Read what was chosen in Set Up Accounts, from a connection for which something was."""
    return AccountChoice(
        payments=row["payments_account_id"],
        deposits=row["deposits_account_id"],
        fees=row["fees_account_id"],
        record_deposits=row["record_deposits"],
        platform_invoices=row["platform_invoices_account_id"],
    )
