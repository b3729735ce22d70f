"""A process of its own: rows that are ready as text, by COPY and merge into our real tables. Nothing can be faster.

One writer, 1,000 invoices with their lines a transaction. Arguments: where the rows are, and where they go.
"""

import io
import json
import sys
import time

import anyio
import asyncpg

from daemon.adapters.clock import SystemClock
from tests.bench.daemon_run import peak_mb

BATCH = 1_000
TABLES = ("invoice", "line_item")
KEY = ("partner_id", "account_id", "invoice_id")


def statements(table: str) -> tuple[str, ...]:
    """What merges a staged table: new rows in, those with another fingerprint updated."""
    on = " AND ".join(f"t.{column} = s.{column}" for column in KEY)
    known = f"SELECT FROM sync.{table} t WHERE {on}"
    insert = f"INSERT INTO sync.{table} SELECT s.* FROM stage_{table} s WHERE NOT EXISTS ({known})"  # noqa: S608
    setting = "SET fingerprint = s.fingerprint, fb_outstanding = s.fb_outstanding"
    update = f"UPDATE sync.invoice t {setting} FROM stage_invoice s WHERE {on} AND t.fingerprint <> s.fingerprint"
    return (insert, update) if table == "invoice" else (insert,)


async def prepared(dsn: str) -> list[dict[str, bytes]]:
    """Batches of rows, each table's as one block of COPY's text."""
    connection = await asyncpg.connect(dsn)
    ids = [row[0] for row in await connection.fetch("SELECT invoice_id FROM sync.invoice ORDER BY 1")]
    batches = []
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        batch = {}
        for table in TABLES:
            block = io.BytesIO()
            query = f"SELECT * FROM sync.{table} WHERE invoice_id BETWEEN $1 AND $2 ORDER BY invoice_id"  # noqa: S608
            await connection.copy_from_query(query, part[0], part[-1], output=block)
            batch[table] = block.getvalue()
        batches.append(batch)
    await connection.close()
    return batches


async def store(dsn: str, batches: list[dict[str, bytes]]) -> None:
    connection = await asyncpg.connect(dsn)
    for table in TABLES:
        await connection.execute(f"CREATE TEMPORARY TABLE stage_{table} (LIKE sync.{table}) ON COMMIT DELETE ROWS")
    for batch in batches:
        async with connection.transaction():
            for table in TABLES:
                await connection.copy_to_table(f"stage_{table}", source=io.BytesIO(batch[table]))
                for statement in statements(table):
                    await connection.execute(statement)
    await connection.close()


async def run(source: str, target: str) -> None:
    batches, clock = await prepared(source), SystemClock()
    began, used = clock.monotonic(), time.process_time()
    await store(target, batches)
    seconds, cpu_s = clock.monotonic() - began, time.process_time() - used
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "peak_mb": peak_mb()}) + "\n")


if __name__ == "__main__":
    anyio.run(run, sys.argv[1], sys.argv[2])
