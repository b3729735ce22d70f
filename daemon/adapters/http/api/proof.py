"""Operations that prove: comparisons with FreshBooks, and the months' reconciliation (T1, W6)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Self

from pydantic import Field

from daemon.adapters.http.api.credentials import Scope
from daemon.adapters.http.api.messages import Input, NoInput, Output
from daemon.adapters.http.api.operations import Call, Operations, Reply
from daemon.adapters.http.api.problems import Problem
from daemon.adapters.http.api.shapes_connection import Accepted
from daemon.adapters.http.ports import Proof
from daemon.core.reconciliation import LoosePayment, MonthPayout, MonthReport, Totals
from daemon.core.verify.findings import VerifyRow

operations = Operations("Proof")
LATEST = 20


class Difference(Output):
    """Something that is not equal on both sides and that no rule prescribes."""

    kind: str
    subject_type: str
    subject_id: str
    detail: str


class Verification(Output):
    """One comparison of all that is known here with FreshBooks."""

    asked_at: datetime
    asked_by: str
    finished_at: datetime | None
    percent: int
    outcome: str | None = Field(description="equal, drift or unchecked; null while it is under way.")
    compared: dict[str, int] = Field(description="How many of what were compared.")
    differences: list[Difference] = Field(description="The first of them.")
    differences_in_all: int
    as_agreed: dict[str, int] = Field(description="Differences that a rule prescribes, by rule: these are none.")
    not_compared: list[str]

    @classmethod
    def of(cls, row: VerifyRow) -> Self:
        """Write a stored comparison."""
        report = row.report
        return cls(
            asked_at=row.ask.asked_at,
            asked_by=row.ask.asked_by,
            finished_at=row.finished_at,
            percent=row.percent,
            outcome=row.outcome.value if row.outcome else None,
            compared=dict(report.read),
            differences=[
                Difference(
                    kind=drift.kind.value,
                    subject_type=drift.subject[0],
                    subject_id=drift.subject[1],
                    detail=drift.detail,
                )
                for drift in report.drifts
            ],
            differences_in_all=report.drifted,
            as_agreed=dict(report.rules),
            not_compared=list(report.unread),
        )


class Verifications(Output):
    """The latest comparisons, newest first."""

    data: list[Verification]


class VerificationIn(Input):
    """What a comparison is to do besides comparing."""

    repair: bool = Field(default=False, description="Read anew here what differs; FreshBooks is never written.")


class PayoutMonth(Output):
    """A payout that arrived in the month: its parts' sums, and what its deposit brought."""

    id: str
    status: str
    paid_on: date
    currency: str
    gross: Decimal
    returned: Decimal
    fees: Decimal
    net: Decimal
    deposited: Decimal | None
    entry_id: str | None
    is_reconciled: bool

    @classmethod
    def of(cls, row: MonthPayout) -> Self:
        """Write one payout."""
        return cls(
            id=row.payout_id,
            status=row.status,
            paid_on=row.paid_on,
            currency=row.currency,
            gross=row.gross,
            returned=row.returned,
            fees=row.fees,
            net=row.net,
            deposited=row.deposited,
            entry_id=row.entry_id,
            is_reconciled=row.is_reconciled,
        )


class CurrencyTotals(Output):
    """The month's sums in one currency."""

    currency: str
    payouts: int
    gross: Decimal
    returned: Decimal
    fees: Decimal
    net: Decimal
    deposited: Decimal
    undeposited: Decimal

    @classmethod
    def of(cls, sums: Totals) -> Self:
        """Write one currency's sums."""
        return cls(
            currency=sums.currency,
            payouts=sums.payouts,
            gross=sums.gross,
            returned=sums.returned,
            fees=sums.fees,
            net=sums.net,
            deposited=sums.deposited,
            undeposited=sums.undeposited,
        )


class LooseMonth(Output):
    """A payment of the month that no payout carries yet."""

    id: str
    made_on: date
    status: str
    amount: Decimal
    currency: str
    in_freshbooks: bool

    @classmethod
    def of(cls, row: LoosePayment) -> Self:
        """Write one payment."""
        return cls(
            id=row.payment_id,
            made_on=row.made_on,
            status=row.status,
            amount=row.amount,
            currency=row.currency,
            in_freshbooks=row.in_freshbooks,
        )


class Reconciliation(Output):
    """A month: payments, the payouts that carry them, their fees, and the deposits."""

    month: str
    is_reconciled: bool
    payouts: list[PayoutMonth]
    totals: list[CurrencyTotals]
    payments_without_payout: list[LooseMonth]

    @classmethod
    def of(cls, report: MonthReport) -> Self:
        """Write a month."""
        return cls(
            month=f"{report.month:%Y-%m}",
            is_reconciled=report.is_reconciled,
            payouts=[PayoutMonth.of(row) for row in report.payouts],
            totals=[CurrencyTotals.of(sums) for sums in report.totals],
            payments_without_payout=[LooseMonth.of(row) for row in report.loose],
        )


class MonthQuery(Input):
    """Which month."""

    month: str = Field(
        pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="Such as 2026-03, by the days payouts arrive."
    )


@operations.add("GET", "/verifications", Scope.HISTORY_READ, {200: Verifications})
async def list_verifications(call: Call[NoInput, NoInput]) -> Reply:
    """List the latest comparisons with FreshBooks, newest first."""
    rows = await _proof(call).verifications(call.partner_id, LATEST)
    return Reply(body=Verifications(data=[Verification.of(row) for row in rows]))


@operations.add(
    "POST",
    "/verifications",
    Scope.CONNECTION_WRITE,
    {202: Accepted},
    body=VerificationIn,
    refusals=frozenset({409}),
)
async def verify_now(call: Call[NoInput, VerificationIn]) -> Reply:
    """Compare everything with FreshBooks now, beside all other work.

    Refused with 409 while a comparison is under way, or while FreshBooks is not connected.
    """
    if not await _proof(call).ask(call.partner_id, call.caller.who, call.now, repair=call.body.repair):
        raise Problem(409, "A comparison is under way already, or FreshBooks is not connected.")
    return Reply(body=Accepted(message="The comparison has been asked for; see /v1/verifications."), status=202)


@operations.add("GET", "/reconciliation", Scope.HISTORY_READ, {200: Reconciliation}, query=MonthQuery)
async def reconcile_month(call: Call[MonthQuery, NoInput]) -> Reply:
    """Reconcile a month: payouts with their fees and deposits, and what no payout carries yet."""
    month = date.fromisoformat(f"{call.query.month}-01")
    return Reply(body=Reconciliation.of(await _proof(call).month(call.partner_id, month)))


def _proof(call: Call[NoInput, NoInput] | Call[NoInput, VerificationIn] | Call[MonthQuery, NoInput]) -> Proof:
    proof = call.dashboard.proof
    if proof is None:
        raise Problem(404, "There is nothing here, or it is not yours to see.")
    return proof
