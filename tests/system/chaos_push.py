"""Push payments while FreshBooks loses answers and the daemon is killed again and again, then count in its books (W4).

Every partner has books of its own in one sandbox process; the daemon is the real program. FreshBooks loses 7 % of the
answers after the commit, is slow on 5 %, answers 429 and 5xx on 10 % (some of these after the commit, too).
The judge is FreshBooks' raw books: per invoice and amount exactly what was paid, deleted records included.
"""

import argparse
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import anyio

from daemon.adapters.clock import SystemClock
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.chaos_main import played
from tests.system.program import running

CLOCK: Final = SystemClock()
PAYMENTS_PER_PARTNER: Final = 25
PARTNERS_MAX: Final = 40
INVOICES_PER_CLIENT: Final = 10
"""A look-up reads a client's payments: one client with all of them would make its cost grow with the run."""
BILLED_SAID: Final = 5_000
"""How often the making of books is said, in invoices."""
LOOK_EVERY_S: Final = 0.1
LOOKS_MAX: Final = 1_200
"""When so many looks find nothing more recorded, what is missing is lost. Not seconds: a machine may have slept."""
SETTINGS: Final = """
[push]
in_flight = 8
post_timeout = "2s"
lookup_margin = "200ms"
lookup_again_after = "300ms"
attempts_max = 20
[sync]
call_timeout = "3s"
backoff_first = "100ms"
backoff_maximum = "2s"
[rate]
calls_per_window = 1000000
creates_per_window = 1000000
burst = 1000
"""
"""The protocol is untouched: only its waits are short, as FreshBooks here is near, and attempts are many."""
POSTS: Final = {"method": "POST", "path": "payments/payments"}
LOST: Final[dict[str, Any]] = {
    "id": "lost",
    "match": POSTS,
    "probability": 0.07,
    "action": {"kind": "timeout_after_commit"},
}
SLOW: Final[dict[str, Any]] = {
    "id": "slow",
    "probability": 0.05,
    "action": {"kind": "latency", "seconds": 0.3, "distribution": "exponential"},
}
FAULTS: Final[list[dict[str, Any]]] = [
    LOST,
    SLOW,
    {"id": "429", "probability": 0.055, "action": {"kind": "status", "status": 429}},
    {"id": "503", "probability": 0.04, "action": {"kind": "status", "status": 503}},
    {"id": "lost-503", "probability": 0.015, "action": {"kind": "status", "status": 503, "after_commit": True}},
]


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What FreshBooks' books say in the end; the JSON of the last line."""

    payments: int
    in_freshbooks: int = 0
    doubles: int = 0
    lost: int = 0
    kills: int = 0
    answers_lost: int = 0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether each payment stands exactly once."""
        return self.in_freshbooks == self.payments and not self.doubles and not self.lost


@dataclass(slots=True)
class Storm:
    """One run: the books, what is paid on which invoice, and what has come of it."""

    books: Books
    directory: Path
    say: Callable[[str], None]
    verdict: Verdict
    partners_max: int = PARTNERS_MAX
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    paid: dict[tuple[str, int], list[Decimal]] = field(default_factory=dict)

    # ---- before ------------------------------------------------------------------------------------------------------

    async def set_up(self) -> None:
        """Make partners and an invoice for every one to three payments; let the daemon read them all."""
        count = min(self.partners_max, max(2, self.verdict.payments // PAYMENTS_PER_PARTNER))
        partners = [await self.books.add(0) for _ in range(count)]
        for partner in partners:
            await self._choose_accounts(partner)
        async with anyio.create_task_group() as group:
            for index, partner in enumerate(partners):
                mine = self.verdict.payments // count + (index < self.verdict.payments % count)
                group.start_soon(self._bill, partner, self._amounts(mine))

    def _amounts(self, payments: int) -> list[list[Decimal]]:
        """Deal payments out on invoices: some alone, some two or three together, equal ones among them."""
        invoices: list[list[Decimal]] = []
        left = payments
        while left:
            size = min(left, self.chance.choice((1, 1, 1, 2, 3)))
            same = Decimal(self.chance.randrange(100, 99_999)) / 100
            different = [same + number for number in range(size)]
            invoices.append([same] * size if self.chance.random() < 0.5 else different)
            left -= size
        return invoices

    async def _choose_accounts(self, partner: Partner) -> None:
        """Leave payments where FreshBooks posts them, so that nothing has to be moved."""
        listed = await self.books.control("GET", f"books/{partner.account_id}/accounts")
        by_number = {row["number"]: row["uuid"] for row in listed["accounts"]}
        await self.books.database.execute(
            "UPDATE sync.connection SET payments_account_id = $2, deposits_account_id = $3 WHERE partner_id = $1",
            partner.partner_id,
            by_number["1000-1"],
            by_number["1000-2"],
        )

    async def _bill(self, partner: Partner, invoices: list[list[Decimal]]) -> None:
        books = f"books/{partner.account_id}"
        client = {"id": 0}
        for number, amounts in enumerate(invoices):
            if number % INVOICES_PER_CLIENT == 0:
                client = await self.books.control("POST", f"{books}/clients", {"organization": f"Dale {number}"})
            line = {"name": "Work", "qty": 1, "unit_cost": {"amount": str(sum(amounts)), "code": "USD"}}
            body = {"customerid": client["id"], "create_date": "2026-01-05", "status": 2, "lines": [line]}
            made = await self.books.control("POST", f"{books}/invoices", body)
            self.paid[partner.partner_id, made["id"]] = amounts
            if len(self.paid) % BILLED_SAID == 0:
                self.say(f"{len(self.paid)} invoices in FreshBooks")

    async def pay(self) -> None:
        """Insert all payments as the platform does, in any order."""
        rows = [
            (partner_id, self._account(partner_id), invoice_id, amount)
            for (partner_id, invoice_id), amounts in self.paid.items()
            for amount in amounts
        ]
        self.chance.shuffle(rows)
        await self.books.database.executemany(
            "INSERT INTO platform.payment (partner_id, payment_id, account_id, invoice_id, amount, currency, method, "
            "status, initiated_at) VALUES ($1, $2, $3, $4, $5, 'USD', 'card', 'processing', now())",
            [(row[0], f"pay_{number}", *row[1:]) for number, row in enumerate(rows)],
        )

    def _account(self, partner_id: str) -> str:
        return next(row.account_id for row in self.books.partners if row.partner_id == partner_id)

    # ---- meanwhile ---------------------------------------------------------------------------------------------------

    async def run(self, kill_every_s: tuple[float, float]) -> None:
        """Kill and start the daemon until every payment is recorded, or nothing moves any more."""
        settings = self.books.settings(SETTINGS)
        done, began, looks = -1, 0.0, 0
        while done < self.verdict.payments and looks < LOOKS_MAX:
            async with running(self.directory, settings) as program:
                if done < 0:
                    await eventually(self._all_connected, within_s=300, every_s=0.1)
                    await self.books.control("PUT", "faults", FAULTS)
                    began = CLOCK.monotonic()
                    await self.pay()
                kill_at = CLOCK.monotonic() + self.chance.uniform(*kill_every_s)
                while done < self.verdict.payments and CLOCK.monotonic() < kill_at:
                    await CLOCK.sleep(LOOK_EVERY_S)
                    now_done = await self._recorded()
                    done, looks = (now_done, 0) if now_done > done else (done, looks + 1)
                if done < self.verdict.payments:
                    program.send(signal.SIGKILL)
                    self.verdict.kills += 1
            self._tell(done, began)
        self.verdict.seconds = round(CLOCK.monotonic() - began, 1)

    async def _all_connected(self) -> bool:
        left = await self.books.database.fetchval("SELECT count(*) FROM sync.connection WHERE status <> 'connected'")
        known = await self.books.database.fetchval("SELECT count(*) FROM sync.invoice")
        return bool(left == 0 and known >= len(self.paid))

    async def _recorded(self) -> int:
        found: int = await self.books.database.fetchval(
            "SELECT count(*) FROM sync.push WHERE kind = 'payment' AND state = 'done'"
        )
        return found

    def _tell(self, done: int, began: float) -> None:
        seconds = CLOCK.monotonic() - began
        self.say(f"{seconds:6.1f} s  {done} of {self.verdict.payments} recorded, {self.verdict.kills} kills")

    # ---- after -------------------------------------------------------------------------------------------------------

    async def judge(self) -> None:
        """Count in FreshBooks' raw books what stands, or stood, on each invoice."""
        verdict = self.verdict
        rules = {rule["id"]: rule["fired"] for rule in (await self.books.control("GET", "faults"))["faults"]}
        verdict.answers_lost = rules["lost"]
        for partner in self.books.partners:
            listed = await self.books.control("GET", f"books/{partner.account_id}/payments")
            standing: dict[int, Counter[Decimal]] = {}
            for row in listed["payments"]:
                standing.setdefault(row["invoiceid"], Counter())[Decimal(row["amount"]["amount"])] += 1
            verdict.in_freshbooks += sum(sum(counter.values()) for counter in standing.values())
            wanted = {key[1]: Counter(paid) for key, paid in self.paid.items() if key[0] == partner.partner_id}
            for invoice_id in wanted.keys() | standing.keys():
                here, there = wanted.get(invoice_id, Counter()), standing.get(invoice_id, Counter())
                verdict.doubles += sum((there - here).values())
                verdict.lost += sum((here - there).values())
        open_issues = await self.books.database.fetch(
            "SELECT kind, count(*) FROM sync.issue WHERE closed_at IS NULL GROUP BY kind"
        )
        states = await self.books.database.fetch(
            "SELECT state, reason, count(*) FROM sync.push WHERE kind = 'payment' GROUP BY 1, 2 ORDER BY 3 DESC"
        )
        said = {
            "pushes": [f"{row[2]} {row[0]} {row[1] or ''}".rstrip() for row in states],
            "open issues": [f"{row[1]} {row[0]}" for row in open_issues],
            "faults": [f"{count} {name}" for name, count in rules.items()],
        }
        for what, parts in said.items():
            self.say(f"{what}: {', '.join(parts) or 'none'}")


async def chaos(
    dsn: str, directory: Path, payments: int, say: Callable[[str], None], kill_every_s: tuple[float, float] = (3.0, 7.0)
) -> Verdict:
    """Run it on a migrated, empty database."""
    verdict = Verdict(payments=payments)
    async with opened_books(dsn, "--rate-calls", "0", "--rate-creates", "0") as books:
        storm = Storm(books, directory, say, verdict)
        await storm.set_up()
        say(f"{payments} payments on {len(storm.paid)} invoices of {len(books.partners)} partners")
        await storm.run(kill_every_s)
        await storm.judge()
    return verdict


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=10_000)
    asked = parser.parse_args()
    sys.exit(played(lambda dsn, place, say: chaos(dsn, place, asked.payments, say)))
