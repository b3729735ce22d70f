"""A month's reconciliation: sums at every level, and what is not in the books yet (W6)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from daemon.core.deposit_rules import Member, MemberKind
from daemon.core.journal import JournalDraft, JournalLine
from daemon.core.model import PaymentId, PayoutId, PushState
from daemon.core.reconciliation import (
    LoosePayment,
    MonthPayout,
    MonthReport,
    Totals,
    month_before,
    month_of,
    next_month,
    report_lines,
)

MARCH = date(2026, 3, 1)


def part(kind: str, amount: int, payment: str | None = None) -> Member:
    found = PaymentId(payment) if payment else None
    return Member(id=f"{kind}{amount}", kind=MemberKind(kind), amount=Decimal(amount), payment_id=found)


def draft(bank: int) -> JournalDraft:
    lines = (
        JournalLine(account_id="bank", legacy_id=1, amount=Decimal(bank)),
        JournalLine(account_id="payments", legacy_id=2, amount=Decimal(-bank)),
    )
    return JournalDraft(name="n", description="d", entered_on=MARCH, currency="USD", lines=lines)


PAYOUT = MonthPayout(
    payout_id=PayoutId("po_1"),
    status="succeeded",
    paid_on=MARCH,
    currency="USD",
    net=Decimal(176),
    members=(part("payment", 300, "pay_1"), part("chargeback", -100, "pay_0"), part("fee", -15), part("fee", -9)),
    state=PushState.DONE,
    entry_id="5001",
    draft=draft(176),
)


def test_a_payout_adds_up_from_its_parts_to_its_deposit() -> None:
    assert [PAYOUT.gross, PAYOUT.returned, PAYOUT.fees] == [300, -100, -24]
    assert PAYOUT.deposited == PAYOUT.net == 176
    assert PAYOUT.is_reconciled
    assert not replace(PAYOUT, net=Decimal(175)).is_reconciled
    assert not replace(PAYOUT, draft=draft(170)).is_reconciled


def test_a_payout_without_a_deposit_is_not_in_the_books() -> None:
    for row in (replace(PAYOUT, state=PushState.WAITING), replace(PAYOUT, draft=None), replace(PAYOUT, state=None)):
        assert row.deposited is None
        assert not row.is_reconciled


def test_a_payout_of_nothing_deposits_nothing() -> None:
    nothing = replace(PAYOUT, net=Decimal(0), members=(part("payment", 24), part("fee", -24)))
    assert nothing.deposited == 0
    assert nothing.is_reconciled


def test_a_month_sums_what_succeeded_by_currency() -> None:
    waiting = replace(PAYOUT, payout_id=PayoutId("po_2"), state=PushState.WAITING)
    failed = replace(waiting, payout_id=PayoutId("po_3"), status="failed")
    foreign = replace(PAYOUT, payout_id=PayoutId("po_4"), currency="CAD")
    report = MonthReport(month=MARCH, payouts=(PAYOUT, waiting, failed, foreign))
    cad, usd = report.totals
    assert (cad.currency, cad.payouts) == ("CAD", 1)
    assert cad.net == cad.deposited == 176
    assert usd == Totals(
        currency="USD",
        payouts=2,
        gross=Decimal(600),
        returned=Decimal(-200),
        fees=Decimal(-48),
        net=Decimal(352),
        deposited=Decimal(176),
        undeposited=Decimal(176),
    )
    assert not report.is_reconciled
    assert MonthReport(month=MARCH, payouts=(PAYOUT, failed)).is_reconciled


def test_the_table_holds_every_part_every_sum_and_what_is_in_no_payout() -> None:
    loose = LoosePayment(
        payment_id="pay_9", made_on=MARCH, status="processing", amount=Decimal(5), currency="USD", in_freshbooks=True
    )
    waiting = replace(PAYOUT, payout_id=PayoutId("po_2"), state=PushState.WAITING, entry_id=None)
    lines = list(report_lines(MonthReport(month=MARCH, payouts=(PAYOUT, waiting), loose=(loose,))))
    assert {len(line) for line in lines} == {9}
    assert lines[1] == ("part", "po_1", "2026-03-01", "payment", "pay_1", "300", "USD", "", "")
    assert ("payout", "po_1", "2026-03-01", "deposit", "", "176", "USD", "5001", "deposited") in lines
    assert ("payout", "po_2", "2026-03-01", "deposit", "", "", "USD", "", "no deposit") in lines
    assert ("month", "", "2026-03", "undeposited", "", "176", "USD", "", "") in lines
    assert lines[-1] == ("no payout yet", "", "2026-03-01", "payment", "pay_9", "5", "USD", "", "processing")


def test_months_follow_one_another() -> None:
    today = date(2026, 12, 31)
    assert month_of("", today) == date(2026, 12, 1)
    assert month_of("2026-03", today) == MARCH
    assert month_of("march", today) is None
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert month_before(MARCH) == date(2026, 2, 1)
