"""Payouts on real Postgres: what opens them, claims, fences, records, choices (W4, W6)."""

from dataclasses import replace

import pytest

from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.deposit_rules import Enter, MemberKind, Payout, plan_deposit
from daemon.core.entry_outcomes import after_entry, after_plan
from daemon.core.entry_places import entry_issues
from daemon.core.errors import FenceLost
from daemon.core.journal import EntryKind
from daemon.core.model import PushState, Reason
from tests.actors.stage import ActorStage
from tests.actors.test_payouts import member
from tests.actors.test_payouts import pay_out as pay_out_on
from tests.adapters.entry_rows import (
    MINUTE,
    claim,
    finish,
    listed_anew_while_one_looks,
    nothing_due,
    pay_out,
    planned,
    pushes,
    set_status,
    set_up,
)
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.adapters.test_consent_store import GRANT
from tests.builders import NOW, usd
from tests.core.ledger import BANK, CHOICE, DAY, LEDGER, PETTY, UNDEPOSITED, draft
from tests.postgres import on_every_postgres


@on_every_postgres
async def test_a_payout_is_claimed_with_its_members_and_accounts_and_recorded_once(books: Books) -> None:
    await set_up(books)
    await pay_out(books, ("payment", 300), ("chargeback", -100), ("fee", -15), ("fee", -9), net=176)
    taken = await claim(books)
    assert isinstance(taken.about, Payout)
    assert (taken.about.net, taken.about.paid_on, taken.push.marker) == (usd(176), DAY, "APO:po_1:1")
    assert [(part.kind, part.amount) for part in taken.about.members] == [
        (MemberKind.PAYMENT, usd(300)),
        (MemberKind.CHARGEBACK, usd(-100)),
        (MemberKind.FEE, usd(-15)),
        (MemberKind.FEE, usd(-9)),
    ]
    assert taken.accounts.chosen == CHOICE
    assert taken.accounts.clearing == PETTY
    verdict = plan_deposit(taken.push, taken.about, taken.accounts)
    assert isinstance(verdict, Enter)
    assert await nothing_due(books)
    sent = await books.store.begin_entry(taken, verdict.draft, NOW + 2 * MINUTE)
    assert (sent.state, sent.attempts, sent.draft) == (PushState.SENDING, 1, verdict.draft)
    assert sent.claimed_at is not None
    await books.store.record_entry(taken, after_entry(sent, "77"))
    assert await nothing_due(books, 60 * MINUTE)
    (row,) = (await DeskActions(books.pool).payouts(PARTNER)).rows
    assert row.place is not None
    assert (row.place.state, row.place.entry_id) == (PushState.DONE, "77")
    (line,) = await books.fetch("SELECT subject, what, after FROM sync.audit WHERE who = 'freshbooks-syncd'")
    assert (line["subject"], line["what"]) == ("payout/po_1", "deposit recorded in FreshBooks")
    assert line["after"]["marker"] == "APO:po_1:1"


async def test_an_entry_that_was_cut_off_while_it_was_sent_is_claimed_again_after_its_deadline_with_its_draft(
    books: Books,
) -> None:
    await set_up(books)
    await pay_out(books)
    taken = await claim(books)
    sent = draft((BANK, 100), (UNDEPOSITED, -100))
    await books.store.begin_entry(taken, sent, NOW + 2 * MINUTE)
    assert await nothing_due(books, MINUTE)
    assert await books.store.next_push_at(SCOPE, NOW) == NOW + 2 * MINUTE
    again = await claim(books, 2 * MINUTE)
    assert (again.push.state, again.push.draft, again.push.fence) == (PushState.SENDING, sent, taken.push.fence + 2)
    with pytest.raises(FenceLost):
        await books.store.record_entry(taken, after_entry(taken.push, "1"))
    with pytest.raises(FenceLost):
        await books.store.begin_entry(taken, sent, NOW + 9 * MINUTE)


async def test_deposits_switched_on_wake_what_waited_and_take_the_claim_from_who_plans_it_without_them(
    books: Books,
) -> None:
    off = replace(CHOICE, record_deposits=False)
    await set_up(books, off)
    await pay_out(books)
    taken = await claim(books)
    waiting = planned(taken)
    await ConsentStore(books.pool).save_account_choice(PARTNER, CHOICE, "Ann", NOW)
    with pytest.raises(FenceLost):
        await books.store.record_entry(taken, waiting)
    await ConsentStore(books.pool).save_account_choice(PARTNER, off, "Ann", NOW)
    taken = await claim(books)
    waiting = planned(taken)
    await books.store.record_entry(taken, waiting)
    assert await pushes(books, EntryKind.PAYOUT) == [(1, "waiting", "deposits_off")]
    assert await nothing_due(books, 600 * MINUTE)
    await ConsentStore(books.pool).save_account_choice(PARTNER, CHOICE, "Ann", NOW)
    assert (await claim(books)).push.subject == "po_1"


async def test_a_member_that_is_corrected_has_the_payout_planned_anew_and_the_issue_cleared(books: Books) -> None:
    await set_up(books)
    await pay_out(books, net=98)
    taken = await claim(books)
    stopped = planned(taken)
    await books.store.record_entry(taken, stopped, entry_issues(stopped))
    assert await books.open_issues() == {("deposit_stopped", "payout", "po_1")}
    assert await nothing_due(books)
    await books.execute("INSERT INTO platform.payout_member VALUES ($1, 'po_1', 'm9', 'fee', NULL, -2)", PARTNER)
    await finish(books)
    assert await books.open_issues() == set()


async def test_a_payout_that_failed_after_its_deposit_opens_a_generation_and_one_that_failed_before_ends(
    books: Books,
) -> None:
    await set_up(books)
    await pay_out(books)
    await set_status(books, "failed")
    taken = await claim(books)
    assert isinstance(taken.about, Payout)
    ended = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
    await books.store.record_entry(taken, ended)
    assert await pushes(books, EntryKind.PAYOUT) == [(1, "cancelled", "payout_failed")]
    await set_status(books, "succeeded")
    await finish(books)
    assert await pushes(books, EntryKind.PAYOUT) == [(1, "done", None)]
    await set_status(books, "failed")
    taken = await claim(books)
    assert taken.push.marker == "APO:po_1:2"
    await set_status(books, "succeeded")
    taken = await claim(books)
    assert isinstance(taken.about, Payout)
    back = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
    await books.store.record_entry(taken, back)
    (row,) = (await DeskActions(books.pool).payouts(PARTNER)).rows
    assert row.place is not None
    assert (row.place.generation, row.place.state) == (1, PushState.DONE)
    await set_status(books, "canceled")
    assert (await claim(books)).push.generation == 4


async def test_an_issue_about_a_payout_is_settled_by_hand_audited(books: Books) -> None:
    await set_up(books)
    await pay_out(books, net=1)
    taken = await claim(books)
    stopped = planned(taken)
    await books.store.record_entry(taken, stopped, entry_issues(stopped))
    desk = DeskActions(books.pool)
    issue_id = await books.value("SELECT issue_id FROM sync.issue")
    assert await desk.act_on_issue(PARTNER, issue_id, "accept", None, "Ann", NOW)
    assert await books.open_issues() == set()
    taken = await claim(books)
    assert isinstance(taken.about, Payout)
    settled = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
    assert (settled.state, settled.reason) == (PushState.CANCELLED, Reason.SETTLED_BY_HAND)
    assert await books.value("SELECT count(*) FROM sync.audit WHERE who = 'Ann' AND subject = 'payout/po_1'") == 1
    with pytest.raises(LookupError):
        await books.store.choose_entry(SCOPE, EntryKind.MOVE, "9", taken.push.choice, "Ann")  # type: ignore[arg-type]


async def test_a_chosen_account_that_is_gone_wakes_what_waits_for_it_when_it_is_back(books: Books) -> None:
    await set_up(books)
    await books.store.store_ledger_accounts(SCOPE, [row for row in LEDGER if row != BANK])
    await pay_out(books)
    taken = await claim(books)
    assert taken.accounts.gone_is_known
    waiting = planned(taken)
    assert waiting.reason is Reason.ACCOUNT_GONE
    await books.store.record_entry(taken, waiting)
    assert await nothing_due(books)
    async with books.wakes() as wakes:
        await books.store.store_ledger_accounts(SCOPE, LEDGER)
        assert await anext(wakes) == (PARTNER, "push")
    assert not (await claim(books)).accounts.gone_is_known


@on_every_postgres
@pytest.mark.parametrize("looked_before", [False, True])
async def test_a_listing_that_shows_an_account_is_not_forgotten_by_who_looks_on_an_older_one(
    looked_before: bool, books: Books
) -> None:
    await set_up(books)
    await pay_out(books)
    await listed_anew_while_one_looks(books.store, SCOPE, NOW, looked_before=looked_before)
    assert [row[:2] for row in await pushes(books, EntryKind.PAYOUT)] == [(1, "sending")]


@pytest.mark.parametrize("looked_before", [False, True])
async def test_nor_is_it_in_the_memory_of_the_actors_tests(looked_before: bool) -> None:
    stage = ActorStage(0)
    stage.connect()
    stage.store.choose_accounts(stage.scope().partner_id, CHOICE)
    pay_out_on(stage, member("100.00"))
    await listed_anew_while_one_looks(stage.store, stage.scope(), stage.clock.now(), looked_before=looked_before)
    assert stage.rows().entries.pushes[EntryKind.PAYOUT, "po_1", 1].state is PushState.SENDING


async def test_another_choice_clears_the_issue_about_the_account_that_is_gone(books: Books) -> None:
    await set_up(books)
    await books.store.store_ledger_accounts(SCOPE, [row for row in LEDGER if row != UNDEPOSITED])
    assert await books.open_issues() == {("account_gone", "account", "payments")}
    await ConsentStore(books.pool).save_account_choice(PARTNER, replace(CHOICE, payments=PETTY.id), "Ann", NOW)
    assert await books.open_issues() == set()


async def test_a_payout_from_before_there_was_a_connection_belongs_to_the_books_that_are_connected(
    books: Books,
) -> None:
    await books.execute("UPDATE sync.connection SET status = 'not_connected', account_id = NULL")
    await pay_out(books)
    assert await books.value("SELECT account_id FROM sync.push") == ""
    assert await ConsentStore(books.pool).connect(replace(GRANT, partner_id=PARTNER))
    assert await books.value("SELECT account_id FROM sync.push") == GRANT.business.account_id
