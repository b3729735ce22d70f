"""Payouts and moves on real Postgres: what opens them, claims, fences, records, choices (W4, W6)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.consent import AccountChoice
from daemon.core.deposit_rules import Enter, MemberKind, Payout, plan_deposit
from daemon.core.desk import WaitingMoves
from daemon.core.entry_outcomes import after_entry, after_plan
from daemon.core.entry_places import entry_issues
from daemon.core.errors import FenceLost
from daemon.core.exchange import EntryClaim
from daemon.core.journal import EntryKind, EntryPush, entry_marker
from daemon.core.model import FbPaymentId, LedgerAccount, PaymentId, PushState, Reason, VisState
from daemon.core.move_rules import Move, next_move, plan_move
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import NOW, make_fb_invoice, make_our_fb_payment, make_reading, usd
from tests.core.ledger import BANK, CHOICE, DAY, LEDGER, PETTY, UNDEPOSITED, draft
from tests.postgres import on_every_postgres

MINUTE = timedelta(minutes=1)
PAYMENT_RECORD = FbPaymentId(501)


async def set_up(books: Books, choice: AccountChoice = CHOICE, ledger: tuple[LedgerAccount, ...] = LEDGER) -> None:
    """A partner with these accounts who has set them up."""
    await books.store.store_ledger_accounts(SCOPE, ledger)
    await ConsentStore(books.pool).save_account_choice(PARTNER, choice, "Ann", NOW)


async def pay_out(
    books: Books, *members: tuple[str, str | int], net: str | int = 100, status: str = "succeeded"
) -> None:
    """Insert a payout as the platform does: the payout first, then its members."""
    await books.execute(
        "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net, arrival_date)"
        " VALUES ($1, 'po_1', $2, 'USD', $3, '2025-11-12')",
        PARTNER,
        status,
        Decimal(net),
    )
    for number, (kind, amount) in enumerate(members or [("payment", 100)], start=1):
        await books.execute(
            "INSERT INTO platform.payout_member VALUES ($1, 'po_1', $2, $3, $4, $5)",
            PARTNER,
            f"m{number}",
            kind,
            "pay_1" if kind != "fee" else None,
            Decimal(amount),
        )


async def set_status(books: Books, status: str) -> None:
    await books.execute("UPDATE platform.payout SET status = $1", status)


async def claim(books: Books, after: timedelta = timedelta(0)) -> EntryClaim:
    found = await books.store.claim_entry(SCOPE, NOW + after, NOW + after + MINUTE)
    assert found is not None
    return found


async def nothing_due(books: Books, after: timedelta = timedelta(0)) -> bool:
    return await books.store.claim_entry(SCOPE, NOW + after, NOW + after + MINUTE) is None


async def finish(books: Books, push_id: str = "77", after: timedelta = timedelta(0)) -> EntryClaim:
    """Claim, send and record the oldest due entry."""
    taken = await claim(books, after)
    sent = await books.store.begin_entry(taken, draft((UNDEPOSITED, 100), (PETTY, -100)), NOW + after + 2 * MINUTE)
    await books.store.record_entry(taken, after_entry(sent, push_id))
    return taken


async def pushes(books: Books, kind: EntryKind) -> list[tuple[int, str, str | None]]:
    rows = await books.fetch(
        "SELECT generation, state, reason FROM sync.push WHERE kind = $1 ORDER BY generation", kind.value
    )
    return [tuple(row) for row in rows]


async def record_payment(books: Books) -> None:
    """A payment that is recorded in FreshBooks as #501."""
    await books.merge(make_fb_invoice())
    await books.pay()
    taken = await books.store.claim(SCOPE, NOW, NOW + MINUTE)
    assert taken is not None
    done = replace(taken.push, state=PushState.DONE, fb_payment_id=PAYMENT_RECORD, recorded_amount=usd(100))
    await books.store.record(taken, done)


async def show(books: Books, vis_state: VisState, minutes: int) -> None:
    """FreshBooks shows our payment, live or deleted, in a later reading."""
    seen = make_our_fb_payment(501, vis_state=vis_state, updated_at=NOW + minutes * MINUTE, fingerprint=minutes)
    await books.store.merge_payments(SCOPE, [seen], make_reading(NOW + minutes * MINUTE))


# ---- payouts ---------------------------------------------------------------------------------------------------------


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
    assert (again.push.state, again.push.draft, again.fence) == (PushState.SENDING, sent, taken.fence + 1)
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
    assert isinstance(taken.about, Payout)
    waiting = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
    await ConsentStore(books.pool).save_account_choice(PARTNER, CHOICE, "Ann", NOW)
    with pytest.raises(FenceLost):
        await books.store.record_entry(taken, waiting)
    await ConsentStore(books.pool).save_account_choice(PARTNER, off, "Ann", NOW)
    taken = await claim(books)
    assert isinstance(taken.about, Payout)
    waiting = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
    await books.store.record_entry(taken, waiting)
    assert await pushes(books, EntryKind.PAYOUT) == [(1, "waiting", "deposits_off")]
    assert await nothing_due(books, 600 * MINUTE)
    await ConsentStore(books.pool).save_account_choice(PARTNER, CHOICE, "Ann", NOW)
    assert (await claim(books)).push.subject == "po_1"


async def test_a_member_that_is_corrected_has_the_payout_planned_anew_and_the_issue_cleared(books: Books) -> None:
    await set_up(books)
    await pay_out(books, net=98)
    taken = await claim(books)
    assert isinstance(taken.about, Payout)
    stopped = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
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
    assert isinstance(taken.about, Payout)
    stopped = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
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
    assert isinstance(taken.about, Payout)
    waiting = after_plan(taken.push, plan_deposit(taken.push, taken.about, taken.accounts), NOW)
    assert waiting.reason is Reason.ACCOUNT_GONE
    await books.store.record_entry(taken, waiting)
    assert await nothing_due(books)
    await books.store.store_ledger_accounts(SCOPE, LEDGER)
    assert not (await claim(books)).accounts.gone_is_known


async def test_another_choice_clears_the_issue_about_the_account_that_is_gone(books: Books) -> None:
    await set_up(books)
    await books.store.store_ledger_accounts(SCOPE, [row for row in LEDGER if row != UNDEPOSITED])
    assert await books.open_issues() == {("account_gone", "account", "payments")}
    await ConsentStore(books.pool).save_account_choice(PARTNER, replace(CHOICE, payments=PETTY.id), "Ann", NOW)
    assert await books.open_issues() == set()


# ---- moves -----------------------------------------------------------------------------------------------------------


@on_every_postgres
async def test_a_recorded_payment_is_moved_once_and_brought_back_once_when_it_is_gone(books: Books) -> None:
    await set_up(books)
    await record_payment(books)
    taken = await finish(books)
    assert taken.about == Move(
        payment_id=PaymentId("pay_1"),
        fb_payment_id=PAYMENT_RECORD,
        amount=usd(100),
        currency="USD",
        paid_on=DAY,
    )
    await show(books, VisState.ACTIVE, 5)
    assert await nothing_due(books, 60 * MINUTE)
    await show(books, VisState.DELETED, 10)
    back = await claim(books)
    assert isinstance(back.about, Move)
    assert (back.push.marker, back.about.is_live) == ("APM:501:2", False)
    verdict = plan_move(back.push, back.about, back.accounts, DAY)
    assert isinstance(verdict, Enter)
    assert [line.amount for line in verdict.draft.lines] == [usd(-100), usd(100)]
    sent = await books.store.begin_entry(back, verdict.draft, NOW + MINUTE)
    await books.store.record_entry(back, after_entry(sent, "78"))
    assert await pushes(books, EntryKind.MOVE) == [(1, "done", None), (2, "done", None)]
    assert await nothing_due(books, 60 * MINUTE)
    await show(books, VisState.ACTIVE, 20)
    assert (await claim(books)).push.generation == 3


async def test_a_payment_that_goes_while_its_move_is_on_its_way_is_brought_back_once_the_move_is_known(
    books: Books,
) -> None:
    await set_up(books)
    await record_payment(books)
    taken = await claim(books)
    sent = await books.store.begin_entry(taken, draft((UNDEPOSITED, 100), (PETTY, -100)), NOW + MINUTE)
    await show(books, VisState.DELETED, 5)
    assert await pushes(books, EntryKind.MOVE) == [(1, "sending", None)]
    await books.store.record_entry(taken, after_entry(sent, "77"))
    assert await pushes(books, EntryKind.MOVE) == [(1, "done", None), (2, "ready", None)]


async def test_nothing_is_moved_where_petty_cash_is_chosen_or_nothing_is(books: Books) -> None:
    await record_payment(books)
    await books.store.store_ledger_accounts(SCOPE, LEDGER)
    assert await pushes(books, EntryKind.MOVE) == []
    await ConsentStore(books.pool).save_account_choice(PARTNER, replace(CHOICE, payments=PETTY.id), "Ann", NOW)
    await show(books, VisState.ACTIVE, 5)
    await books.execute("UPDATE sync.push SET state = 'uncertain'")
    await books.execute("UPDATE sync.push SET state = 'done'")
    assert await pushes(books, EntryKind.MOVE) == []


async def test_a_payout_takes_a_payment_from_the_account_it_was_moved_to(books: Books) -> None:
    await set_up(books)
    await record_payment(books)
    await finish(books)
    await pay_out(books)
    about = (await claim(books)).about
    assert isinstance(about, Payout)
    (held,) = [part.held_in for part in about.members]
    assert held is not None
    assert (held.account_id, about.members[0].currency) == (UNDEPOSITED.id, "USD")


async def test_moves_that_wait_are_counted_by_reason(books: Books) -> None:
    await set_up(books, ledger=LEDGER[1:])
    await record_payment(books)
    taken = await claim(books)
    assert isinstance(taken.about, Move)
    desk = DeskActions(books.pool)
    assert await desk.waiting_moves(PARTNER) == ()
    await books.store.record_entry(
        taken, after_plan(taken.push, plan_move(taken.push, taken.about, taken.accounts, DAY), NOW)
    )
    assert await desk.waiting_moves(PARTNER) == (WaitingMoves(reason=Reason.NO_CLEARING_ACCOUNT, payments=1),)


async def test_payments_go_before_entries_and_an_entry_due_later_is_told(books: Books) -> None:
    await set_up(books)
    await pay_out(books)
    taken = await claim(books)
    later = replace(taken.push, state=PushState.UNCERTAIN, not_before=NOW + 7 * MINUTE)
    await books.store.record_entry(taken, later)
    assert await books.store.next_push_at(SCOPE, NOW) == NOW + 7 * MINUTE
    assert await books.store.claim(SCOPE, NOW + 8 * MINUTE, NOW + 9 * MINUTE) is None


STATES = [
    ("ready", None),
    ("done", None),
    ("sending", None),
    ("cancelled", "record_gone"),
    ("cancelled", "record_back"),
]


async def test_the_database_and_the_core_open_the_same_moves(books: Books) -> None:
    """Every pair of first and second generations, with the record there and gone."""
    await set_up(books)
    await record_payment(books)
    for first in STATES:
        for second in [None, *STATES]:
            for vis_state in (0, 1):
                rows = [row for row in (first, second) if row]
                await books.execute("DELETE FROM sync.push WHERE kind = 'move'")
                for number, (state, reason) in enumerate(rows, start=1):
                    await _put(books, number, state, reason)
                await books.execute("DELETE FROM sync.fb_payment")
                if vis_state:
                    await show(books, VisState.DELETED, 1)
                await books.execute("DELETE FROM sync.push WHERE kind = 'move' AND generation > $1", len(rows))
                await books.execute("SELECT sync.follow_record($1, $2, 501)", PARTNER, SCOPE.account_id)
                opened = await books.value(
                    "SELECT max(generation) FROM sync.push WHERE kind = 'move' AND generation > $1", len(rows)
                )
                known = [_known(number, state, reason) for number, (state, reason) in enumerate(rows, start=1)]
                assert opened == next_move(known, is_live=not vis_state), (rows, vis_state)


async def _put(books: Books, number: int, state: str, reason: str | None) -> None:
    await books.execute(
        "INSERT INTO sync.push (partner_id, kind, subject, generation, account_id, state, marker, reason)"
        " VALUES ($1, 'move', '501', $2, $3, $4, sync.entry_marker('move', '501', $2), $5)",
        PARTNER,
        number,
        SCOPE.account_id,
        state,
        reason,
    )


def _known(number: int, state: str, reason: str | None) -> EntryPush:
    mark = entry_marker(EntryKind.MOVE, "501", number)
    made = EntryPush(kind=EntryKind.MOVE, subject="501", generation=number, state=PushState(state), marker=mark)
    return replace(made, reason=Reason(reason) if reason else None)


async def test_markers_are_spelt_alike_by_the_database_and_the_core(books: Books) -> None:
    for kind in EntryKind:
        spelt = await books.value("SELECT sync.entry_marker($1, 'x_1', 3)", kind.value)
        assert spelt == entry_marker(kind, "x_1", 3)
