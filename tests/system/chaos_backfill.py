"""Read large books while the daemon is killed again and again, then compare every record (C3, T1).

What was stored is not read again: between two lives at most the pages that were under way or ahead are.
"""

import argparse
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from daemon.adapters.clock import SystemClock
from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.chaos_main import played
from tests.system.program import environment, running

CLOCK: Final = SystemClock()
IN_FLIGHT: Final = 4
AHEAD: Final = 4 * IN_FLIGHT
"""Twice as many pages are being stored at most, and twice as many are there ahead of them."""
ATTEMPTS_MAX: Final = 500
VERIFY_S: Final = 900.0
SETTINGS: Final = f"""
[sync]
pages_in_flight = {IN_FLIGHT}
[rate]
calls_per_window = 10000000
burst = 1000
"""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What came of it; the JSON of the last line. `again_most` is the most pages that one kill had read twice."""

    invoices: int
    kills: int = 0
    pages: int = 0
    again: int = 0
    again_most: int = 0
    verified: int = -1
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether both sides are equal, and no more was read again than was under way."""
        return self.verified == 0 and self.again_most <= AHEAD


def pages_of(requests: list[dict[str, object]]) -> list[str]:
    """The full pages of the date ranges among requests, in order."""
    return [
        str(row["query"]) for row in requests if "date_m" in str(row["query"]) and "per_page=100" in str(row["query"])
    ]


async def chaos(
    dsn: str, directory: Path, invoices: int, say: Callable[[str], None], lives_s: tuple[float, float]
) -> Verdict:
    """Run it on a migrated, empty database."""
    verdict, chance, began = Verdict(invoices=invoices), random.Random(7), CLOCK.monotonic()
    async with opened_books(dsn, "--rate-calls", "0", "--request-log-size", "200000") as books:
        partner = await books.add(invoices)
        read: set[str] = set()
        for _ in range(ATTEMPTS_MAX):
            seen = await _last(books, partner)
            async with running(directory, books.settings(SETTINGS)) as program:
                with anyio.move_on_after(chance.uniform(*lives_s)):
                    await eventually(lambda: books.is_connected(partner), within_s=lives_s[1], every_s=0.2)
                if await books.is_connected(partner):
                    break
                program.send(signal.SIGKILL)
                await program.end()
            verdict.kills += 1
            new = pages_of(await books.requests(partner, since=seen))
            again = len(read & set(new)) + len(new) - len(set(new))
            verdict.pages, verdict.again = verdict.pages + len(new), verdict.again + again
            verdict.again_most = max(verdict.again_most, again)
            read |= set(new)
            say(f"{CLOCK.monotonic() - began:6.1f} s  {len(read)} pages, {again} of them again, {verdict.kills} kills")
        verdict.verified = await _verify(books, partner, directory)
    verdict.seconds = round(CLOCK.monotonic() - began, 1)
    return verdict


async def _last(books: Books, partner: Partner) -> int:
    requests = await books.requests(partner)
    return int(requests[-1]["seq"]) if requests else 0


async def _verify(books: Books, partner: Partner, directory: Path) -> int:
    async with running(directory, books.settings(SETTINGS)) as program:
        command = [sys.executable, "-m", "daemon", "verify", partner.partner_id, "--config", str(program.config)]
        with anyio.fail_after(VERIFY_S):
            return (await anyio.run_process(command, check=False, env=environment())).returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=100_000)
    asked = parser.parse_args()
    sys.exit(played(lambda dsn, place, say: chaos(dsn, place, asked.invoices, say, (3.0, 7.0))))
