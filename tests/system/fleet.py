"""Several real daemons on one Postgres, and who of them holds whom."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from daemon.adapters.clock import SystemClock
from tests.polling import eventually
from tests.system.books import Books, Partner
from tests.system.program import Program, running

PARTNERS: Final = 6
QUICK: Final = '[push]\npost_timeout = "4s"\nlookup_again_after = "1s"'
TAKEOVER_S: Final = 10.0


@asynccontextmanager
async def daemons(place: Path, settings: str, *names: str) -> AsyncIterator[list[Program]]:
    """Start a daemon after another, each in a directory of its own."""
    if not names:
        yield []
        return
    (place / names[0]).mkdir()
    async with (
        running(place / names[0], settings) as program,
        daemons(place, settings, *names[1:]) as others,
    ):
        yield [program, *others]


async def owners(books: Books) -> list[int]:
    """How many partners each process that is there holds, the busiest first."""
    rows = await books.database.fetch(
        "SELECT m.member_id, count(l.partner_id) AS held FROM sync.member m"
        " LEFT JOIN sync.lease l ON l.holder = m.member_id GROUP BY m.member_id ORDER BY held DESC"
    )
    return [row["held"] for row in rows]


async def owner_of(books: Books, partner: Partner) -> int:
    """The process id of a partner's owner; 0 while there is none."""
    name = await books.database.fetchval(
        "SELECT m.name FROM sync.lease l JOIN sync.member m ON m.member_id = l.holder WHERE l.partner_id = $1",
        partner.partner_id,
    )
    return int(name.rpartition(":")[2]) if name else 0


async def connected(books: Books) -> list[Partner]:
    partners = [await books.add(3) for _ in range(PARTNERS)]
    for partner in partners:
        await eventually(partial(books.is_connected, partner), within_s=60)
    return partners


async def shared(books: Books, *shares: int) -> None:
    """Wait until the partners are shared like this."""

    async def is_so() -> bool:
        return await owners(books) == list(shares)

    await eventually(is_so, within_s=30)


async def taken_over(books: Books, killed: Program, survivor: Program) -> tuple[float, float]:
    """Kill one of two daemons; tell after how many seconds the other holds its partners, and how many it counts."""
    clock = SystemClock()
    await shared(books, PARTNERS // 2, PARTNERS // 2)
    killed.send(signal.SIGKILL)
    began = clock.monotonic()
    await shared(books, PARTNERS)
    return clock.monotonic() - began, await survivor.metric("syncd_lease_takeovers_total")
