"""The drift zoo: every kind of drift, planted by hand; each is found, named, and mended or listed (T1)."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.actors.pull import reread_objects
from daemon.core.effects import RereadObjects
from daemon.core.verify import DriftKind, Outcome, Report, VerifyMode, outcome_of
from daemon.sandbox.chart import by_number
from daemon.sandbox.model import JournalEntry
from tests.verify.stand import BANK, PARTNER, SAVINGS, Stand

ONE = {
    "sync.invoice": "(SELECT invoice_id FROM sync.invoice WHERE status = 'outstanding' ORDER BY 1 LIMIT 1)",
    "sync.fb_payment": "(SELECT fb_payment_id FROM sync.fb_payment ORDER BY 1 LIMIT 1)",
    "sync.customer": "(SELECT customer_id FROM sync.customer ORDER BY 1 LIMIT 1)",
    "sync.credit": "(SELECT credit_id FROM sync.credit ORDER BY 1 LIMIT 1)",
}
KEY = {"sync.invoice": "invoice_id", "sync.fb_payment": "fb_payment_id", "sync.customer": "customer_id"} | {
    "sync.credit": "credit_id"
}


@dataclass(frozen=True)
class Animal:
    """One drift on our side: how it is planted, and what a verification must say of it."""

    table: str
    plant: str
    kind: DriftKind
    words: str
    tame: bool = True
    """Whether `--repair` mends it."""


def planted(animal: Animal) -> str:
    return animal.plant.format(one=f"{KEY[animal.table]} = {ONE[animal.table]}", table=animal.table)


SET = "UPDATE {table} SET "
ANIMALS = {
    "an invoice is missing here": Animal(
        "sync.invoice", "DELETE FROM {table} WHERE {one}", DriftKind.MISSING_HERE, "not stored here"
    ),
    "an invoice is not in FreshBooks": Animal(
        "sync.invoice", SET + "invoice_id = 999999999 WHERE {one}", DriftKind.EXTRA_HERE, "no such record", tame=False
    ),
    "an invoice's total": Animal("sync.invoice", SET + "total = total + 1 WHERE {one}", DriftKind.DIFFERENT, "total"),
    "an invoice's due date": Animal(
        "sync.invoice", SET + "due_on = due_on + 1 WHERE {one}", DriftKind.DIFFERENT, "due date"
    ),
    "an invoice's issue date": Animal(
        "sync.invoice", SET + "issued_on = issued_on + 1 WHERE {one}", DriftKind.DIFFERENT, "issue date"
    ),
    "an invoice's number": Animal("sync.invoice", SET + "number = 'x' WHERE {one}", DriftKind.DIFFERENT, "number"),
    "an invoice's customer": Animal(
        "sync.invoice", SET + "customer_id = customer_id + 1 WHERE {one}", DriftKind.DIFFERENT, "customer"
    ),
    "an invoice's currency": Animal(
        "sync.invoice", SET + "currency = 'CAD' WHERE {one}", DriftKind.DIFFERENT, "currency"
    ),
    "an invoice's line": Animal(
        "sync.invoice",
        "UPDATE sync.line_item SET amount = amount + 1 WHERE position = 0 AND {one}",
        DriftKind.DIFFERENT,
        "lines",
    ),
    "a line of an invoice is missing": Animal(
        "sync.invoice", "DELETE FROM sync.line_item WHERE position = 0 AND {one}", DriftKind.DIFFERENT, "lines"
    ),
    "an invoice's amount due": Animal(
        "sync.invoice", SET + "amount_due = amount_due - 1 WHERE {one}", DriftKind.DIFFERENT, "amount due"
    ),
    "an invoice's status": Animal("sync.invoice", SET + "status = 'paid' WHERE {one}", DriftKind.DIFFERENT, "status"),
    "an invoice that must be payable": Animal(
        "sync.invoice", SET + "not_payable = 'disputed' WHERE {one}", DriftKind.DIFFERENT, "payable"
    ),
    "an invoice's visibility": Animal(
        "sync.invoice", SET + "vis_state = 1 WHERE {one}", DriftKind.DIFFERENT, "visibility"
    ),
    "a stale freeze": Animal(
        "sync.invoice",
        SET + "frozen_at = now(), frozen_other = 0 WHERE {one}",
        DriftKind.STALE_FREEZE,
        "frozen as paid, and it is not paid",
    ),
    "a lost freeze": Animal(
        "sync.invoice",
        "UPDATE sync.invoice SET frozen_at = NULL, frozen_other = NULL WHERE invoice_id ="
        " (SELECT invoice_id FROM sync.invoice WHERE frozen_at IS NOT NULL ORDER BY 1 LIMIT 1)",
        DriftKind.STALE_FREEZE,
        "is paid, and it is not frozen",
    ),
    "frozen terms that were changed here": Animal(
        "sync.invoice",
        "UPDATE sync.invoice SET total = total + 1, amount_due = amount_due + 1 WHERE invoice_id ="
        " (SELECT invoice_id FROM sync.invoice WHERE frozen_at IS NOT NULL ORDER BY 1 LIMIT 1)",
        DriftKind.DIFFERENT,
        "changed here after it was paid: total",
    ),
    "a frozen description that was changed here": Animal(
        "sync.invoice",
        "UPDATE sync.invoice SET description = 'x' WHERE invoice_id ="
        " (SELECT invoice_id FROM sync.invoice WHERE frozen_at IS NOT NULL ORDER BY 1 LIMIT 1)",
        DriftKind.DIFFERENT,
        "changed here after it was paid",
    ),
    "a payment is missing here": Animal(
        "sync.fb_payment", "DELETE FROM {table} WHERE {one}", DriftKind.MISSING_HERE, "not stored here"
    ),
    "a payment's amount": Animal(
        "sync.fb_payment", SET + "amount = amount + 1 WHERE {one}", DriftKind.DIFFERENT, "amount"
    ),
    "a payment's date": Animal(
        "sync.fb_payment", SET + "paid_on = paid_on + 1 WHERE {one}", DriftKind.DIFFERENT, "date"
    ),
    "a payment is not in FreshBooks": Animal(
        "sync.fb_payment",
        SET + "fb_payment_id = 999999999 WHERE {one}",
        DriftKind.EXTRA_HERE,
        "no such record",
        tame=False,
    ),
    "a customer's e-mail": Animal(
        "sync.customer", SET + "email = 'eve@evil.example' WHERE {one}", DriftKind.DIFFERENT, "email"
    ),
    "a customer is missing here": Animal(
        "sync.customer", "DELETE FROM {table} WHERE {one}", DriftKind.MISSING_HERE, "not stored here"
    ),
    "a credit's amount": Animal("sync.credit", SET + "amount = amount + 1 WHERE {one}", DriftKind.DIFFERENT, "amount"),
    "a credit is missing here": Animal(
        "sync.credit", "DELETE FROM {table} WHERE {one}", DriftKind.MISSING_HERE, "not stored here"
    ),
}


def told(report: Report) -> list[tuple[DriftKind, str]]:
    return [(drift.kind, drift.detail) for drift in report.drifts]


async def test_books_that_are_equal_show_no_drift(stand: Stand) -> None:
    report = await stand.verify()
    assert (outcome_of(report), report.drifts, report.unread) == (Outcome.EQUAL, (), ())
    assert report.read["invoices"] == len(list(stand.books().invoices))
    assert report.read["payments"] == len(list(stand.books().payments))
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE kind = 'drift'") == 0


@pytest.mark.parametrize("name", ANIMALS)
async def test_drift_on_our_side_is_found_named_and_mended_or_listed(name: str, stand: Stand) -> None:
    animal = ANIMALS[name]
    await stand.execute(planted(animal))
    report = await stand.verify(repair=True)
    assert outcome_of(report) is Outcome.DRIFT
    assert any(kind is animal.kind and animal.words in detail for kind, detail in told(report)), told(report)
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE kind = 'drift' AND closed_at IS NULL") == 1
    await stand.settle()
    if animal.table == "sync.credit":
        await stand.pull()
    again = await stand.verify()
    assert (outcome_of(again) is Outcome.EQUAL) is animal.tame, told(again)
    still_open = await stand.value("SELECT count(*) FROM sync.issue WHERE kind = 'drift' AND closed_at IS NULL")
    assert still_open == (0 if animal.tame else 1)


async def test_without_repair_nothing_is_changed(stand: Stand) -> None:
    await stand.execute(planted(ANIMALS["an invoice's total"]))
    first = await stand.verify()
    await stand.settle()
    assert told(await stand.verify()) == told(first)
    assert await stand.value("SELECT count(*) FROM sync.audit") == 0


async def test_freshbooks_is_never_written_by_a_repair(stand: Stand) -> None:
    await stand.execute(planted(ANIMALS["an invoice's total"]))
    asked = len(stand.caller.asked)
    await stand.verify(repair=True)
    await stand.settle()
    assert {call.method for call in stand.caller.asked[asked:]} == {"GET"}
    line = await stand.value("SELECT what FROM sync.audit WHERE who = 'Ann'")
    assert line == "had what differs taken from FreshBooks again"


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


# ---- quick -----------------------------------------------------------------------------------------------------------


async def test_a_quick_verification_finds_what_its_sample_draws_and_records_its_seed(stand: Stand) -> None:
    await stand.execute("UPDATE sync.fb_payment SET amount = amount + 1")
    report = await stand.verify(VerifyMode.QUICK)
    assert outcome_of(report) is Outcome.DRIFT
    row = (await stand.world.verify.verifications(PARTNER, 1))[0]  # type: ignore[attr-defined]
    assert (row.ask.mode, row.ask.seed, row.outcome) == (VerifyMode.QUICK, 7, Outcome.DRIFT)
