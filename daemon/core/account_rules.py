"""The rules of Set Up Accounts: which ledger account may take which role, and what is wrong with a choice (C4, W6)."""

from collections.abc import Sequence

from daemon.core.consent import AccountChoice, AccountOptions, AccountProblem
from daemon.core.model import LedgerAccount

UNDEPOSITED_FUNDS = "Undeposited Funds"
CASH_AND_BANK = "Cash & Bank"
"""FreshBooks' sub-type of cash and bank accounts (FB API s3.8)."""
_ASSET = "asset"
_EXPENSE = "expense"
_TAKES_SALES = frozenset({"income", "liability"})
"""What was paid on an invoice that is not in the books is a sale, or owed until it is booked."""


def account_options(accounts: Sequence[LedgerAccount], chosen: AccountChoice | None) -> AccountOptions:
    """Sort the chart of accounts by role: any asset, cash and bank, expenses, sales; only accounts one can post to."""
    postable = [account for account in _postable(accounts) if account.is_active]
    cash = tuple(account for account in postable if _is_cash(account))
    return AccountOptions(
        for_payments=tuple(account for account in postable if account.type.casefold() == _ASSET),
        for_deposits=cash,
        for_fees=tuple(account for account in postable if account.type.casefold() == _EXPENSE),
        undeposited_funds=next((account for account in postable if _is_undeposited(account)), None),
        chosen=chosen,
        for_platform_invoices=tuple(row for row in postable if row.type.casefold() in _TAKES_SALES),
    )


def parent_of_undeposited_funds(accounts: Sequence[LedgerAccount]) -> LedgerAccount | None:
    """Choose the account under which "Undeposited Funds" is created: the head account for cash and bank, if any."""
    heads = [account for account in accounts if account.is_active and account.parent_id is None and _is_cash(account)]
    return min(heads, key=lambda account: account.number, default=None)


def check_accounts(accounts: Sequence[LedgerAccount], choice: AccountChoice) -> tuple[AccountProblem, ...]:
    """List what is wrong with a choice, in the order of the dialog's fields; empty means it may be stored."""
    by_id = {account.id: account for account in accounts}
    options = account_options(accounts, None)
    problems = [
        _problem("payments", by_id.get(choice.payments), options.for_payments, "an asset account"),
        _problem("deposits", by_id.get(choice.deposits), options.for_deposits, "a cash or bank account"),
    ]
    if choice.fees is not None:
        problems.append(_problem("fees", by_id.get(choice.fees), options.for_fees, "an expense account"))
    if choice.platform_invoices is not None:
        chosen, allowed = by_id.get(choice.platform_invoices), options.for_platform_invoices
        problems.append(_problem("platform_invoices", chosen, allowed, "an income or liability account"))
    if choice.payments == choice.deposits:
        sentence = (
            "Payouts must arrive in another account than the one that records payments. Choose your bank account."
        )
        problems.append(AccountProblem(field="deposits", sentence=sentence))
    return tuple(problem for problem in problems if problem is not None)


def _problem(
    field: str, account: LedgerAccount | None, allowed: Sequence[LedgerAccount], wanted: str
) -> AccountProblem | None:
    if account is None:
        return AccountProblem(field=field, sentence="FreshBooks has no such account any more. Choose another one.")
    if not account.is_active:
        return AccountProblem(
            field=field, sentence=f"“{account.name}” is not active in FreshBooks. Choose another one."
        )
    if account not in allowed:
        return AccountProblem(field=field, sentence=f"“{account.name}” cannot be used here. Choose {wanted}.")
    return None


def _postable(accounts: Sequence[LedgerAccount]) -> list[LedgerAccount]:
    """Leave out head accounts: nothing is posted to an account that has accounts below it."""
    heads = {account.parent_id for account in accounts}
    return [account for account in accounts if account.id not in heads]


def _is_cash(account: LedgerAccount) -> bool:
    return account.type.casefold() == _ASSET and account.sub_type == CASH_AND_BANK


def _is_undeposited(account: LedgerAccount) -> bool:
    return account.type.casefold() == _ASSET and account.name.strip().casefold() == UNDEPOSITED_FUNDS.casefold()
