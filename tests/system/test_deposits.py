"""W6 as a table, through the real daemon, Postgres and the sandbox's books: each payout stands, waits or is refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import running
from tests.system.test_payouts import BANK, FEES, PAYMENTS, PETTY, journal, set_up_accounts

pytestmark = pytest.mark.timeout(240)

PLATFORM = "4000-1"
GONE = "SELECT 1 FROM sync.issue WHERE kind = 'account_gone'"


@dataclass
class Row:
    """One payout: its members as (kind, payment, amount), and what becomes of it.

    `lines` are the deposit's sides by account number; `reason` is why there is none.
    """

    name: str
    members: list[tuple[str, str | None, int]]
    net: int
    lines: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    currency: str = "USD"
    says: tuple[str, ...] = ()


ROWS = [
    Row("plain", [("payment", "a", 100)], 100, {BANK: 100, PAYMENTS: -100}),
    Row(
        "a charge-back, its fee and fees",
        [("payment", "b", 300), ("chargeback", "a", -100), ("fee", "a", -15), ("fee", None, -9)],
        176,
        {BANK: 176, FEES: 24, PAYMENTS: -200},
    ),
    Row("a refund", [("payment", "c", 80), ("refund", "c", -30)], 50, {BANK: 50, PAYMENTS: -50}),
    Row("negative net", [("chargeback", "b", -40), ("fee", None, -5)], -45, {BANK: -45, FEES: 5, PAYMENTS: 40}),
    Row("a net of nothing", [("payment", "d", 10), ("refund", "d", -10)], 0, {PAYMENTS: 0}),
    Row("sums that differ", [("payment", "e", 70)], 68, reason="sums_differ", says=("70.00 USD", "68.00 USD")),
    Row("mixed currencies", [("payment", "f", 60)], 60, reason="mixed_currencies", currency="CAD", says=("CAD", "USD")),
    Row("on an invoice made on the platform", [("payment", "ap", 25)], 25, reason="no_platform_account"),
]


async def bill(books: Books, partner: Partner, amount: int) -> int:
    """A sent invoice of that amount in FreshBooks; its id."""
    clients = await books.control("GET", f"books/{partner.account_id}/clients?per_page=1")
    client = clients["clients"][0]["id"]
    body = {
        "customerid": client,
        "create_date": "2026-01-05",
        "status": 2,
        "lines": [{"name": "Work", "qty": "1", "unit_cost": {"amount": str(amount), "code": "USD"}}],
    }
    made: dict[str, Any] = await books.control("POST", f"books/{partner.account_id}/invoices", body)
    return int(made.get("id") or made["invoice"]["id"])


async def collect(books: Books, partner: Partner, rows: list[Row]) -> list[str]:
    """Let customers pay everything that the payouts will hold; tell the payments that reach FreshBooks."""
    amounts = {
        payment: amount for row in rows for kind, payment, amount in row.members if kind == "payment" and payment
    }
    wanted = {payment: amount for payment, amount in amounts.items() if payment != "ap"}
    invoices = {payment: await bill(books, partner, amount) for payment, amount in wanted.items()}
    await ask_sync(books, partner)
    for payment, invoice in invoices.items():
        await eventually(partial(_known, books, invoice), within_s=30)
        await books.pay(partner, invoice, payment)
    await books.database.execute(
        "INSERT INTO platform.ap_invoice (partner_id, ap_invoice_id, number, total, currency, status) "
        "VALUES ($1, 'ap_1', 'AP-1', $2, 'USD', 'paid')",
        partner.partner_id,
        amounts["ap"],
    )
    await books.database.execute(
        "INSERT INTO platform.payment (partner_id, payment_id, ap_invoice_id, amount, currency, method, status, "
        "initiated_at) VALUES ($1, 'ap', 'ap_1', $2, 'USD', 'card', 'succeeded', now())",
        partner.partner_id,
        amounts["ap"],
    )
    return list(wanted)


async def pay_out(books: Books, partner: Partner, number: int, row: Row, status: str = "succeeded") -> None:
    async with books.database.transaction():
        await books.database.execute(
            "INSERT INTO platform.payout (partner_id, payout_id, status, currency, net) VALUES ($1, $2, $3, $4, $5)",
            partner.partner_id,
            f"po_{number}",
            status,
            row.currency,
            row.net,
        )
        for place, (kind, payment, amount) in enumerate(row.members):
            await books.database.execute(
                "INSERT INTO platform.payout_member VALUES ($1, $2, $3, $4, $5, $6)",
                partner.partner_id,
                f"po_{number}",
                f"m{place}",
                kind,
                payment,
                amount,
            )


async def stand_of(books: Books, partner: Partner, number: int) -> tuple[str, str | None]:
    row = await books.database.fetchrow(
        "SELECT state, reason FROM sync.push WHERE partner_id = $1 AND kind = 'payout' AND subject = $2 "
        "ORDER BY generation DESC LIMIT 1",
        partner.partner_id,
        f"po_{number}",
    )
    return (row["state"], row["reason"]) if row else ("", None)


async def sides_of(books: Books, partner: Partner, marker: str) -> dict[str, Decimal]:
    """What the entries with a marker did, by account number; checks that each balances."""
    found: dict[str, Decimal] = {}
    for line in await journal_lines(books, partner):
        if marker in line[0]:
            found[line[1]] = found.get(line[1], Decimal(0)) + line[2]
    assert sum(found.values()) == 0, found
    return found


async def journal_lines(books: Books, partner: Partner) -> list[tuple[str, str, Decimal]]:
    lines = []
    for row in await journal(books, partner):
        number = f"{row['account']['account_number']}-{row['sub_account']['account_sub_number']}"
        debit, credit = row["debit"], row["credit"]
        amount = Decimal(debit["amount"]) if debit else -Decimal(credit["amount"])
        lines.append((str(row["description"]), number, amount))
    return lines


async def _known(books: Books, invoice: int) -> bool:
    return bool(await books.database.fetchval("SELECT payable FROM platform.invoice WHERE invoice_id = $1", invoice))


def has_ended(books: Books, partner: Partner, number: int, row: Row) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        state, reason = await stand_of(books, partner, number)
        return state in {"done", "cancelled"} if not row.reason else reason == row.reason

    return look


async def test_every_kind_of_payout_stands_as_a_balanced_entry_or_says_why_not(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books:
        partner = await books.add(1)
        async with running(tmp_path, books.settings()):
            await eventually(lambda: books.is_connected(partner), within_s=60)
            await set_up_accounts(books, partner)
            payments = await collect(books, partner, ROWS)
            await eventually(lambda: _moved(books, partner, len(payments)), within_s=60)
            for number, row in enumerate(ROWS, start=1):
                await pay_out(books, partner, number, row)
            for number, row in enumerate(ROWS, start=1):
                await eventually(has_ended(books, partner, number, row), within_s=30)
                sides = await sides_of(books, partner, f"APO:po_{number}:1")
                assert sides == {account: Decimal(amount) for account, amount in row.lines.items()}, row.name
                await says(books, partner, number, row)
            await fails_later(books, partner)
            await gets_an_account(books, partner)
            await is_corrected(books, partner)
            await an_account_goes_and_comes_back(books, partner)
            # Held still: f, and what was returned to customers, until the bookkeeper reverts it in FreshBooks.
            assert await _left_on(books, partner, PAYMENTS) == 60 + 100 + 40 + 30 + 10
            assert await _left_on(books, partner, PETTY) == 0
            await is_reverted(books, partner)


async def says(books: Books, partner: Partner, number: int, row: Row) -> None:
    issue = await books.database.fetchval(
        "SELECT reason FROM sync.issue WHERE partner_id = $1 AND subject_id = $2 AND closed_at IS NULL",
        partner.partner_id,
        f"po_{number}",
    )
    assert (issue is not None) is bool(row.says), (row.name, issue)
    assert all(words in issue for words in row.says), issue


async def fails_later(books: Books, partner: Partner) -> None:
    """A payout that failed after its deposit is an issue; its entry stays until a person reverses it."""
    await books.database.execute("UPDATE platform.payout SET status = 'failed' WHERE payout_id = 'po_1'")
    await eventually(
        lambda: books.database.fetchval(
            "SELECT kind FROM sync.issue WHERE subject_id = 'po_1' AND kind = 'payout_failed' AND closed_at IS NULL"
        ),
        within_s=20,
    )
    assert await sides_of(books, partner, "APO:po_1:") == {BANK: 100, PAYMENTS: -100}


async def gets_an_account(books: Books, partner: Partner) -> None:
    """Once an account for invoices made on the platform is chosen, what waited for it goes."""
    listed = await books.control("GET", f"books/{partner.account_id}/accounts")
    account = next(row for row in listed["accounts"] if row["number"] == PLATFORM)
    await books.database.execute(
        "UPDATE sync.connection SET platform_invoices_account_id = $2 WHERE partner_id = $1",
        partner.partner_id,
        account["uuid"],
    )
    await books.database.execute("UPDATE sync.push SET not_before = now() WHERE subject = 'po_8'")
    await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:push")
    await eventually(lambda: _is_done(books, partner, 8), within_s=20)
    assert await sides_of(books, partner, "APO:po_8:1") == {BANK: 25, PLATFORM: -25}


async def is_corrected(books: Books, partner: Partner) -> None:
    """Sums that the platform corrects are recorded, and the issue clears by itself."""
    await books.database.execute(
        "INSERT INTO platform.payout_member VALUES ($1, 'po_6', 'm9', 'fee', NULL, -2)", partner.partner_id
    )
    await eventually(lambda: _is_done(books, partner, 6), within_s=20)
    assert await sides_of(books, partner, "APO:po_6:1") == {BANK: 68, FEES: 2, PAYMENTS: -70}
    left = await books.database.fetchval(
        "SELECT count(*) FROM sync.issue WHERE subject_id = 'po_6' AND closed_at IS NULL"
    )
    assert left == 0


async def an_account_goes_and_comes_back(books: Books, partner: Partner) -> None:
    """A chosen account that disappears is an issue, what needs it waits, and goes once it is back (C4)."""
    listed = await books.control("GET", f"books/{partner.account_id}/accounts")
    bank = next(row["uuid"] for row in listed["accounts"] if row["number"] == BANK)
    await set_state(books, partner, bank, "archived")
    await eventually(lambda: books.database.fetchval(f"{GONE} AND closed_at IS NULL"), within_s=20)
    await pay_out(books, partner, 9, Row("none", [("payment", "a", 1)], 1))
    await eventually(lambda: _waits_for(books, partner, 9, "account_gone"), within_s=20)
    await set_state(books, partner, bank, "active")
    await eventually(lambda: books.database.fetchval(f"{GONE} AND closed_at IS NOT NULL"), within_s=20)
    await eventually(lambda: _is_done(books, partner, 9), within_s=20)
    back = Row("back", [("refund", "a", -1)], -1)
    await pay_out(books, partner, 10, back)
    await eventually(lambda: _is_done(books, partner, 10), within_s=20)


async def set_state(books: Books, partner: Partner, account: str, state: str) -> None:
    """Change an account in FreshBooks, and have the chart of accounts read again."""
    await books.control("PUT", f"books/{partner.account_id}/accounts/{account}", {"state": state})
    await ask_sync(books, partner)


async def ask_sync(books: Books, partner: Partner) -> None:
    await books.database.execute(
        "UPDATE sync.connection SET sync_asked_at = now() WHERE partner_id = $1", partner.partner_id
    )
    await books.database.execute("SELECT pg_notify('syncd_wake', $1)", f"{partner.partner_id}:connection")


async def is_reverted(books: Books, partner: Partner) -> None:
    """The charged-back payment is deleted in FreshBooks: its move is taken back, and nothing of it is left anywhere."""
    await books.database.execute("UPDATE platform.payment SET status = 'chargeback' WHERE payment_id = 'a'")
    (record,) = await books.recorded(partner, "a")
    await books.control("POST", f"books/{partner.account_id}/payments/{record['id']}/delete", {})
    await ask_sync(books, partner)
    await eventually(lambda: _is_left(books, partner, PAYMENTS, 140), within_s=30)
    assert await _left_on(books, partner, PETTY) == 0


async def _is_left(books: Books, partner: Partner, number: str, amount: int) -> bool:
    return await _left_on(books, partner, number) == amount


async def _waits_for(books: Books, partner: Partner, number: int, reason: str) -> bool:
    return (await stand_of(books, partner, number))[1] == reason


async def _is_done(books: Books, partner: Partner, number: int) -> bool:
    return (await stand_of(books, partner, number))[0] == "done"


async def _moved(books: Books, partner: Partner, count: int) -> bool:
    done = await books.database.fetchval(
        "SELECT count(*) FROM sync.push WHERE partner_id = $1 AND kind = 'move' AND state = 'done'", partner.partner_id
    )
    return bool(done == count)


async def _left_on(books: Books, partner: Partner, number: str) -> Decimal:
    """What payments, moves and deposits left on an account; the seeded books are not ours."""
    return sum(
        (amount for text, account, amount in await journal_lines(books, partner) if account == number and "AP" in text),
        Decimal(0),
    )
