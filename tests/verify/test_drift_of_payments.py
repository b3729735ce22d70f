"""Drift of what is recorded in FreshBooks: our payments and deposits, and what rules prescribe of them (T1)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.actors.reread import reread_objects
from daemon.core.effects import RereadObjects
from daemon.core.verify import DriftKind, Outcome, outcome_of
from daemon.sandbox.chart import by_number
from daemon.sandbox.model import JournalEntry
from tests.verify.stand import BANK, SAVINGS, Stand, told

# ---- our payments ----------------------------------------------------------------------------------------------------


async def recorded(stand: Stand) -> tuple[int, Decimal]:
    """A payment of ours that stands in FreshBooks; its record and amount."""
    await stand.choose_accounts()
    invoice = stand.unpaid()
    await stand.pay(invoice.id, Decimal(40))
    await stand.settle()
    record = await stand.value("SELECT fb_payment_id FROM sync.push WHERE kind = 'payment' AND state = 'done'")
    await stand.pull()
    await stand.settle()
    return record, Decimal(40)


async def test_a_recorded_payment_is_no_drift(stand: Stand) -> None:
    await recorded(stand)
    report = await stand.verify()
    assert (outcome_of(report), told(report)) == (Outcome.EQUAL, [])
    assert report.read["entries"] == 1  # its move to the payments account


async def test_a_payment_of_ours_that_is_missing_in_freshbooks_is_found(stand: Stand) -> None:
    record, _ = await recorded(stand)
    stand.book("payment.update", record, {"vis_state": 1})
    await stand.pull()
    await stand.settle()
    report = await stand.verify()
    assert [drift.kind for drift in report.drifts] == [DriftKind.MISSING_THERE]
    assert report.drifts[0].subject == ("payment", "pay_1")


async def test_a_payment_of_ours_that_is_doubled_is_found(stand: Stand) -> None:
    record, _ = await recorded(stand)
    twin = stand.books().payments.find(record)
    body = {"invoiceid": twin.invoice_id, "amount": {"amount": "5.00"}, "date": "2026-03-02", "type": "Check"}
    stand.book("payment.create", None, {**body, "note": twin.note})
    await stand.pull()
    await stand.settle()
    report = await stand.verify()
    assert (DriftKind.DOUBLED, ("payment", "pay_1")) in [(drift.kind, drift.subject) for drift in report.drifts]


async def test_a_look_alike_typed_in_by_hand_is_listed_and_no_drift(stand: Stand) -> None:
    record, amount = await recorded(stand)
    ours = stand.books().payments.find(record)
    day = ours.date.isoformat()
    body = {"invoiceid": ours.invoice_id, "amount": {"amount": str(amount)}, "date": day, "type": "Check"}
    twin = stand.book("payment.create", None, body)
    await stand.pull()
    await stand.settle()
    report = await stand.verify()
    assert outcome_of(report) is Outcome.EQUAL, told(report)
    assert any(f"#{twin.id}" in ruled.detail for ruled in report.examples)


async def test_a_record_that_names_an_unknown_payment_is_an_orphan(stand: Stand) -> None:
    invoice = stand.unpaid()
    body = {"invoiceid": invoice.id, "amount": {"amount": "5.00"}, "date": "2026-03-02", "type": "Check"}
    stray = stand.book("payment.create", None, {**body, "note": "please keep this reference: AP:pay_77:1"})
    await stand.pull()
    await stand.settle()
    report = await stand.verify()
    assert [(drift.kind, drift.subject) for drift in report.drifts] == [(DriftKind.ORPHAN, ("payments", str(stray.id)))]


async def test_a_payment_that_was_never_queued_is_found(stand: Stand) -> None:
    await stand.pay(stand.unpaid().id, Decimal(40))
    await stand.execute("DELETE FROM sync.push")
    report = await stand.verify()
    assert (DriftKind.MISSING_THERE, ("payment", "pay_1")) in [(drift.kind, drift.subject) for drift in report.drifts]


async def test_an_invoice_that_waits_to_be_read_again_is_no_drift(stand: Stand) -> None:
    await stand.pay(stand.unpaid().id, Decimal(40))
    report = await stand.verify()
    assert (outcome_of(report), told(report)) == (Outcome.EQUAL, [])
    assert report.rules.get("P1") == 1, report.rules


async def test_payments_on_their_way_are_listed_under_their_rule(stand: Stand) -> None:
    await stand.pay(stand.unpaid().id, Decimal(40))  # no accounts are chosen
    await reread_objects(stand.world, stand.line(), RereadObjects(scope=stand.scope), stand.policy.pull)
    report = await stand.verify()
    assert (outcome_of(report), told(report)) == (Outcome.EQUAL, [])
    assert report.rules.get("W1") == 1, report
    assert "pay_1" in " ".join(ruled.detail for ruled in report.examples)


# ---- deposits --------------------------------------------------------------------------------------------------------


async def deposited(stand: Stand) -> None:
    await recorded(stand)
    await stand.set_status("pay_1", "succeeded")
    await stand.pay_out(Decimal(38), ("m1", "payment", "pay_1", Decimal(40)), ("m2", "fee", None, Decimal(-2)))
    await stand.settle()
    assert await stand.value("SELECT state FROM sync.push WHERE kind = 'payout'") == "done"


def journal_entry(stand: Stand, marker: str) -> JournalEntry:
    stand.books().journal.page(1, 1)
    sources = [entry.source for entry in stand.books().journal.entries]
    return next(row for row in sources if isinstance(row, JournalEntry) and marker in row.description)


async def test_a_deposit_as_it_was_recorded_is_no_drift(stand: Stand) -> None:
    await deposited(stand)
    report = await stand.verify()
    assert (outcome_of(report), told(report)) == (Outcome.EQUAL, [])
    assert report.read["entries"] == 2


async def test_a_deposit_that_is_missing_in_freshbooks_is_found(stand: Stand) -> None:
    await deposited(stand)
    entry = journal_entry(stand, "APO:po_1:1")
    stand.books().journal.entries[:] = [row for row in stand.books().journal.entries if row.source is not entry]
    report = await stand.verify()
    assert [(drift.kind, drift.subject) for drift in report.drifts] == [(DriftKind.MISSING_THERE, ("payout", "po_1"))]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("jsonb_set(entry, '{lines,0,legacy_id}', '1')", DriftKind.WRONG_ACCOUNT),
        ("jsonb_set(entry, '{lines,0,amount}', '\"37\"')", DriftKind.DIFFERENT),
    ],
)
async def test_a_deposit_on_another_account_or_of_another_amount_is_found(
    change: str, kind: DriftKind, stand: Stand
) -> None:
    await deposited(stand)
    await stand.execute(f"UPDATE sync.push SET entry = {change} WHERE kind = 'payout'")  # noqa: S608
    report = await stand.verify()
    assert kind in [drift.kind for drift in report.drifts], told(report)


async def test_an_orphan_and_a_doubled_deposit_are_found(stand: Stand) -> None:
    await deposited(stand)
    entry = journal_entry(stand, "APO:po_1:1")
    stand.books().journal.enter(entry)
    bank, savings = (by_number(stand.books(), number).legacy_id for number in (BANK, SAVINGS))
    stand.book(
        "journal_entry.create",
        None,
        {
            "name": "Deposit",
            "description": "APO:po_9:1",
            "user_entered_date": entry.day.isoformat(),
            "currency_code": "USD",
            "details": [{"sub_accountid": bank, "debit": "9.00"}, {"sub_accountid": savings, "credit": "9.00"}],
        },
    )
    report = await stand.verify()
    assert {drift.kind for drift in report.drifts} == {DriftKind.DOUBLED, DriftKind.ORPHAN}


async def test_a_payout_whose_sums_no_longer_add_up_is_found(stand: Stand) -> None:
    await deposited(stand)
    await stand.execute("UPDATE platform.payout_member SET amount = -3 WHERE member = 'm2'")
    report = await stand.verify()
    assert [drift.kind for drift in report.drifts] == [DriftKind.SUM_DIFFERS]


# ---- what rules prescribe --------------------------------------------------------------------------------------------


async def test_books_that_differ_only_as_p5_p6_and_w2_prescribe_show_no_drift(stand: Stand) -> None:
    record, _ = await recorded(stand)
    paid = await stand.value("SELECT invoice_id FROM sync.invoice WHERE frozen_at IS NOT NULL ORDER BY 1 LIMIT 1")
    hidden = stand.unpaid(1)
    stand.book("invoice.update", paid, {"notes": "changed after it was paid", "po_number": "7"})
    stand.book("invoice.update", hidden.id, {"vis_state": 1})
    await stand.set_status("pay_1", "failed")
    await stand.pull()
    await stand.settle()
    report = await stand.verify()
    assert (outcome_of(report), told(report)) == (Outcome.EQUAL, [])
    assert set(report.rules) >= {"P6", "W2"}, report.rules
    assert stand.books().payments.find(record).vis_state == 0


async def test_an_edit_after_payment_that_changes_what_is_owed_is_listed_under_p5(stand: Stand) -> None:
    frozen = await stand.value("SELECT invoice_id FROM sync.invoice WHERE frozen_at IS NOT NULL ORDER BY 1 LIMIT 1")
    line = {"name": "More", "qty": "1", "unit_cost": {"amount": "11.00"}}
    stand.book("invoice.update", frozen, {"lines": [line]})
    await stand.pull()
    await stand.settle()
    report = await stand.verify()
    assert (outcome_of(report), told(report)) == (Outcome.EQUAL, [])
    assert report.rules.get("P5") == 1, report.rules


async def test_what_changed_in_freshbooks_since_the_last_look_is_listed_under_p1(stand: Stand) -> None:
    stand.clock.at += timedelta(hours=1)
    invoice = stand.unpaid()
    stand.book("invoice.update", invoice.id, {"notes": "new"})
    report = await stand.verify()
    assert outcome_of(report) is Outcome.EQUAL, told(report)
