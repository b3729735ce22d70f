"""Tokens that cannot be used park their partner at once and nobody else, through the real daemon (C7)."""

import re
from pathlib import Path

import pytest

from tests.polling import eventually
from tests.system.books import Books, Partner, opened_books
from tests.system.program import running

pytestmark = pytest.mark.timeout(120)

LOST = {
    "match": {"method": "POST", "path": "oauth/token"},
    "action": {"kind": "timeout_after_commit", "hold_s": 0},
    "count": 1,
}


async def test_a_lost_refresh_answer_and_a_moved_ciphertext_park_their_partners_at_once_with_the_reason(
    database: str, tmp_path: Path
) -> None:
    async with opened_books(database) as books:
        well, moved, lost = [await books.add(3) for _ in range(3)]
        await books.database.execute(
            "UPDATE sync.token t SET access_token = o.access_token, refresh_token = o.refresh_token "
            "FROM sync.token o WHERE t.partner_id = $1 AND o.partner_id = $2",
            moved.partner_id,
            well.partner_id,
        )
        await books.database.execute("UPDATE sync.token SET expires_at = now() WHERE partner_id = $1", lost.partner_id)
        await books.control("PUT", "faults", [LOST])
        async with running(tmp_path, books.settings()) as program:
            await eventually(lambda: books.is_connected(well), within_s=60)
            reason = await eventually(lambda: parked_for(books, moved), within_s=20)
            assert reason is not None
            assert re.search(r"sealed for another place, or altered: connect again", reason)
            reason = await eventually(lambda: parked_for(books, lost), within_s=20)
            assert reason is not None
            assert re.search(r"answer to a token refresh begun at .* UTC was lost", reason)
            assert await parked_for(books, well) is None
            spoiled = program.lines("secret_spoiled")
            assert {line["partner"] for line in spoiled} == {moved.partner_id}
            assert program.lines("supervisor_crashed") == []
            assert await program.metric("syncd_spoiled_secrets_total") >= 1
            asked = await books.control("GET", "counters")
            # Parked partners ask nothing: not for tokens, not for anything else.
            assert sum(n for call, n in asked["by_call"].items() if "oauth/token" in call) == 2
            assert await books.requests(moved) == []


async def parked_for(books: Books, partner: Partner) -> str | None:
    """The reason of "Reconnect needed", once the issue that shows it is open too."""
    found: str | None = await books.database.fetchval(
        "SELECT c.parked_reason FROM sync.connection c JOIN sync.issue i USING (partner_id) "
        "WHERE c.partner_id = $1 AND i.kind = 'reconnect_needed' AND i.closed_at IS NULL",
        partner.partner_id,
    )
    return found
