"""The chart of accounts, the journal and the callbacks against the project's FreshBooks."""

import json
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from daemon.adapters.freshbooks.callbacks import FreshBooksCallbacks
from daemon.adapters.freshbooks.client import FreshBooksAccount
from daemon.adapters.freshbooks.journal import FreshBooksJournal
from daemon.core.account_rules import CASH_AND_BANK, UNDEPOSITED_FUNDS, account_options, parent_of_undeposited_funds
from daemon.core.callbacks import EVENTS
from daemon.core.errors import (
    FilterIgnored,
    FreshBooksAnswerInvalid,
    FreshBooksNotFound,
    FreshBooksRefused,
    FreshBooksUnavailable,
)
from daemon.core.journal import JournalDraft, JournalLine
from daemon.core.model import LedgerAccount
from daemon.sandbox.command import RunningSandbox
from tests.adapters import freshbooks_rows as rows
from tests.adapters.freshbooks_servers import a_sandbox, account_at, account_of, answering, no, told, yes

DAY = date(2026, 8, 4)


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with a_sandbox(invoices=(12,)) as started:
        yield started


@pytest.fixture
async def account(sandbox: RunningSandbox) -> AsyncIterator[FreshBooksAccount]:
    async with account_of(sandbox) as account:
        yield account


async def by_name(account: FreshBooksAccount, name: str) -> LedgerAccount:
    return next(row for row in await account.ledger_accounts() if row.name == name and row.parent_id)


def entry(debit: LedgerAccount, credit: LedgerAccount, *, amount: str = "176.00", legacy: bool = True) -> JournalDraft:
    sides = ((debit, Decimal(amount)), (credit, -Decimal(amount)))
    return JournalDraft(
        name="Payout po_1",
        description="AP:po_1:1",
        entered_on=DAY,
        currency="USD",
        lines=tuple(
            JournalLine(account_id=row.id, legacy_id=row.legacy_id if legacy else None, amount=sign)
            for row, sign in sides
        ),
    )


async def test_the_chart_of_accounts_is_listed_with_both_ids(account: FreshBooksAccount) -> None:
    accounts = await account.ledger_accounts()
    petty = next(row for row in accounts if row.name == "Petty Cash")
    cash = next(row for row in accounts if row.id == petty.parent_id)
    assert (petty.type, petty.sub_type, petty.number) == ("asset", CASH_AND_BANK, "1000-1")
    assert petty.legacy_id is not None
    assert (cash.name, cash.parent_id, cash.legacy_id) == ("Cash", None, None)
    assert all(row.is_active for row in accounts)


async def test_undeposited_funds_can_be_created_in_the_books(account: FreshBooksAccount) -> None:
    accounts = await account.ledger_accounts()
    assert account_options(accounts, None).undeposited_funds is None
    parent = parent_of_undeposited_funds(accounts)
    assert parent is not None
    made = await account.create_ledger_account(UNDEPOSITED_FUNDS, CASH_AND_BANK, parent.id)
    assert account_options(await account.ledger_accounts(), None).undeposited_funds == made


async def test_an_account_below_no_parent_is_refused_with_the_field(account: FreshBooksAccount) -> None:
    with pytest.raises(FreshBooksRefused):
        await account.create_ledger_account(UNDEPOSITED_FUNDS, CASH_AND_BANK, "")


async def test_the_chart_of_another_business_is_not_found(sandbox: RunningSandbox) -> None:
    token = sandbox.greeting["access_token"]
    async with account_at(sandbox.base_url, business_uuid="439000", token=token) as account:
        with pytest.raises(FreshBooksNotFound):
            await account.ledger_accounts()


async def test_an_inactive_account_is_listed_as_such() -> None:
    row = {"uuid": "u", "name": "Old Bank", "type": "asset", "state": "archived"}
    async with answering([told({"data": [row]})]) as server, account_at(server.base_url) as account:
        assert [found.is_active for found in await account.ledger_accounts()] == [False]
    assert server.asked[0].path == "/accounting/businesses/b-uuid/ledger_accounts/accounts"


# ---- the journal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "newer"])
async def test_an_entry_is_written_and_found_again_by_its_marker(account: FreshBooksAccount, legacy: bool) -> None:
    journal = FreshBooksJournal(account=account)
    petty, fees = await by_name(account, "Petty Cash"), await by_name(account, "Sales")
    made = await journal.create_entry(entry(petty, fees, legacy=legacy), may_send=yes)
    found = [row for row in await journal.entries_between(DAY, DAY) if row.description == "AP:po_1:1"]
    assert [(row.name, row.debits, row.entered_on) for row in found] == [("Payout po_1", Decimal("176.00"), DAY)]
    assert made.endswith(found[0].id)


async def test_an_entry_that_does_not_balance_is_not_sent(account: FreshBooksAccount) -> None:
    draft = JournalDraft(name="n", description="d", entered_on=DAY, currency="USD", lines=())
    with pytest.raises(ValueError, match="not balanced"):
        await FreshBooksJournal(account=account).create_entry(draft, may_send=yes)


async def test_an_entry_whose_claim_ran_out_is_not_sent(account: FreshBooksAccount) -> None:
    journal = FreshBooksJournal(account=account)
    draft = entry(await by_name(account, "Petty Cash"), await by_name(account, "Sales"))
    with pytest.raises(FreshBooksUnavailable) as caught:
        await journal.create_entry(draft, may_send=no)
    assert caught.value.unsent
    assert [row for row in await journal.entries_between(DAY, DAY) if row.description == "AP:po_1:1"] == []


async def test_an_entry_on_an_account_that_is_gone_is_refused(account: FreshBooksAccount) -> None:
    petty = await by_name(account, "Petty Cash")
    gone = LedgerAccount(id="gone", name="Gone", number="", type="asset", sub_type="", legacy_id=999_999, parent_id="x")
    with pytest.raises(FreshBooksRefused):
        await FreshBooksJournal(account=account).create_entry(entry(petty, gone), may_send=yes)


def detail(**changes: Any) -> dict[str, Any]:
    row = {"entry": {"entryid": 7}, "user_entered_date": "2026-08-04", "name": "n", "description": "d"}
    return {**row, "debit": rows.money("1.00"), "credit": None, **changes}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (detail(user_entered_date="2026-08-05"), FilterIgnored),
        (detail(user_entered_date="someday"), FreshBooksAnswerInvalid),
        (detail(debit=rows.money("much")), FreshBooksAnswerInvalid),
        (detail(entry=None), FreshBooksAnswerInvalid),
    ],
)
async def test_journal_lines_that_were_not_asked_for_or_cannot_be_read_are_not_used(
    row: dict[str, Any], kind: type[Exception]
) -> None:
    page = told(rows.listed("journal_entry_details", [detail(), row]))
    async with answering([page]) as server, account_at(server.base_url) as account:
        with pytest.raises(kind):
            await FreshBooksJournal(account=account).entries_between(DAY, DAY)


async def test_a_journal_that_never_ends_is_given_up() -> None:
    page = told(rows.listed("journal_entry_details", [detail()], pages=1000))
    async with answering([page]) as server, account_at(server.base_url) as account:
        with pytest.raises(FreshBooksAnswerInvalid, match="pages"):
            await FreshBooksJournal(account=account).entries_between(DAY, DAY)
    assert len(server.asked) == 500


# ---- callbacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delete_answer", [204, 200])
async def test_callbacks_are_registered_verified_listed_and_deleted(
    sandbox: RunningSandbox, account: FreshBooksAccount, delete_answer: int
) -> None:
    sandbox.sandbox.switches.set("callback_delete_answer", delete_answer)
    callbacks = FreshBooksCallbacks(account=account)
    made = [await callbacks.register(event, "https://syncd.example/hook") for event in EVENTS]
    assert not any(row.verified for row in made)
    assert sorted(row.id for row in await callbacks.list()) == sorted(row.id for row in made)

    own = sandbox.sandbox.directory.accounts[account.account_id].books.callbacks[made[0].id]
    assert (await callbacks.verify(made[0].id, own.verifier)).verified
    assert [row.verified for row in await callbacks.list() if row.id == made[0].id] == [True]
    await callbacks.resend(made[1].id)

    await callbacks.delete(made[0].id)
    await callbacks.delete(made[0].id)
    assert made[0].id not in [row.id for row in await callbacks.list()]


async def test_a_wrong_verifier_and_an_unknown_event_are_refused(account: FreshBooksAccount) -> None:
    callbacks = FreshBooksCallbacks(account=account)
    made = await callbacks.register("invoice", "https://syncd.example/hook")
    with pytest.raises(FreshBooksRefused):
        await callbacks.verify(made.id, "wrong")
    with pytest.raises(FreshBooksRefused, match="Unrecognized event"):
        await callbacks.register("payout.create", "https://syncd.example/hook")


async def test_a_callback_is_asked_for_as_freshbooks_documents() -> None:
    one = {"callbackid": 5, "event": "invoice", "uri": "https://x.example", "verified": True, "updated_at": "x"}
    async with answering([told(rows.single("callback", one))]) as server, account_at(server.base_url) as account:
        await FreshBooksCallbacks(account=account).verify(5, "code")
    assert (server.asked[0].method, server.asked[0].path) == ("PUT", "/events/account/wkMd2g/events/callbacks/5")
    assert json.loads(server.bodies[0]) == {"callback": {"verifier": "code"}}
