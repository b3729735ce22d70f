"""The check's second half: money and edits on both sides (P2-P8, W1-W7)."""

from decimal import Decimal
from typing import Any

from daemon.demo.scene import NotShown, Scene, until

PUSHED_WITHIN_S = 2.0
PULLED_WITHIN_S = 15.0
CENT = Decimal("0.01")


async def pay_in_ap(scene: Scene) -> str:
    """A customer pays on the platform: FreshBooks shows the payment within two seconds, once, with its marker."""
    (invoice_id,) = await scene.unpaid(1)
    due = (await scene.invoice(invoice_id))["amount_due"]
    payment_id = await scene.pay(invoice_id, due)
    payment = await recorded(scene, invoice_id, payment_id)
    if (payment["type"], Decimal(payment["amount"]["amount"])) != ("Credit Card", due):
        raise NotShown(f"FreshBooks shows {payment['type']} {payment['amount']} instead of Credit Card {due}")

    async def look() -> bool:
        row = await scene.invoice(invoice_id)
        return bool(row["status"] == "paid" and row["amount_due"] == 0)

    await until("the invoice paid on the platform", look, PULLED_WITHIN_S)
    live = [row for row in await scene.fb_payments(invoice_id) if row["vis_state"] == 0]
    if len(live) != 1:
        raise NotShown(f"FreshBooks shows {len(live)} payments instead of one")
    return f"{payment_id} is payment {payment['id']} in FreshBooks"


async def pay_in_freshbooks(scene: Scene) -> str:
    """The bookkeeper records a cheque: the invoice is paid on the platform."""
    (invoice_id,) = await scene.unpaid(1)
    await scene.book(f"invoices/{invoice_id}/pay", {})

    async def look() -> bool:
        return bool((await scene.invoice(invoice_id))["status"] == "paid")

    await until("paid on the platform", look, PULLED_WITHIN_S)
    return f"invoice {invoice_id} was paid by cheque in FreshBooks and is paid on the platform"


async def edit_unpaid(scene: Scene) -> str:
    """The bookkeeper changes amount and due date of an unpaid invoice: both change on the platform."""
    (invoice_id,) = await scene.unpaid(1)
    before = await scene.invoice(invoice_id)
    await _change_amount(scene, invoice_id, Decimal(1000))
    await _edit(scene, invoice_id, {"due_offset_days": 77})

    async def look() -> bool:
        row = await scene.invoice(invoice_id)
        return bool(row["total"] != before["total"] and row["due_on"] != before["due_on"])

    await until("the change on the platform", look, PULLED_WITHIN_S)
    after = await scene.invoice(invoice_id)
    if after["amount_due"] != after["total"]:
        raise NotShown(f"the amount due is {after['amount_due']} of {after['total']}")
    return (
        f"invoice {invoice_id}: {before['total']} due {before['due_on']} became {after['total']} due {after['due_on']}"
    )


async def edit_paid(scene: Scene) -> str:
    """The bookkeeper changes a paid invoice: the platform keeps it, and the history says what was ignored."""
    (invoice_id,) = await scene.unpaid(1)
    await scene.book(f"invoices/{invoice_id}/pay", {})

    async def frozen() -> bool:
        return bool((await scene.invoice(invoice_id))["frozen_at"])

    await until("the freeze", frozen, PULLED_WITHIN_S)
    before = await scene.invoice(invoice_id)
    await _change_amount(scene, invoice_id, Decimal(500))

    async def noticed() -> int:
        count = await scene.database.fetchval(
            "SELECT count(*) FROM sync.invoice_history WHERE partner_id = $1 AND invoice_id = $2 AND ignored",
            scene.partner_id,
            invoice_id,
        )
        return int(count)

    await until("the ignored edit in the history", noticed, PULLED_WITHIN_S)
    after = await scene.invoice(invoice_id)
    if (after["total"], after["amount_due"], after["status"]) != (before["total"], 0, "paid"):
        raise NotShown(f"a paid invoice changed to {after['total']}, {after['amount_due']} due, {after['status']}")
    return f"invoice {invoice_id} stays at {after['total']}, paid; the edit stands in its history"


async def delete_in_freshbooks(scene: Scene) -> str:
    """The bookkeeper deletes an invoice: the platform flags it, does not archive it, and will not have it paid."""
    (invoice_id,) = await scene.unpaid(1)
    await scene.book(f"invoices/{invoice_id}/delete", {})

    async def flagged() -> bool:
        return bool((await scene.invoice(invoice_id))["deleted_in_freshbooks"])

    await until("the flag on the platform", flagged, PULLED_WITHIN_S)
    row = await scene.invoice(invoice_id)
    if row["status"] == "archived" or row["payable"]:
        raise NotShown(f"a deleted invoice is {row['status']}, payable: {row['payable']}")
    return f"invoice {invoice_id} is flagged, not archived, and not payable"


async def partial_and_credit(scene: Scene) -> str:
    """A part payment and a credit in FreshBooks lower the amount due; the total stays."""
    (invoice_id,) = await scene.unpaid(1)
    before = await scene.invoice(invoice_id)
    part, credit = (before["total"] / 4).quantize(CENT), (before["total"] / 5).quantize(CENT)
    await scene.book(f"invoices/{invoice_id}/pay", {"amount": str(part)})
    note = await scene.book(
        "credits",
        {
            "clientid": before["customer_id"],
            "create_date": before["issued_on"].isoformat(),
            "currency_code": before["currency"],
            "lines": [{"name": "Goodwill", "qty": 1, "unit_cost": {"amount": str(credit), "code": before["currency"]}}],
        },
    )
    await scene.book(f"invoices/{invoice_id}/apply_credit", {"amount": str(credit), "creditid": note["creditid"]})
    wanted = before["total"] - part - credit

    async def look() -> bool:
        return bool((await scene.invoice(invoice_id))["amount_due"] == wanted)

    await until(f"{wanted} due", look, PULLED_WITHIN_S)
    if (await scene.invoice(invoice_id))["total"] != before["total"]:
        raise NotShown("the total changed with a part payment")
    return f"invoice {invoice_id}: {before['total']} less {part} less credit {credit} leaves {wanted}"


async def ach_fails(scene: Scene) -> str:
    """An ACH payment fails once recorded: it stays in FreshBooks, the invoice is due again, an issue says so."""
    (invoice_id,) = await scene.unpaid(1)
    due = (await scene.invoice(invoice_id))["amount_due"]
    payment_id = await scene.pay(invoice_id, due, "ach")
    payment = await recorded(scene, invoice_id, payment_id)
    await scene.move_payment(invoice_id, payment_id, "failed")

    async def due_again() -> bool:
        row = await scene.invoice(invoice_id)
        return bool(row["amount_due"] == due and row["status"] == "outstanding")

    await until("due again", due_again, PULLED_WITHIN_S)
    await until("the issue", lambda: _has_issue(scene, "revert_failed_payment", payment_id), PULLED_WITHIN_S)
    row = await scene.look(f"payments/{payment['id']}")
    if row["vis_state"] != 0:
        raise NotShown("the failed payment was removed from FreshBooks")
    await scene.book(f"payments/{payment['id']}/delete", {})

    async def cleared() -> bool:
        return not await _has_issue(scene, "revert_failed_payment", payment_id)

    await until("the issue cleared by the revert", cleared, PULLED_WITHIN_S)
    return f"{payment_id} failed: {due} due again; reverted in FreshBooks, and the issue cleared by itself"


async def bookkeeper_edits_ours(scene: Scene) -> str:
    """The bookkeeper edits a payment of ours: an issue says so, and what is due does not move."""
    (invoice_id,) = await scene.unpaid(1)
    due = (await scene.invoice(invoice_id))["amount_due"]
    payment_id = await scene.pay(invoice_id, due)
    payment = await recorded(scene, invoice_id, payment_id)

    async def paid() -> bool:
        return bool((await scene.invoice(invoice_id))["status"] == "paid")

    await until("paid on the platform", paid, PULLED_WITHIN_S)
    lower = (due / 2).quantize(CENT)
    await scene.edit(f"payments/{payment['id']}", {"amount": {"amount": str(lower)}})
    await until("the issue", lambda: _has_issue(scene, "ours_changed_in_freshbooks", payment_id), PULLED_WITHIN_S)
    row = await scene.invoice(invoice_id)
    if row["amount_due"] != 0:
        raise NotShown(f"{row['amount_due']} is due although the platform holds the money")
    return f"{payment_id} was edited to {lower} in FreshBooks: an issue asks what to do, nothing is due"


async def recorded(scene: Scene, invoice_id: int, payment_id: str) -> dict[str, Any]:
    """Wait for a payment of the platform to stand in FreshBooks, and give FreshBooks' record."""

    async def look() -> dict[str, Any] | None:
        return next((row for row in await scene.fb_payments(invoice_id) if payment_id in row["note"]), None)

    return await until("the payment in FreshBooks", look, PUSHED_WITHIN_S)


async def _has_issue(scene: Scene, kind: str, subject: str) -> bool:
    return any(row["subject_id"] == subject for row in await scene.issues(kind))


async def _edit(scene: Scene, invoice_id: int, body: dict[str, Any]) -> None:
    await scene.edit(f"invoices/{invoice_id}", body)


async def _change_amount(scene: Scene, invoice_id: int, more: Decimal) -> None:
    """Add a line to an invoice, as a bookkeeper who forgot something would."""
    row = await scene.look(f"invoices/{invoice_id}")
    extra = {"name": "Forgotten", "qty": 1, "unit_cost": {"amount": str(more), "code": row["currency_code"]}}
    kept = [{key: line[key] for key in ("name", "description", "qty", "unit_cost")} for line in row["lines"]]
    await _edit(scene, invoice_id, {"lines": [*kept, extra]})
