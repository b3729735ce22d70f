"""The reconciliation of one month: payments, the payouts that carry them, their fees, and the deposits (W6).

Everything is per currency, and every sum is made of what stands below it: a bookkeeper can tick each level off.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from daemon.core.deposit_rules import RETURNS, Member, MemberKind
from daemon.core.journal import JournalDraft
from daemon.core.model import PayoutId, PushState

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPayout:
    """One payout that arrived in the month, with its parts and the deposit that was written for it, if one stands."""

    payout_id: PayoutId
    status: str
    paid_on: date
    currency: str
    net: Decimal
    members: Sequence[Member]
    state: PushState | None = None
    entry_id: str | None = None
    draft: JournalDraft | None = None

    @property
    def gross(self) -> Decimal:
        """What customers paid."""
        return sum((part.amount for part in self.members if part.kind is MemberKind.PAYMENT), ZERO)

    @property
    def returned(self) -> Decimal:
        """What went back to customers: refunds and charge-backs, below zero."""
        return sum((part.amount for part in self.members if part.kind in RETURNS), ZERO)

    @property
    def fees(self) -> Decimal:
        """What the platform kept, below zero."""
        return sum((part.amount for part in self.members if part.kind is MemberKind.FEE), ZERO)

    @property
    def deposited(self) -> Decimal | None:
        """What the deposit in FreshBooks brought to the bank; None while there is none."""
        if self.state is not PushState.DONE or self.draft is None:
            return None
        # The bank's side comes first, and is left out where nothing arrived.
        return self.draft.lines[0].amount if self.net else ZERO

    @property
    def is_reconciled(self) -> bool:
        """Whether the parts make the net and the deposit brings just that."""
        return self.gross + self.returned + self.fees == self.net == self.deposited


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of one currency over the month."""

    currency: str
    payouts: int = 0
    gross: Decimal = ZERO
    returned: Decimal = ZERO
    fees: Decimal = ZERO
    net: Decimal = ZERO
    deposited: Decimal = ZERO
    undeposited: Decimal = ZERO
    """The net of payouts without a deposit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoosePayment:
    """A payment of the month that no payout carries yet."""

    payment_id: str
    made_on: date
    status: str
    amount: Decimal
    currency: str
    in_freshbooks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """One month: its payouts with their sums, and the payments made in it that no payout carries yet."""

    month: date
    payouts: tuple[MonthPayout, ...]
    loose: tuple[LoosePayment, ...] = ()

    @property
    def totals(self) -> tuple[Totals, ...]:
        """The sums per currency."""
        currencies = sorted({payout.currency for payout in self.payouts})
        return tuple(_totals(one, [row for row in self.payouts if row.currency == one]) for one in currencies)

    @property
    def is_reconciled(self) -> bool:
        """Whether every payout that succeeded is."""
        return all(row.is_reconciled for row in self.payouts if row.status == "succeeded")


def month_of(text: str, today: date) -> date | None:
    """Read a month such as "2026-03", as its first day; empty is the month of today, anything else None."""
    if not text:
        return today.replace(day=1)
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


def next_month(month: date) -> date:
    """Tell the first day of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


def month_before(month: date) -> date:
    """Tell the first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def report_lines(report: MonthReport) -> Iterable[tuple[str, ...]]:
    """Write the report as a table: every part of every payout, then its sums, then the month's."""
    yield ("level", "payout", "date", "part", "payment", "amount", "currency", "deposit", "state")
    for row in report.payouts:
        for part in row.members:
            cells = (row.payout_id, row.paid_on.isoformat(), part.kind.value, part.payment_id or "", str(part.amount))
            yield ("part", *cells, row.currency, "", "")
        yield from _sums_of(row)
    for sums in report.totals:
        for name in ("gross", "returned", "fees", "net", "deposited", "undeposited"):
            month = f"{report.month:%Y-%m}"
            yield ("month", "", month, name, "", str(getattr(sums, name)), sums.currency, "", "")
    for loose in report.loose:
        made = loose.made_on.isoformat()
        amount = str(loose.amount)
        yield ("no payout yet", "", made, "payment", loose.payment_id, amount, loose.currency, "", loose.status)


def _sums_of(row: MonthPayout) -> Iterable[tuple[str, ...]]:
    for name in ("gross", "returned", "fees", "net"):
        amount = str(getattr(row, name))
        yield ("payout", row.payout_id, row.paid_on.isoformat(), name, "", amount, row.currency, "", row.status)
    deposited = row.deposited
    state = "deposited" if deposited is not None else "no deposit"
    amount = "" if deposited is None else str(deposited)
    entry = row.entry_id or ""
    yield ("payout", row.payout_id, row.paid_on.isoformat(), "deposit", "", amount, row.currency, entry, state)


def _totals(currency: str, payouts: Sequence[MonthPayout]) -> Totals:
    succeeded = [row for row in payouts if row.status == "succeeded"]
    deposited = [row.deposited for row in payouts if row.deposited is not None]
    return Totals(
        currency=currency,
        payouts=len(succeeded),
        gross=sum((row.gross for row in succeeded), ZERO),
        returned=sum((row.returned for row in succeeded), ZERO),
        fees=sum((row.fees for row in succeeded), ZERO),
        net=sum((row.net for row in succeeded), ZERO),
        deposited=sum(deposited, ZERO),
        undeposited=sum((row.net for row in succeeded if row.deposited is None), ZERO),
    )
