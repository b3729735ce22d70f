"""A process frozen in the middle of its own words about leases: the others must not wait for it (W4)."""

import contextlib
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from daemon.adapters.clock import SystemClock
from daemon.adapters.postgres import queries
from daemon.adapters.postgres.lease_store import LeaseStore
from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId
from tests.adapters.postgres_rows import PARTNER, Books
from tests.postgres import on_every_postgres

CLOCK = SystemClock()
TTL = timedelta(seconds=30)


@on_every_postgres
@pytest.mark.parametrize("step", ["acquire", "release", "bury"])
async def test_a_process_that_is_frozen_while_it_speaks_of_leases_is_succeeded_all_the_same(
    step: str, database: str, books: Books
) -> None:
    gone, frozen, survivor = [LeaseStore(database, name) for name in ("gone", "frozen", "survivor")]
    for member in (gone, frozen, survivor):
        await member.join(TTL)
    if step == "release":
        await frozen.acquire(10, ())
    gone.close()
    taken: list[PartnerId] = []
    thawed = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_within, frozen, step, thawed)
        await CLOCK.sleep(0.2)
        # As a beat does, whatever became of the one before.
        for _ in range(40):
            with contextlib.suppress(StoreUnavailable):
                await survivor.renew(TTL)
                await survivor.bury(timedelta(0))
                taken += [lease.partner_id for lease in await survivor.acquire(10, ())]
            if taken:
                break
            await CLOCK.sleep(0.1)
        thawed.set()
    frozen.close()
    survivor.close()
    for _ in range(3):
        await anyio.lowlevel.checkpoint()  # the loop closes what was cut off
    assert taken == [PARTNER]


async def _stop_within(frozen: LeaseStore, step: str, thawed: anyio.Event) -> None:
    """Freeze a member within a transaction of its own, its life run out."""
    await frozen.renew(timedelta(seconds=0.1))
    arguments: dict[str, tuple[Any, ...]] = {
        "acquire": (frozen.member_id, 10, []),
        "release": (frozen.member_id, [PARTNER]),
        "bury": (frozen.member_id, TTL, False),
    }
    sql = queries.load("leases")
    with contextlib.suppress(StoreUnavailable):
        async with frozen._guarded.transaction() as connection:
            if step == "acquire":
                await connection.fetch(sql["membership"], frozen.member_id)
            await connection.fetch(sql[step], *arguments[step])
            await thawed.wait()
