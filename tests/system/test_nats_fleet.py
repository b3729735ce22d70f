"""Real daemons that agree on their leases in a real NATS."""

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.nats_server import nats_server
from tests.polling import eventually
from tests.system.books import opened_books
from tests.system.fleet import PARTNERS, QUICK, TAKEOVER_S, connected, daemons, taken_over

pytestmark = pytest.mark.timeout(240)


async def test_daemons_on_nats_take_over_from_one_another_and_go_on_after_nats_was_away(
    database: str, tmp_path: Path
) -> None:
    with nats_server() as server:
        async with opened_books(database) as books:
            settings = books.settings(f'{QUICK}\n[leases]\nnats = "{server.url}"')
            async with daemons(tmp_path, settings, "a", "b") as (killed, survivor):
                partners = await connected(books)
                seconds, takeovers = await taken_over(books, killed, survivor)
                assert seconds < TAKEOVER_S
                assert takeovers == PARTNERS // 2

                server.kill()
                away = await survivor.line("leases_unreachable")
                assert "start nats-server" in away["error"]
                (partner, *_) = partners
                (invoice,) = await books.unpaid(partner)
                await books.pay(partner, invoice, "pay_1")
                server.start()
                await eventually(partial(books.recorded, partner, "pay_1"), within_s=30)
                assert len(await books.recorded(partner, "pay_1")) == 1
                assert not survivor.lines("supervisor_crashed")

                survivor.send(signal.SIGTERM)
                assert await survivor.end() == 0
                assert await books.database.fetchval("SELECT count(*) FROM sync.member") == 0
