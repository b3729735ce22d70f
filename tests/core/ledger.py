"""A partner's accounts, payouts and journal pushes by default; a test names only what it is about."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from daemon.core.book_accounts import BookAccounts, line
from daemon.core.consent import AccountChoice
from daemon.core.deposit_rules import Enter, EntryVerdict, Member, MemberKind, Payout
from daemon.core.journal import EntryKind, EntryPush, FbJournalEntry, JournalDraft, entry_marker
from daemon.core.model import FbPaymentId, LedgerAccount, PaymentId, PayoutId, PushState
from daemon.core.move_rules import Move
from tests.builders import usd

DAY = date(2025, 11, 12)


def account(name: str, number: str, kind: str = "asset", **changes: Any) -> LedgerAccount:
    made = LedgerAccount(
        id=name, name=name, number=number, type=kind, sub_type="Cash & Bank", legacy_id=len(number), parent_id="head"
    )
    return replace(made, **changes)


PETTY, BANK, UNDEPOSITED = account("Petty Cash", "1000-1"), account("Bank", "1000-2"), account("Undeposited", "1000-3")
FEES, PLATFORM = account("Fees", "6000-3", "expense"), account("Platform sales", "4000-9", "income")
CHOICE = AccountChoice(payments=UNDEPOSITED.id, deposits=BANK.id, fees=FEES.id, record_deposits=True)
LEDGER = (PETTY, BANK, UNDEPOSITED, FEES, PLATFORM)


def accounts(choice: AccountChoice | None = CHOICE, ledger: tuple[LedgerAccount, ...] = LEDGER) -> BookAccounts:
    return BookAccounts(chosen=choice, ledger=ledger)


def chosen(**changes: Any) -> BookAccounts:
    return accounts(replace(CHOICE, **changes))


def without(gone: LedgerAccount, **changes: Any) -> BookAccounts:
    """The books after an account was retired: its row stays for its name."""
    kept = tuple(replace(row, is_active=False) if row == gone else row for row in LEDGER)
    return accounts(replace(CHOICE, **changes), kept)


def member(amount: str | int, kind: str = "payment", payment_id: str | None = "pay_1", **changes: Any) -> Member:
    made = Member(
        id=f"{kind}{amount}",
        kind=MemberKind(kind),
        amount=usd(amount),
        payment_id=PaymentId(payment_id) if payment_id else None,
        currency="USD" if payment_id else None,
    )
    return replace(made, **changes)


def payout(*members: Member, net: str | int | None = None, **changes: Any) -> Payout:
    """A payout that succeeded, whose net is what its members add up to unless told."""
    total = sum((part.amount for part in members), Decimal(0))
    made = Payout(
        id=PayoutId("po_1"),
        status="succeeded",
        currency="USD",
        net=total if net is None else usd(net),
        paid_on=DAY,
        members=members,
    )
    return replace(made, **changes)


def entry(
    kind: EntryKind = EntryKind.PAYOUT, generation: int = 1, state: PushState = PushState.READY, **changes: Any
) -> EntryPush:
    subject = "po_1" if kind is EntryKind.PAYOUT else "501"
    mark = entry_marker(kind, subject, generation)
    made = EntryPush(kind=kind, subject=subject, generation=generation, state=state, marker=mark)
    return replace(made, **changes)


def move(generation: int = 1, state: PushState = PushState.READY, **changes: Any) -> EntryPush:
    return entry(EntryKind.MOVE, generation, state, **changes)


def moved(**changes: Any) -> Move:
    made = Move(
        payment_id=PaymentId("pay_1"),
        fb_payment_id=FbPaymentId(501),
        amount=usd(100),
        currency="USD",
        paid_on=DAY,
    )
    return replace(made, **changes)


def draft(*sides: tuple[LedgerAccount, str | int], day: date = DAY) -> JournalDraft:
    lines = tuple(line(where, usd(amount)) for where, amount in sides)
    return JournalDraft(name="n", description="d", entered_on=day, currency="USD", lines=lines)


def sides(verdict: EntryVerdict) -> list[tuple[str, Decimal]]:
    """The sides of the entry that is to be written: account and signed amount."""
    assert isinstance(verdict, Enter)
    assert verdict.draft.is_balanced
    return [(side.account_id, side.amount) for side in verdict.draft.lines]


def shown(key: int, text: str, name: str = "Payout po_1") -> FbJournalEntry:
    return FbJournalEntry(id=str(key), name=name, description=text, entered_on=DAY, debits=usd(100))
