"""A payout through the real daemon, killed after its entry was written: it stands exactly once (W4, W6)."""

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import running

pytestmark = pytest.mark.timeout(180)

PETTY, BANK, PAYMENTS, FEES = "1000-1", "1000-2", "1000-3", "6000-3"
LOST = {
    "match": {"method": "POST", "path": "journal_entries"},
    "action": {"kind": "timeout_after_commit", "hold_s": 60},
    "count": 1,
}


async def set_up_accounts(books: Books, partner: Partner) -> None:
    """Save Set Up Accounts as the dialog would, and let the daemon hear of it."""
    listed = await books.control("GET", f"books/{partner.account_id}/accounts")
    by_number = {row["number"]: row["uuid"] for row in listed["accounts"]}
    await books.database.execute(
        "UPDATE sync.connection SET payments_account_id = $2, deposits_account_id = $3, fees_account_id = $4, "
        "record_deposits = true WHERE partner_id = $1",
        partner.partner_id,
        *(by_number[number] for number in (PAYMENTS, BANK, FEES)),
    )
    await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")


async def journal(books: Books, partner: Partner) -> list[dict[str, Any]]:
    found = await books.control("GET", f"books/{partner.account_id}/journal?per_page=100")
    rows: list[dict[str, Any]] = found["journal"]
    return rows


async def entered(books: Books, partner: Partner, marker: str) -> set[int]:
    """The entries in FreshBooks' journal that carry a marker."""
    return {row["entry"]["entryid"] for row in await journal(books, partner) if marker in str(row["description"])}


async def balance_of(books: Books, partner: Partner, number: str) -> Decimal:
    """What our entries and the platform's payment left on an account."""
    total = Decimal(0)
    for row in await journal(books, partner):
        if f"{row['account']['account_number']}-{row['sub_account']['account_sub_number']}" != number:
            continue
        if "AP" in str(row["description"]):
            debit, credit = row["debit"], row["credit"]
            total += Decimal(debit["amount"]) if debit else -Decimal(credit["amount"])
    return total


async def states(books: Books, partner: Partner, kind: str) -> list[str]:
    rows = await books.database.fetch(
        "SELECT state FROM sync.push WHERE partner_id = $1 AND kind = $2", partner.partner_id, kind
    )
    return [row["state"] for row in rows]


async def pay_out(books: Books, partner: Partner, amount: Decimal) -> None:
    """Insert a payout of one payment, less a fee, exactly as the platform does."""
    async with books.database.transaction():
        await books.database.execute(
            "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net) SELECT $1, 'po_1', "
            "'succeeded', currency, $2 FROM platform.payment WHERE partner_id = $1 AND payment_id = 'pay_1'",
            partner.partner_id,
            amount - 1,
        )
        await books.database.execute(
            "INSERT INTO platform.payout_member VALUES ($1, 'po_1', 'm1', 'payment', 'pay_1', $2), "
            "($1, 'po_1', 'm2', 'fee', NULL, -1)",
            partner.partner_id,
            amount,
        )


async def test_a_payout_whose_daemon_is_killed_after_the_entry_was_written_stands_exactly_once(
    database: str, tmp_path: Path
) -> None:
    more = '[push]\npost_timeout = "2s"\nlookup_margin = "1s"\nlookup_again_after = "1s"'
    async with opened_books(database) as books:
        partner = await books.add(20)
        async with running(tmp_path, books.settings(more)) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await set_up_accounts(books, partner)
            (invoice,) = await books.unpaid(partner)
            await books.pay(partner, invoice, "pay_1")
            await eventually(lambda: _are(books, partner, "move", ["done"]), within_s=20)
            await books.control("PUT", "faults", [LOST])
            amount = await books.database.fetchval("SELECT amount FROM platform.payment")
            await pay_out(books, partner, amount)
            await eventually(lambda: entered(books, partner, "APO:po_1:1"), within_s=20)
            program.send(signal.SIGKILL)
            await program.end()
        assert await states(books, partner, "payout") == ["sending"]
        async with running(tmp_path, books.settings(more)):
            await eventually(lambda: _are(books, partner, "payout", ["done"]), within_s=60)
        assert len(await entered(books, partner, "APO:po_1:1")) == 1
        assert len(await entered(books, partner, "APM:")) == 1
        found = [await balance_of(books, partner, number) for number in (PETTY, PAYMENTS, BANK, FEES)]
        assert found == [0, 0, amount - 1, 1]


async def _are(books: Books, partner: Partner, kind: str, wanted: list[str]) -> bool:
    return await states(books, partner, kind) == wanted
