"""Payments are moved from where FreshBooks posts them to the chosen payments account, and back when gone (W6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from daemon.core.book_accounts import BookAccounts, line
from daemon.core.deposit_rules import Enter, EntryVerdict
from daemon.core.journal import EntryPush, JournalDraft
from daemon.core.model import Choice, FbPaymentId, PaymentId, PushState, Reason
from daemon.core.push_guard import Cancel, Wait

_MAY_FOLLOW: Final = frozenset({Reason.RECORD_GONE, Reason.RECORD_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A payment of ours that stands in FreshBooks; `amount` is all that FreshBooks took in, credited parts included.

    `is_live` tells whether FreshBooks still has it. `moved` is the entry that brought it to the payments account.
    """

    payment_id: PaymentId
    fb_payment_id: FbPaymentId
    amount: Decimal
    currency: str
    paid_on: date
    is_live: bool = True
    moved: JournalDraft | None = None


def plan_move(push: EntryPush, move: Move, accounts: BookAccounts, today: date) -> EntryVerdict:
    """Decide what becomes of a move, or of its reversal, now: one balanced entry each, at most (W6)."""
    if push.choice is Choice.ACCEPT:
        return Cancel(reason=Reason.SETTLED_BY_HAND)
    if push.is_reversal:
        return _back(push, move, today)
    return _there(push, move, accounts) if move.is_live else Cancel(reason=Reason.RECORD_GONE)


def _there(push: EntryPush, move: Move, accounts: BookAccounts) -> EntryVerdict:
    if accounts.chosen is None:
        return Wait(reason=Reason.NO_ACCOUNTS)
    target, clearing = accounts.active(accounts.chosen.payments), accounts.clearing
    if target is None:
        return accounts.gone(accounts.chosen.payments)
    if clearing is None:
        return Wait(reason=Reason.NO_CLEARING_ACCOUNT)
    if clearing.id == target.id:
        return Cancel(reason=Reason.ALREADY_THERE)
    draft = JournalDraft(
        name=f"Payment {move.payment_id} to {target.name}",
        description=f"Paid through Alternative Payments; please keep this reference: {push.marker}",
        entered_on=move.paid_on,
        currency=move.currency,
        lines=(line(target, move.amount), line(clearing, -move.amount)),
    )
    return Enter(draft=draft)


def _back(push: EntryPush, move: Move, today: date) -> Enter | Cancel:
    """Turn the sides of the very entry that moved it, whatever is chosen now."""
    if move.is_live or move.moved is None:
        return Cancel(reason=Reason.RECORD_BACK)
    draft = JournalDraft(
        name=f"Payment {move.payment_id} is gone from FreshBooks",
        description=f"Takes back the move of this payment; please keep this reference: {push.marker}",
        entered_on=push.draft.entered_on if push.draft else today,
        currency=move.moved.currency,
        lines=tuple(replace(side, amount=-side.amount) for side in move.moved.lines),
    )
    return Enter(draft=draft)


def next_move(pushes: Sequence[EntryPush], *, is_live: bool) -> int | None:
    """Tell which generation is to be opened for a payment's record, or None; the database decides alike.

    Odd generations move it, even ones bring it back. Nothing is opened while one is open, or after one ended for
    another reason than that the record went or came back.
    """
    latest = max(pushes, key=lambda push: push.generation, default=None)
    if latest is not None and not _has_ended(latest):
        return None
    done = [push.generation for push in pushes if push.state is PushState.DONE]
    stands = bool(done) and max(done) % 2 == 1
    if stands is is_live:
        return None
    last = latest.generation if latest else 0
    parity = 1 if is_live else 0
    return last + 1 if (last + 1) % 2 == parity else last + 2


def _has_ended(push: EntryPush) -> bool:
    withdrawn = push.state is PushState.CANCELLED and push.reason in _MAY_FOLLOW
    return withdrawn or push.state is PushState.DONE
