"""Payouts and moves over the sandbox's own ledger in virtual time: the books balance, and nothing stands twice (W6)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import anyio
import pytest
from msgspec import structs

from daemon.adapters.freshbooks.calls import Call
from daemon.core.consent import AccountChoice
from daemon.core.deposit_rules import Member, MemberKind, Payout
from daemon.core.errors import FreshBooksRefused, FreshBooksUnavailable
from daemon.core.journal import EntryKind, EntryPush
from daemon.core.model import AccountId, Choice, IssueKind, PaymentId, PayoutId, PushState, Reason, Scope
from daemon.core.state import ConnectionStatus
from daemon.sandbox.chart import by_number
from daemon.sandbox.model import JournalEntry
from tests.actors.stage import PARTNER, ActorStage

SECONDS, MINUTES = timedelta(seconds=1), timedelta(minutes=1)
PETTY, PAYMENTS, BANK, FEES = "1000-1", "1000-3", "1000-2", "6000-3"
"""By number: Petty Cash; a savings account, which stands for Undeposited Funds; the bank; processing fees."""


def choice_of(
    stage: ActorStage, *, payments: str = PAYMENTS, fees: bool = True, deposits: bool = True
) -> AccountChoice:
    books = stage.account().books
    return AccountChoice(
        payments=by_number(books, payments).uuid,
        deposits=by_number(books, BANK).uuid,
        fees=by_number(books, FEES).uuid if fees else None,
        record_deposits=deposits,
    )


@asynccontextmanager
async def set_up(stage: ActorStage | None = None, **chosen: object) -> AsyncIterator[ActorStage]:
    """A connected partner who has set up accounts, running."""
    stage = stage or ActorStage(0)
    stage.connect()
    stage.store.choose_accounts(PARTNER, choice_of(stage, **chosen))  # type: ignore[arg-type]
    async with anyio.create_task_group() as group:
        await group.start(stage.root.run)
        await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)
        yield stage
        stage.root.drain()


def member(amount: str, kind: str = "payment", payment_id: str | None = "pay_1") -> Member:
    found = PaymentId(payment_id) if payment_id else None
    return Member(id=f"{kind}-{payment_id}", kind=MemberKind(kind), amount=Decimal(amount), payment_id=found)


def pay_out(stage: ActorStage, *members: Member, net: str | None = None, status: str = "succeeded") -> None:
    total = sum((part.amount for part in members), Decimal(0))
    paid = Payout(
        id=PayoutId("po_1"),
        status=status,
        currency="USD",
        net=Decimal(net) if net else total,
        paid_on=stage.clock.now().date(),
        members=members,
    )
    stage.store.pay_out(PARTNER, paid)
    stage.store.notify(PARTNER, "push")


def change(stage: ActorStage, status: str) -> None:
    rows = stage.rows().entries.payouts
    stage.store.pay_out(PARTNER, replace(rows["po_1"], status=status))
    stage.store.notify(PARTNER, "push")


def scope_of(stage: ActorStage) -> Scope:
    return Scope(partner_id=PARTNER, account_id=AccountId(str(stage.account().account_id)))


def choose(stage: ActorStage, **chosen: object) -> None:
    stage.store.choose_accounts(PARTNER, choice_of(stage, **chosen))  # type: ignore[arg-type]
    stage.store.notify(PARTNER, "push")


def deposit(stage: ActorStage, generation: int = 1) -> EntryPush:
    return stage.rows().entries.pushes[EntryKind.PAYOUT, "po_1", generation]


def moves(stage: ActorStage) -> list[EntryPush]:
    return [push for push in stage.rows().entries.pushes.values() if push.kind is EntryKind.MOVE]


def are_moved(stage: ActorStage, count: int) -> Callable[[], bool]:
    return lambda: sum(push.state is PushState.DONE for push in moves(stage)) == count


def balance(stage: ActorStage, number: str) -> Decimal:
    """Debits less credits of an account in FreshBooks' own journal."""
    return stage.account().books.journal.balance(number, "USD")


def balances(stage: ActorStage, *numbers: str) -> list[Decimal]:
    return [balance(stage, number) for number in numbers]


def written(stage: ActorStage, marker: str) -> list[JournalEntry]:
    """The entries in FreshBooks' journal that carry a marker."""
    books = stage.account().books
    books.journal.page(1, 1)
    sources = [entry.source for entry in books.journal.entries]
    return [row for row in sources if isinstance(row, JournalEntry) and marker in row.description]


def is_entry(call: Call) -> bool:
    return call.method == "POST" and "journal_entries" in call.path


def is_look_up(call: Call) -> bool:
    return "journal_entry_details" in call.path


# ---- deposits and moves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payments", [PETTY, PAYMENTS])
async def test_the_payments_account_returns_to_zero_after_a_payout_of_all_its_payments(payments: str) -> None:
    async with set_up(payments=payments) as stage:
        for number, amount in enumerate(("100.00", "250.50", "19.99"), start=1):
            stage.pay(stage.bill(amount), amount, payment_id=f"pay_{number}")
        await stage.until(lambda: all(stage.push_of(f"pay_{n}").state is PushState.DONE for n in (1, 2, 3)))
        await stage.until(are_moved(stage, 0 if payments == PETTY else 3))
        assert balance(stage, payments) == Decimal("370.49")
        paid = [member("100.00"), member("250.50", payment_id="pay_2"), member("19.99", payment_id="pay_3")]
        pay_out(stage, *paid, member("-9.25", "fee", None))
        await stage.until(lambda: deposit(stage).state is PushState.DONE, MINUTES)
    assert balances(stage, PETTY, PAYMENTS) == [0, 0]
    assert balances(stage, BANK, FEES) == [Decimal("361.24"), Decimal("9.25")]
    assert len(written(stage, "APO:po_1:1")) == 1


async def test_each_payment_is_moved_once_and_brought_back_once_when_it_is_gone() -> None:
    async with set_up() as stage:
        invoice = stage.bill("100.00")
        payment = stage.pay(invoice, "100.00")
        await stage.until(are_moved(stage, 1))
        record = stage.push(payment).fb_payment_id
        stage.book("payment.update", record, {"vis_state": 1})
        await stage.until(are_moved(stage, 2), timedelta(minutes=10))
        await anyio.sleep(3600)
    assert balances(stage, PETTY, PAYMENTS) == [0, 0]
    assert [len(written(stage, f"APM:{record}:{number}")) for number in (1, 2, 3)] == [1, 1, 0]


async def test_a_payment_with_a_part_that_became_a_credit_is_moved_whole() -> None:
    async with set_up() as stage:
        invoice = stage.bill("60.00")
        payment = stage.pay(invoice, "100.00")
        await stage.until(lambda: stage.push(payment).state is PushState.NEEDS_PERSON)
        await stage.store.choose(scope_of(stage), payment, Choice.POST_ANYWAY, None, "Ann")
        await stage.until(are_moved(stage, 1))
    assert balances(stage, PETTY, PAYMENTS) == [0, 100]


# ---- what waits, and what stops --------------------------------------------------------------------------------------


async def test_a_payout_is_not_recorded_while_deposits_are_off_and_is_when_they_are_switched_on() -> None:
    async with set_up(payments=PETTY, deposits=False) as stage:
        pay_out(stage, member("100.00"))
        await stage.until(lambda: deposit(stage).reason is Reason.DEPOSITS_OFF)
        calls = len(stage.caller.asked)
        await anyio.sleep(170)
        assert not [call for call in stage.caller.asked[calls:] if "journal" in call.path]
        choose(stage, payments=PETTY)
        await stage.until(lambda: deposit(stage).state is PushState.DONE, 10 * SECONDS)
    assert len(written(stage, "APO:po_1:1")) == 1


async def test_a_payout_with_fees_waits_for_a_fees_account() -> None:
    async with set_up(fees=False) as stage:
        pay_out(stage, member("100.00"), member("-3.00", "fee", None))
        await stage.until(lambda: deposit(stage).reason is Reason.NO_FEES_ACCOUNT)
        choose(stage)
        await stage.until(lambda: deposit(stage).state is PushState.DONE, 10 * SECONDS)
    assert balance(stage, FEES) == 3


async def test_a_payout_whose_sums_do_not_add_up_is_an_issue_with_both_figures_and_goes_once_corrected() -> None:
    async with set_up() as stage:
        pay_out(stage, member("100.00"), net="98.00")
        await stage.until(lambda: deposit(stage).state is PushState.NEEDS_PERSON)
        issue = stage.rows().issues[IssueKind.DEPOSIT_STOPPED, ("payout", "po_1")]
        assert "100.00 USD" in issue.reason
        assert "98.00 USD" in issue.reason
        pay_out(stage, member("100.00"), member("-2.00", "fee", None))
        await stage.until(lambda: deposit(stage).state is PushState.DONE, 10 * SECONDS)
        assert not stage.rows().issues
    assert len(written(stage, "APO:po_1:1")) == 1


async def test_a_payout_that_fails_after_it_was_recorded_is_an_issue_until_it_succeeds_after_all() -> None:
    async with set_up() as stage:
        pay_out(stage, member("100.00"))
        await stage.until(lambda: deposit(stage).state is PushState.DONE)
        change(stage, "failed")
        await stage.until(lambda: (IssueKind.PAYOUT_FAILED, ("payout", "po_1")) in stage.rows().issues)
        change(stage, "succeeded")
        await stage.until(lambda: not stage.rows().issues)
        change(stage, "failed")
        await stage.until(lambda: (IssueKind.PAYOUT_FAILED, ("payout", "po_1")) in stage.rows().issues)
        stage.store.accept(PARTNER, EntryKind.PAYOUT, "po_1")
        stage.store.notify(PARTNER, "push")
        await stage.until(lambda: deposit(stage, 4).state is PushState.CANCELLED)
    assert not stage.rows().issues
    assert len(written(stage, "APO:po_1")) == 1


async def test_without_the_permission_for_journal_entries_it_waits_visibly_and_payments_go_on() -> None:
    def forbid(call: Call) -> None:
        if is_entry(call):
            raise FreshBooksRefused("FreshBooks refused (403): not allowed", status=403)

    async with set_up(ActorStage(0, before=forbid)) as stage:
        pay_out(stage, member("100.00"))
        await stage.until(lambda: deposit(stage).reason is Reason.NO_JOURNAL_PERMISSION)
        await anyio.sleep(12 * 3600)
        assert sum(is_entry(call) for call in stage.caller.asked) == 1
        invoice = stage.bill("5.00")
        stage.pay(invoice, "5.00")
        await stage.until(lambda: stage.fb_payments(invoice), 5 * SECONDS)
        stage.caller.turn(lambda _: None)
        choose(stage)
        await stage.until(lambda: deposit(stage).state is PushState.DONE, 20 * SECONDS)


async def test_a_chosen_account_that_was_archived_makes_the_payout_wait() -> None:
    async with set_up() as stage:
        bank = by_number(stage.account().books, BANK)
        stage.account().books.ledger[bank.uuid] = structs.replace(bank, state="archived")
        stage.rows().accounts = ()
        pay_out(stage, member("100.00"))
        await stage.until(lambda: deposit(stage).reason is Reason.ACCOUNT_GONE)
        assert not written(stage, "APO:po_1")


# ---- at most once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("landed", [True, False])
async def test_a_deposit_whose_answer_was_lost_stands_exactly_once(landed: bool) -> None:
    losses = [1]

    def lose(call: Call) -> None:
        if is_entry(call) and losses:
            losses.pop()
            raise FreshBooksUnavailable("the answer was lost")

    stage = ActorStage(0, **{"after" if landed else "before": lose})  # type: ignore[arg-type]
    async with set_up(stage):
        pay_out(stage, member("100.00"))
        await stage.until(lambda: deposit(stage).state is PushState.UNCERTAIN)
        await stage.until(lambda: deposit(stage).state is PushState.DONE, 5 * MINUTES)
    assert len(written(stage, "APO:po_1:1")) == 1
    assert sum(is_look_up(call) for call in stage.caller.asked) >= 1
    assert sum(is_entry(call) for call in stage.caller.asked) == (1 if landed else 2)


async def test_a_process_that_is_cut_off_after_any_call_leaves_each_entry_exactly_once() -> None:
    """Cut the process off after the n-th call, for every n of the way: each start goes on from the stored states."""
    for calls in range(1, 14):
        stage = ActorStage(0)
        stage.connect()
        stage.store.choose_accounts(PARTNER, choice_of(stage))
        async with anyio.create_task_group() as group:
            await group.start(stage.root.run)
            await stage.until(lambda: stage.status() is ConnectionStatus.CONNECTED)  # noqa: B023 -- awaited here
            group.cancel_scope.cancel()
        stage.pay(stage.bill("100.00"), "100.00")
        pay_out(stage, member("100.00"))
        async with anyio.create_task_group() as group:
            await group.start(ActorStage.restarted(stage).run)
            stage.caller.cut_after(calls, group.cancel_scope.cancel)
            await stage.until(lambda: deposit(stage).state is PushState.DONE and are_moved(stage, 1)())  # noqa: B023
            group.cancel_scope.cancel()
        object.__setattr__(stage.caller, "after", lambda _: None)
        async with anyio.create_task_group() as group:
            await group.start(ActorStage.restarted(stage).run)
            await stage.until(lambda: deposit(stage).state is PushState.DONE and are_moved(stage, 1)())  # noqa: B023
            group.cancel_scope.cancel()
        record = stage.push_of("pay_1").fb_payment_id
        assert [len(written(stage, mark)) for mark in ("APO:po_1:1", f"APM:{record}:1")] == [1, 1], calls
        assert balances(stage, PETTY, PAYMENTS, BANK) == [0, 0, 100]
