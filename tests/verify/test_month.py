"""A month's reconciliation equals FreshBooks' own journal to the cent (W6)."""

from decimal import Decimal

from daemon.adapters.postgres.report_store import ReportStore
from tests.verify.stand import BANK, FEES, PARTNER, PETTY, SAVINGS, START, Stand


async def test_the_sums_of_a_month_equal_freshbooks_journal_to_the_cent(stand: Stand) -> None:
    before = {number: stand.books().journal.balance(number, "USD") for number in (BANK, FEES, SAVINGS, PETTY)}
    await stand.choose_accounts()
    for place, amount in enumerate(("40.10", "33.33", "21.07")):
        await stand.pay(stand.unpaid(place).id, Decimal(amount), f"pay_{place}")
    await stand.settle()
    for place in range(3):
        await stand.set_status(f"pay_{place}", "succeeded")
    await stand.pay_out(
        Decimal("70.84"),
        ("a", "payment", "pay_0", Decimal("40.10")),
        ("b", "payment", "pay_1", Decimal("33.33")),
        ("c", "fee", None, Decimal("-2.59")),
    )
    await stand.set_status("pay_1", "chargeback")
    await stand.pay_out(
        Decimal("-13.51"),
        ("a", "payment", "pay_2", Decimal("21.07")),
        ("b", "chargeback", "pay_1", Decimal("-33.33")),
        ("c", "fee", None, Decimal("-1.25")),
        payout_id="po_2",
    )
    await stand.settle()
    report = await ReportStore(stand.pool).month(PARTNER, START.date().replace(day=1))
    (sums,) = report.totals
    moved = {number: stand.books().journal.balance(number, "USD") - before[number] for number in before}
    assert report.is_reconciled, report
    assert (sums.gross, sums.returned, sums.fees, sums.net) == tuple(
        map(Decimal, ("94.50", "-33.33", "-3.84", "57.33"))
    )
    assert sums.gross + sums.returned + sums.fees == sums.net == sums.deposited
    assert moved[BANK] == sums.deposited
    assert moved[FEES] == -sums.fees
    # All that came in went on to the bank and the fees, but for what was given back and must be reverted by hand.
    assert moved[SAVINGS] + moved[PETTY] == Decimal("94.50") - sums.gross - sums.returned
    assert report.loose == ()


async def test_a_payment_that_no_payout_carries_yet_is_listed(stand: Stand) -> None:
    await stand.pay(stand.unpaid().id, Decimal(40))
    report = await ReportStore(stand.pool).month(PARTNER, START.date().replace(day=1))
    assert [(loose.payment_id, loose.in_freshbooks) for loose in report.loose] == [("pay_1", False)]
    assert report.loose[0].amount == 40
    assert report.totals == ()
