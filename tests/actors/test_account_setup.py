"""Set Up Accounts: what is offered, created, checked and stored."""

from dataclasses import dataclass, field

import pytest

from daemon.actors.account_setup import AccountSetup
from daemon.core.consent import (
    AccountChoice,
    AccountsRefused,
    AccountsSaved,
)
from daemon.core.errors import (
    FreshBooksRefused,
)
from daemon.core.model import LedgerAccount, PartnerId
from tests.actors.consent_stage import P, World


def ledger(key: str, name: str, number: str, parent: str | None = "cash", kind: str = "asset") -> LedgerAccount:
    return LedgerAccount(
        id=key, name=name, number=number, type=kind, sub_type="Cash & Bank", legacy_id=1, parent_id=parent
    )


CHART = [
    ledger("cash", "Cash", "1000", None),
    ledger("petty", "Petty Cash", "1000-1"),
    ledger("bank", "First Bank", "1000-2"),
    ledger("fees", "Bank Fees", "6000-1", "exp", "expense"),
]


@dataclass
class Books:
    chart: list[LedgerAccount] = field(default_factory=lambda: list(CHART))
    made: int = 0

    async def ledger_accounts(self, partner_id: PartnerId) -> tuple[LedgerAccount, ...]:
        return tuple(self.chart)

    async def create_ledger_account(
        self, partner_id: PartnerId, name: str, sub_type: str, parent_id: str
    ) -> LedgerAccount:
        self.made += 1
        assert sub_type == "Cash & Bank"
        account = ledger("new", name, "1000-3", parent_id)
        self.chart.append(account)
        return account


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def setup(world: World, books: Books) -> AccountSetup:
    return AccountSetup(store=world.store, books=books, clock=world.clock)


async def test_undeposited_funds_is_created_once_below_cash(setup: AccountSetup, books: Books) -> None:
    assert (await setup.options(P)).undeposited_funds is None
    made = await setup.create_undeposited_funds(P, "Ann")
    assert setup.store.created == [("Undeposited Funds", "Ann")]  # type: ignore[attr-defined]
    assert (made.name, made.sub_type, made.parent_id) == ("Undeposited Funds", "Cash & Bank", "cash")
    assert await setup.create_undeposited_funds(P, "Ann") == made
    assert books.made == 1
    assert (await setup.options(P)).undeposited_funds == made


async def test_books_without_a_head_account_for_cash_cannot_take_undeposited_funds(
    setup: AccountSetup, books: Books
) -> None:
    books.chart = [ledger("fees", "Bank Fees", "6000-1", "exp", "expense")]
    with pytest.raises(FreshBooksRefused, match="Undeposited Funds"):
        await setup.create_undeposited_funds(P, "Ann")


async def test_a_good_choice_is_stored_and_shown(setup: AccountSetup, world: World) -> None:
    choice = AccountChoice(payments="petty", deposits="bank", fees="fees", record_deposits=True)
    assert await setup.save(P, choice, "robin") == AccountsSaved(choice=choice)
    assert world.store.accounts[P] == choice
    assert (await setup.options(P)).chosen == choice


async def test_a_bad_choice_stores_nothing_and_names_its_problems(setup: AccountSetup, world: World) -> None:
    outcome = await setup.save(P, AccountChoice(payments="petty", deposits="petty"), "robin")
    assert isinstance(outcome, AccountsRefused)
    assert [problem.field for problem in outcome.problems] == ["deposits"]
    assert world.store.accounts == {}
