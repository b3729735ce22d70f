"""Which ledger account may take which role in Set Up Accounts (C4, W6)."""

from dataclasses import replace

import pytest

from daemon.core.account_rules import account_options, check_accounts, parent_of_undeposited_funds
from daemon.core.consent import AccountChoice
from daemon.core.model import LedgerAccount


def account(key: str, name: str, number: str, **changes: object) -> LedgerAccount:
    row = LedgerAccount(
        id=key, name=name, number=number, type="asset", sub_type="Cash & Bank", legacy_id=None, parent_id=None
    )
    return replace(row, **changes)  # type: ignore[arg-type]


CASH = account("cash", "Cash", "1000")
PETTY = account("petty", "Petty Cash", "1000-1", parent_id="cash")
BANK = account("bank", "First Bank", "1000-2", parent_id="cash")
UNDEPOSITED = account("und", " undeposited funds ", "1000-3", parent_id="cash")
RECEIVABLE = account("ar", "Accounts Receivable", "1200-1", sub_type="Accounts Receivable", parent_id="arh")
FEES = account("fees", "Bank Fees", "6000-1", type="expense", sub_type="Operating Expenses", parent_id="exp")
SALES = account("sales", "Sales", "4000-1", type="income", sub_type="Revenue", parent_id="rev")
CLOSED = account("closed", "Old Bank", "1000-9", parent_id="cash", is_active=False)
CHART = (CASH, PETTY, BANK, RECEIVABLE, FEES, SALES, CLOSED)


def test_each_role_is_offered_only_accounts_one_can_post_to() -> None:
    options = account_options(CHART, None)
    assert options.for_payments == (PETTY, BANK, RECEIVABLE)
    assert options.for_deposits == (PETTY, BANK)
    assert options.for_fees == (FEES,)
    assert options.for_platform_invoices == (SALES,)
    assert options.chosen is None


def test_undeposited_funds_is_found_by_its_name_however_it_is_written() -> None:
    assert account_options(CHART, None).undeposited_funds is None
    assert account_options((*CHART, UNDEPOSITED), None).undeposited_funds == UNDEPOSITED
    liability = replace(UNDEPOSITED, type="liability")
    assert account_options((*CHART, liability), None).undeposited_funds is None


def test_undeposited_funds_belongs_below_the_first_head_account_for_cash() -> None:
    other = account("cash2", "Other Cash", "1100")
    assert parent_of_undeposited_funds((other, *CHART)) == CASH
    assert parent_of_undeposited_funds((PETTY, FEES)) is None


GOOD = AccountChoice(payments="petty", deposits="bank", fees="fees", record_deposits=True)


def test_a_choice_of_two_or_three_fitting_accounts_is_good() -> None:
    assert check_accounts(CHART, GOOD) == ()
    assert check_accounts(CHART, replace(GOOD, fees=None)) == ()
    assert check_accounts(CHART, replace(GOOD, platform_invoices="sales")) == ()


@pytest.mark.parametrize(
    ("choice", "field", "said"),
    [
        (replace(GOOD, payments="gone"), "payments", "no such account"),
        (replace(GOOD, payments="fees"), "payments", "asset"),
        (replace(GOOD, payments="cash"), "payments", "cannot be used"),
        (replace(GOOD, deposits="gone"), "deposits", "no such account"),
        (replace(GOOD, deposits="ar"), "deposits", "cash or bank"),
        (replace(GOOD, deposits="closed"), "deposits", "not active"),
        (replace(GOOD, fees="sales"), "fees", "expense"),
        (replace(GOOD, fees=""), "fees", "no such account"),
        (replace(GOOD, payments="bank"), "deposits", "another account"),
        (replace(GOOD, platform_invoices="fees"), "platform_invoices", "income or liability"),
        (replace(GOOD, platform_invoices="gone"), "platform_invoices", "no such account"),
    ],
)
def test_a_choice_that_does_not_fit_names_its_field_and_what_to_choose(
    choice: AccountChoice, field: str, said: str
) -> None:
    problems = check_accounts(CHART, choice)
    assert [problem.field for problem in problems] == [field]
    assert said in problems[0].sentence


def test_every_problem_of_a_choice_is_named_at_once() -> None:
    problems = check_accounts(CHART, AccountChoice(payments="x", deposits="y", fees="z"))
    assert [problem.field for problem in problems] == ["payments", "deposits", "fees"]
