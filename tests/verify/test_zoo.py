"""The drift zoo: every kind of drift, planted by hand; each is found, named, and mended or listed (T1)."""

from dataclasses import dataclass

import pytest

from daemon.core.verify import DriftKind, Outcome, VerifyMode, outcome_of
from tests.verify.stand import PARTNER, Stand, told

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


async def test_a_quick_verification_finds_what_its_sample_draws_and_records_its_seed(stand: Stand) -> None:
    await stand.execute("UPDATE sync.fb_payment SET amount = amount + 1")
    report = await stand.verify(VerifyMode.QUICK)
    assert outcome_of(report) is Outcome.DRIFT
    row = (await stand.world.verify.verifications(PARTNER, 1))[0]  # type: ignore[attr-defined]
    assert (row.ask.mode, row.ask.seed, row.outcome) == (VerifyMode.QUICK, 7, Outcome.DRIFT)
