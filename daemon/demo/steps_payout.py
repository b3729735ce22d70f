"""The check's last act: payouts, their deposits, and a month that adds up to FreshBooks' own journal (W6)."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from daemon.demo.scene import NotShown, Scene, until
from daemon.demo.steps_money import PULLED_WITHIN_S, recorded

ACCOUNTS = "/integrations/freshbooks/accounts"
CURRENCY = "USD"
_ZERO = Decimal(0)


async def month_adds_up(scene: Scene) -> str:
    """Two payouts, one with a charge-back: the month's report equals what the journal moved, account by account."""
    numbers = await _record_deposits(scene)
    seen = await _journal_length(scene)
    first, *_ = [await _succeeded(scene, invoice_id) for invoice_id in await scene.unpaid(3, CURRENCY)]
    await _pay_out(scene)
    await scene.move_payment(*first, "chargeback")
    await _succeeded(scene, (await scene.unpaid(1, CURRENCY))[0])
    await _pay_out(scene)
    sums, moved = await _sums(scene), await _moved_since(scene, seen)
    bank, fees = moved[numbers["deposits"]], -moved[numbers["fees"]]
    wanted = {"deposited": bank, "net": bank, "fees": fees}
    wrong = {name: (sums[name], amount) for name, amount in wanted.items() if sums[name] != amount}
    if wrong or not bank or not fees:
        raise NotShown(f"the report and FreshBooks' journal differ: {wrong}, moved {dict(moved)}")
    if sums["gross"] + sums["returned"] + sums["fees"] != sums["net"] or sums["undeposited"]:
        raise NotShown(f"the month does not add up: {sums}")
    # What a payout's payments brought in left the account that held it; the one charged back waits for its revert.
    held = moved[numbers["payments"]]
    charged_back = -sums["returned"]
    if held != charged_back:
        raise NotShown(f"{held} is left in the payments account, but {charged_back} was charged back")
    await _revert(scene, first)

    async def empty() -> bool:
        return not (await _moved_since(scene, seen))[numbers["payments"]]

    await until("the payments account back at zero after the revert", empty, PULLED_WITHIN_S)
    return f"{sums['gross']} paid, {sums['returned']} back, {sums['fees']} fees: {sums['net']} is what the bank got"


async def _record_deposits(scene: Scene) -> dict[str, str]:
    """Choose an account for fees, switch deposits on, and tell the number of each chosen account."""
    page = await scene.open(ACCOUNTS)
    form = page.form("/freshbooks/accounts")
    fees = next(value for value in form.choices["fees"].values() if value)
    chosen = {**form.fields, "fees": fees}
    await scene.person.submit(page, "/freshbooks/accounts", {"fees": fees, "record_deposits": "on"})
    return {name: _number(form.choices[name], chosen[name]) for name in ("payments", "deposits", "fees")}


def _number(choices: dict[str, str], chosen: str) -> str:
    """Read the number in a label such as "Savings (1000-3)"."""
    label = next(label for label, value in choices.items() if value == chosen)
    return label.rpartition("(")[2].removesuffix(")")


async def _succeeded(scene: Scene, invoice_id: int) -> tuple[int, str]:
    """Pay an invoice, see it recorded, and let the money come in."""
    payment_id = await scene.pay(invoice_id, (await scene.invoice(invoice_id))["amount_due"])
    await recorded(scene, invoice_id, payment_id)
    await scene.move_payment(invoice_id, payment_id, "succeeded")
    return invoice_id, payment_id


async def _pay_out(scene: Scene) -> None:
    """Pay out what has succeeded, and see the month without a payout that waits for its deposit."""
    page = await scene.open("/payments")
    await scene.person.submit(page, "/demo/payouts")

    async def deposited() -> bool:
        return (await _sums(scene))["undeposited"] == _ZERO

    await until("the payout's deposit in FreshBooks", deposited, PULLED_WITHIN_S)


async def _revert(scene: Scene, payment: tuple[int, str]) -> None:
    """Delete a payment in FreshBooks whose money went back, as the issue asks the bookkeeper to."""
    invoice_id, payment_id = payment
    row = await recorded(scene, invoice_id, payment_id)
    await scene.book(f"payments/{row['id']}/delete", {})


async def _sums(scene: Scene) -> dict[str, Decimal]:
    """Read the month's sums as the report's table for spreadsheets tells them."""
    arrived = await scene.database.fetchval(
        "SELECT max(arrival_date) FROM platform.payout WHERE partner_id = $1", scene.partner_id
    )
    page = await scene.open(f"/reports/month.csv?month={arrived:%Y-%m}")
    rows = [row for row in csv.DictReader(io.StringIO(page.text)) if row["level"] == "month"]
    return {row["part"]: Decimal(row["amount"]) for row in rows if row["currency"] == CURRENCY}


# ---- FreshBooks' journal ---------------------------------------------------------------------------------------------


async def _journal_length(scene: Scene) -> int:
    return int((await scene.look("journal?per_page=1"))["total"])


async def _moved_since(scene: Scene, seen: int) -> defaultdict[str, Decimal]:
    """Add up debits less credits per account number, of all that was entered after `seen` rows."""
    moved: defaultdict[str, Decimal] = defaultdict(Decimal)
    left, page = await _journal_length(scene) - seen, 1
    while left > 0:
        rows = (await scene.look(f"journal?per_page=100&page={page}"))["journal"][:left]
        for number, amount in _amounts(rows):
            moved[number] += amount
        left, page = left - len(rows), page + 1
    return moved


def _amounts(rows: list[dict[str, Any]]) -> Iterator[tuple[str, Decimal]]:
    for row in rows:
        number = f"{row['account']['account_number']}-{row['sub_account']['account_sub_number']}"
        side, sign = ("debit", 1) if row["debit"] else ("credit", -1)
        if row[side]["code"] == CURRENCY:
            yield number, sign * Decimal(row[side]["amount"])
