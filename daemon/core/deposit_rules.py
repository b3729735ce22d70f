"""A payout becomes a deposit: a balanced journal entry to the chosen bank account, or the reason why not (W6)."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from daemon.core.book_accounts import BookAccounts, line
from daemon.core.consent import AccountChoice
from daemon.core.journal import EntryPush, JournalDraft, JournalLine
from daemon.core.model import Choice, PaymentId, PayoutId, Reason
from daemon.core.push_guard import Cancel, Stop, Wait
from daemon.core.push_sentences import money

ZERO: Final = Decimal(0)


class MemberKind(enum.StrEnum):
    """The platform's words for the parts of a payout."""

    PAYMENT = "payment"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    FEE = "fee"


RETURNS: Final = frozenset({MemberKind.REFUND, MemberKind.CHARGEBACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One part of a payout, signed: what came in is above 0, what was returned or kept is below.

    `on_platform_invoice` tells that its payment was made on an invoice that FreshBooks does not have. `held_in` is the
    side of the entry that moved the payment, when it was moved: the account the money sits in, whatever is chosen now.
    """

    id: str
    kind: MemberKind
    amount: Decimal
    payment_id: PaymentId | None = None
    currency: str | None = None
    on_platform_invoice: bool = False
    held_in: JournalLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A transfer from the platform to the partner's bank; `paid_on` is the day it arrives, or was made."""

    id: PayoutId
    status: str
    currency: str
    net: Decimal
    paid_on: date
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    """Write this entry."""

    draft: JournalDraft


EntryVerdict = Enter | Wait | Stop | Cancel

SUCCEEDED: Final = "succeeded"
ENDED: Final = frozenset({"failed", "canceled"})
"""The statuses of a payout whose money did not arrive after all."""


def plan_deposit(push: EntryPush, payout: Payout, accounts: BookAccounts) -> EntryVerdict:
    """Decide what becomes of a payout's push now; every reason is one that a bookkeeper can act upon (W6)."""
    if push.choice is Choice.ACCEPT:
        return Cancel(reason=Reason.SETTLED_BY_HAND)
    if push.is_reversal:
        failed = payout.status in ENDED
        return Stop(reason=Reason.PAYOUT_FAILED) if failed else Cancel(reason=Reason.PAYOUT_RECOVERED)
    if payout.status in ENDED:
        return Cancel(reason=Reason.PAYOUT_FAILED)
    if payout.status != SUCCEEDED:
        return Wait(reason=Reason.NOT_SUCCEEDED, detail=f"It is {payout.status}.")
    return _entry(push, payout, accounts)


def _entry(push: EntryPush, payout: Payout, accounts: BookAccounts) -> EntryVerdict:
    chosen = accounts.chosen
    if chosen is None:
        return Wait(reason=Reason.NO_ACCOUNTS)
    if not chosen.record_deposits:
        return Wait(reason=Reason.DEPOSITS_OFF)
    refusal = _refusal(payout) or _missing(payout, accounts, chosen)
    if refusal is not None:
        return refusal
    lines = tuple(_lines(payout, accounts, chosen))
    return Enter(draft=_draft(push, payout, lines)) if lines else Cancel(reason=Reason.NOTHING_TO_RECORD)


def _refusal(payout: Payout) -> Stop | None:
    """Find what no account can mend: two currencies, or parts that do not make the whole."""
    others = sorted({member.currency for member in payout.members if member.currency} - {payout.currency})
    if others:
        detail = f"The payout is in {payout.currency}, with payments in {' and '.join(others)}."
        return Stop(reason=Reason.MIXED_CURRENCIES, detail=detail)
    total = sum((member.amount for member in payout.members), ZERO)
    if total != payout.net:
        parts, net = money(total, payout.currency), money(payout.net, payout.currency)
        return Stop(reason=Reason.SUMS_DIFFER, detail=f"Its parts add up to {parts}, but {net} was paid out.")
    return None


def _missing(payout: Payout, accounts: BookAccounts, chosen: AccountChoice) -> Wait | None:
    """Find an account that is needed and not chosen, or chosen and gone."""
    if chosen.fees is None and _fees(payout):
        return Wait(reason=Reason.NO_FEES_ACCOUNT)
    foreign = next((member for member in _on_platform(payout)), None)
    if chosen.platform_invoices is None and foreign is not None:
        what = f"Payment {foreign.payment_id} was made on such an invoice."
        return Wait(reason=Reason.NO_PLATFORM_ACCOUNT, detail=what)
    needed = [chosen.deposits, *([chosen.fees] if chosen.fees and _fees(payout) else [])]
    if any(member.held_in is None for member in _through_payments(payout)):
        needed.append(chosen.payments)
    if chosen.platform_invoices and foreign is not None:
        needed.append(chosen.platform_invoices)
    lost = next((account_id for account_id in needed if accounts.active(account_id) is None), None)
    return accounts.gone(lost) if lost else None


def _draft(push: EntryPush, payout: Payout, lines: tuple[JournalLine, ...]) -> JournalDraft:
    return JournalDraft(
        name=f"Payout {payout.id}",
        description=f"Deposit from Alternative Payments; please keep this reference: {push.marker}",
        entered_on=push.draft.entered_on if push.draft else payout.paid_on,
        currency=payout.currency,
        lines=lines,
    )


def _lines(payout: Payout, accounts: BookAccounts, chosen: AccountChoice) -> Iterator[JournalLine]:
    """Dr bank net, Dr fees, then per account Dr what was returned and Cr what came in; empty sides are left out."""
    yield from _side(accounts, chosen.deposits, payout.net)
    yield from _side(accounts, chosen.fees, _fees(payout))
    yield from _side(accounts, chosen.platform_invoices, _returned(_on_platform(payout)))
    yield from _side(accounts, chosen.platform_invoices, -_gross(_on_platform(payout)))
    account = accounts.active(chosen.payments)
    here = line(account, ZERO) if account else None
    held: dict[JournalLine, list[Member]] = {}
    places = [(member.held_in or here, member) for member in _through_payments(payout)]
    for place, member in [(replace(place, amount=ZERO), member) for place, member in places if place]:
        held.setdefault(place, []).append(member)
    for place, members in held.items():
        yield from (replace(place, amount=sum_) for sum_ in (_returned(members), -_gross(members)) if sum_)


def _side(accounts: BookAccounts, account_id: str | None, amount: Decimal) -> Iterator[JournalLine]:
    account = accounts.active(account_id) if account_id else None
    if account is not None and amount:
        yield line(account, amount)


def _fees(payout: Payout) -> Decimal:
    return -sum((member.amount for member in payout.members if member.kind is MemberKind.FEE), ZERO)


def _on_platform(payout: Payout) -> list[Member]:
    return [member for member in payout.members if member.on_platform_invoice and member.kind is not MemberKind.FEE]


def _through_payments(payout: Payout) -> list[Member]:
    return [m for m in payout.members if not m.on_platform_invoice and m.kind is not MemberKind.FEE]


def _gross(members: list[Member]) -> Decimal:
    return sum((member.amount for member in members if member.kind is MemberKind.PAYMENT), ZERO)


def _returned(members: list[Member]) -> Decimal:
    return -sum((member.amount for member in members if member.kind in RETURNS), ZERO)
