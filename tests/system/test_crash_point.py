"""The real program ends where the variable says, and finds what it had sent after its restart (W4)."""

from pathlib import Path

import asyncpg
import pytest

from daemon.app.crashing import CRASHED, VARIABLE
from tests.polling import eventually
from tests.system.books import opened_books
from tests.system.program import running

pytestmark = pytest.mark.timeout(180)
MORE = '[push]\npost_timeout = "2s"\nlookup_margin = "1s"\nlookup_again_after = "1s"'


async def test_the_program_ends_at_the_named_point_and_the_payment_stands_once_after_a_restart(
    database: str, tmp_path: Path
) -> None:
    async with opened_books(database) as books:
        partner = await books.add(20)
        async with running(tmp_path, books.settings(MORE), env={VARIABLE: "known"}) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            (invoice,) = await books.unpaid(partner)
            await books.pay(partner, invoice, "pay_1")
            assert await program.end() == CRASHED
        state = await books.database.fetchval("SELECT state FROM sync.push WHERE subject = 'pay_1'")
        assert (state, len(await books.recorded(partner, "pay_1"))) == ("sending", 1)
        async with running(tmp_path, books.settings(MORE)):
            await eventually(lambda: _is_done(books.database), within_s=60)
        assert len(await books.recorded(partner, "pay_1")) == 1


async def _is_done(database: asyncpg.Connection) -> bool:
    return bool(await database.fetchval("SELECT state = 'done' FROM sync.push WHERE subject = 'pay_1'"))
