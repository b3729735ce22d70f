"""A whole run, read through afterwards: one payment's way can be followed in the log, and no secret stands anywhere."""

import io
import signal
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.polling import eventually
from tests.system.books import Books, opened_books
from tests.system.program import ENCRYPTION_KEY, LINK_KEY, Program, running
from tests.system.test_reload import link_of

# Columns that are secrets by themselves are sealed or hashed: what is looked for are the secrets in the clear.
TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relnamespace IN ('sync'::regnamespace, 'platform'::regnamespace) AND c.relkind = 'r'
"""


async def dump(dsn: str) -> bytes:
    """Every row of every table of ours, as COPY writes it."""
    connection, out = await asyncpg.connect(dsn), io.BytesIO()
    try:
        for row in await connection.fetch(TABLES):
            await connection.copy_from_query(f"TABLE {row[0]}", output=out)
    finally:
        await connection.close()
    return out.getvalue()


async def pages(program: Program) -> str:
    """What a signed-in partner sees."""
    texts = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        base = await program.url("public")
        for path in (await link_of(program, "pt_1"), f"{base}/integrations", f"{base}/payments", f"{base}/invoices"):
            async with session.get(path) as answer:
                assert answer.status == 200, path
                texts.append(await answer.text())
    return "\n".join(texts)


def secrets_of(books: Books) -> list[str]:
    assert len(books.tokens) == 2
    return [books.greeting["client_secret"], LINK_KEY, ENCRYPTION_KEY, *books.tokens]


@pytest.mark.timeout(180)
async def test_a_payment_s_way_can_be_followed_and_no_secret_stands_in_logs_metrics_pages_or_tables(
    database: str, tmp_path: Path
) -> None:
    async with opened_books(database) as books:
        partner = await books.add(120)
        await books.database.execute("UPDATE sync.token SET expires_at = now()")  # refreshed at once
        async with running(tmp_path, books.settings('[log]\nlevel = "debug"')) as program:
            await eventually(lambda: books.is_connected(partner), within_s=60)
            (invoice,) = await books.unpaid(partner)
            await books.pay(partner, invoice, "pay_1")
            await eventually(lambda: books.recorded(partner, "pay_1"), within_s=15)
            await eventually(lambda: program.lines("push_finished"))
            shown = await pages(program) + (await program.get("/metrics"))[1] + (await program.get("/fleet"))[1]
            program.send(signal.SIGHUP)
            await program.line("settings_reloaded")
            program.send(signal.SIGTERM)
            await program.end()
        rows = await dump(database)
        about = [line for line in program.lines() if line.get("marker") == "AP:pay_1:1"]
        assert {line["event"] for line in about} >= {"freshbooks_called", "push_finished"}
        assert {line["partner"] for line in about} == {"pt_1"}
        posts = [line for line in about if line.get("method") == "POST"]
        assert [(line["status"], line["level"]) for line in posts] == [(200, "info")]
        assert all("partner" in line for line in program.lines("freshbooks_called"))
        said = (program.log.read_text() + shown).encode() + rows
        assert [secret for secret in secrets_of(books) if secret.encode() in said] == []
        assert b"AP:pay_1:1" in said
