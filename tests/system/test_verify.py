"""`verify` through the real daemon: equal, drift, repaired, and what cannot be checked (T1)."""

import json
from pathlib import Path

import pytest

from tests.polling import eventually
from tests.system.books import opened_books
from tests.system.program import config_file, run, running

pytestmark = pytest.mark.timeout(180)


async def test_verify_has_the_daemon_compare_repairs_our_side_and_tells_by_its_exit_code(
    database: str, tmp_path: Path
) -> None:
    async with opened_books(database) as books:
        partner = await books.add(30)
        async with running(tmp_path, books.settings()) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            config = str(program.config)
            equal = await run("verify", partner.partner_id, "--config", config, env={"COLUMNS": "200"})
            assert (equal.code, "equal as of" in equal.output) == (0, True), equal.output + equal.errors
            await books.database.execute(
                "UPDATE sync.invoice SET total = total + 1 WHERE invoice_id ="
                " (SELECT min(invoice_id) FROM sync.invoice WHERE frozen_at IS NULL)"
            )
            drift = await run("verify", "--all", "--json", "--config", config)
            assert drift.code == 3, drift.output + drift.errors
            found = json.loads(drift.output)
            assert [row["kind"] for row in found["report"]["drifts"]] == ["different"]
            assert await eventually(lambda: program.metric('syncd_partner_drift{partner="pt_1"}'), within_s=30) == 1
            repaired = await run("verify", partner.partner_id, "--repair", "--config", config, env={"COLUMNS": "200"})
            assert (repaired.code, "1 are being read again" in repaired.output) == (3, True), repaired.output
            again = await run("verify", partner.partner_id, "--quick", "--config", config)
            assert again.code in {0, 3}
            await eventually(lambda: is_equal(partner.partner_id, config), within_s=30)


async def is_equal(partner_id: str, config: str) -> bool:
    return (await run("verify", partner_id, "--config", config)).code == 0


async def test_what_cannot_be_checked_is_said_with_exit_code_4(database: str, tmp_path: Path) -> None:
    async with opened_books(database) as books:
        partner = await books.add(0)
        with config_file(tmp_path, books.settings()) as config:
            pending = await run("verify", partner.partner_id, "--config", str(config))
            nobody = await run("verify", "nobody", "--config", str(config))
            neither = await run("verify", "--config", str(config))
    assert (pending.code, "the initial sync is not complete" in pending.output) == (4, True)
    assert (nobody.code, "there is no partner nobody" in nobody.sentence) == (1, True)
    assert (neither.code, "name a PARTNER, or say --all" in neither.errors) == (2, True)
