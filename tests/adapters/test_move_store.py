"""Moves on real Postgres: each payment is moved once and brought back once, as the core decides (W6)."""

from dataclasses import replace

from daemon.adapters.postgres.consent_store import ConsentStore
from daemon.adapters.postgres.desk_actions import DeskActions
from daemon.core.deposit_rules import Enter, Payout
from daemon.core.desk import WaitingMoves
from daemon.core.entry_outcomes import after_entry, after_plan
from daemon.core.journal import EntryKind, EntryPush, entry_marker
from daemon.core.model import PaymentId, PushState, Reason, VisState
from daemon.core.move_rules import Move, next_move, plan_move
from tests.adapters.entry_rows import (
    MINUTE,
    PAYMENT_RECORD,
    claim,
    finish,
    nothing_due,
    pay_out,
    pushes,
    record_payment,
    set_up,
    show,
)
from tests.adapters.postgres_rows import PARTNER, SCOPE, Books
from tests.builders import NOW, usd
from tests.core.ledger import CHOICE, DAY, LEDGER, PETTY, UNDEPOSITED, draft
from tests.postgres import on_every_postgres


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
