"""The page's unmarked rows as switches, each off and on over the sandbox's books (O1-O3)."""

from typing import Any

import pytest

from tests.verify.stand import Stand
from tests.verify.test_drift_of_payments import recorded


async def switch(stand: Stand, option: str) -> None:
    await stand.execute("UPDATE sync.connection SET options = options || jsonb_build_object($1::text, true)", option)


async def seen(stand: Stand, invoice_id: int) -> Any:
    async with stand.pool.connection() as connection:
        return await connection.fetchrow("SELECT * FROM platform.invoice WHERE invoice_id = $1", invoice_id)


async def read(stand: Stand) -> None:
    await stand.pull()
    await stand.settle()


@pytest.mark.parametrize("state", [1, 2], ids=["deleted", "archived"])
async def test_o1_off_an_invoice_archived_or_deleted_in_freshbooks_is_not_archived_here(
    state: int, stand: Stand
) -> None:
    invoice = stand.unpaid()
    stand.book("invoice.update", invoice.id, {"vis_state": state})
    await read(stand)
    row = await seen(stand, invoice.id)
    assert (row["status"], row["archived_at"]) == ("outstanding", None)
    assert row["deleted_in_freshbooks"] or row["archived_in_freshbooks"]


@pytest.mark.parametrize("state", [1, 2], ids=["deleted", "archived"])
async def test_o1_on_it_is_archived_here_and_comes_back_with_freshbooks_or_the_switch(state: int, stand: Stand) -> None:
    invoice = stand.unpaid()
    await switch(stand, "mirror_invoices")
    stand.book("invoice.update", invoice.id, {"vis_state": state})
    await read(stand)
    row = await seen(stand, invoice.id)
    assert (row["status"], row["payable"], row["not_payable_reason"]) == ("archived", False, "archived")
    assert row["archived_at"] is not None
    await stand.execute("UPDATE sync.connection SET options = '{}'")
    assert (await seen(stand, invoice.id))["archived_at"] is None
    await switch(stand, "mirror_invoices")
    stand.book("invoice.update", invoice.id, {"vis_state": 0})
    await read(stand)
    assert (await seen(stand, invoice.id))["status"] == "outstanding"


async def test_o1_on_an_invoice_with_a_payment_that_is_processing_waits_for_it(stand: Stand) -> None:
    await switch(stand, "mirror_invoices")
    await recorded(stand)
    invoice_id = await stand.value("SELECT invoice_id FROM platform.payment")
    stand.book("invoice.update", invoice_id, {"vis_state": 2})
    await read(stand)
    assert (await seen(stand, invoice_id))["archived_at"] is None
    await stand.set_status("pay_1", "succeeded")
    assert (await seen(stand, invoice_id))["archived_at"] is not None


async def test_o2_customers_follow_freshbooks_only_while_switched_on(stand: Stand) -> None:
    client = next(row for row in stand.books().clients if row.vis_state == 0)
    stand.book("client.update", client.id, {"vis_state": 2})
    await read(stand)
    archived = "SELECT archived_at IS NOT NULL FROM platform.customer WHERE customer_id = $1"
    assert not await stand.value(archived, client.id)
    await switch(stand, "mirror_customers")
    assert await stand.value(archived, client.id)
    others = "SELECT count(*) FROM platform.customer WHERE archived_at IS NOT NULL AND NOT (deleted_in_freshbooks"
    assert await stand.value(f"{others} OR archived_in_freshbooks)") == 0


async def paid_by_hand(stand: Stand) -> tuple[int, int]:
    """An invoice that a bookkeeper's payment paid whole; it is frozen here."""
    invoice = stand.unpaid()
    due = stand.due(invoice)
    body = {"invoiceid": invoice.id, "amount": {"amount": str(due)}, "date": "2026-03-02", "type": "Check"}
    typed = stand.book("payment.create", None, body)
    await read(stand)
    assert (await seen(stand, invoice.id))["status"] == "paid"
    return invoice.id, typed.id


async def test_o3_off_a_typed_payment_deleted_in_freshbooks_does_not_reopen_the_invoice(stand: Stand) -> None:
    invoice_id, typed = await paid_by_hand(stand)
    stand.book("payment.update", typed, {"vis_state": 1})
    await read(stand)
    row = await seen(stand, invoice_id)
    assert (row["status"], row["amount_due"]) == ("paid", 0)
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE kind = 'paid_invoice_changed'") == 1


async def test_o3_on_a_typed_payment_deleted_in_freshbooks_reopens_the_invoice(stand: Stand) -> None:
    await switch(stand, "delete_payments")
    invoice_id, typed = await paid_by_hand(stand)
    stand.book("payment.update", typed, {"vis_state": 1})
    await read(stand)
    row = await seen(stand, invoice_id)
    assert row["status"] == "outstanding"
    assert row["amount_due"] == stand.due(stand.books().invoices.find(invoice_id))
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE closed_at IS NULL") == 0


async def test_o3_on_a_raised_total_of_a_paid_invoice_does_not_reopen_it(stand: Stand) -> None:
    await switch(stand, "delete_payments")
    invoice_id, _ = await paid_by_hand(stand)
    line = {"name": "More", "qty": "1", "unit_cost": {"amount": "9999.00"}}
    stand.book("invoice.update", invoice_id, {"lines": [line]})
    await read(stand)
    assert (await seen(stand, invoice_id))["amount_due"] == 0


async def test_o3_on_ours_deleted_in_freshbooks_stays_subtracted(stand: Stand) -> None:
    await switch(stand, "delete_payments")
    record, _ = await recorded(stand)
    invoice_id = await stand.value("SELECT invoice_id FROM platform.payment")
    due = (await seen(stand, invoice_id))["amount_due"]
    stand.book("payment.update", record, {"vis_state": 1})
    await read(stand)
    assert (await seen(stand, invoice_id))["amount_due"] == due


async def test_o3_off_a_payment_that_failed_stays_in_freshbooks(stand: Stand) -> None:
    record, _ = await recorded(stand)
    await stand.set_status("pay_1", "failed")
    await read(stand)
    assert stand.books().payments.find(record).vis_state == 0
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE kind = 'revert_failed_payment'") == 1


async def test_o3_on_a_payment_that_failed_is_deleted_in_freshbooks_audited(stand: Stand) -> None:
    await switch(stand, "delete_payments")
    record, amount = await recorded(stand)
    invoice_id = await stand.value("SELECT invoice_id FROM platform.payment")
    before = (await seen(stand, invoice_id))["amount_due"]
    await stand.set_status("pay_1", "failed")
    await read(stand)
    assert stand.books().payments.find(record).vis_state == 1
    assert (await seen(stand, invoice_id))["amount_due"] == before + amount
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE closed_at IS NULL") == 0
    assert await stand.value("SELECT count(*) FROM sync.audit WHERE what = 'payment deleted in FreshBooks'") == 1


@pytest.mark.parametrize("change", [{"amount": {"amount": "39.00"}}, {"note": "checked by Ann"}])
async def test_o3_on_a_payment_that_somebody_changed_is_left_to_a_person(change: dict[str, Any], stand: Stand) -> None:
    await switch(stand, "delete_payments")
    record, _ = await recorded(stand)
    stand.book("payment.update", record, change)
    await stand.set_status("pay_1", "failed")
    await read(stand)
    assert stand.books().payments.find(record).vis_state == 0
    assert await stand.value("SELECT count(*) FROM sync.issue WHERE kind = 'revert_failed_payment'") == 1
