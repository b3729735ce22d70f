"""The audit log in Postgres: append-only, chained by the database, and checked against whoever could change it (T2)."""

import shutil
from pathlib import Path

import anyio
import asyncpg
import pytest

from daemon.adapters.postgres.audit_store import AuditStore
from daemon.adapters.postgres.migrate import migrate
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.push_changes import audit
from daemon.adapters.postgres.schema_state import MIGRATIONS
from daemon.core.audit import AuditHead, audit_hash
from daemon.core.model import PartnerId
from tests.adapters.postgres_rows import PARTNER, Books
from tests.postgres import on_every_postgres

OTHER = PartnerId("zeta")
FORGED = """
UPDATE sync.audit a SET who = 'Bob', hash = sync.audit_hash(jsonb_populate_record(a, '{"who": "Bob"}'))
WHERE audit_id = 2
"""


@pytest.fixture
def log(books: Books) -> AuditStore:
    return AuditStore(books.pool)


async def write(books: Books, count: int, partner_id: PartnerId = PARTNER) -> None:
    for number in range(count):
        async with books.pool.transaction() as connection:
            await audit(
                connection,
                partner_id,
                who="Ann",
                what="wrote “it” – 1 000,00 €",
                subject=f"payment/{number}",
                before={"b": [1, 2.50, None], "a": "ü"},
                after={"amount": "10.00", "nested": {"zz": 1, "a": True}},
                why="because",
            )


async def tamper(books: Books, statement: str) -> None:
    """Do it as the table's owner, with every trigger of ours disabled."""
    async with books.pool.transaction() as connection:
        for table in ("sync.audit", "sync.audit_head"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await connection.execute(statement)
        for table in ("sync.audit", "sync.audit_head"):
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@on_every_postgres
async def test_the_chain_is_the_same_outside_of_the_database(books: Books, log: AuditStore) -> None:
    await write(books, 3)
    check = await log.check(PARTNER)
    assert (check.broken, check.reached.number) == (None, 3)
    lines = [line async for line in log.lines(PARTNER)]
    assert [line.number for line in lines] == [1, 2, 3]
    assert [line.hash for line in lines] == [audit_hash(line) for line in lines]
    assert [line.previous for line in lines] == [b"", lines[0].hash, lines[1].hash]


async def test_each_partner_has_a_chain_of_its_own(books: Books, log: AuditStore) -> None:
    await books.add_partner(OTHER, "Zr1")
    await write(books, 2)
    await write(books, 1, OTHER)
    await write(books, 1)
    assert (await log.check(PARTNER)).reached.number == 3
    assert (await log.check(OTHER)).reached.number == 1
    assert await log.partners() == (PARTNER, OTHER)


async def test_writers_at_once_make_one_chain(books: Books, log: AuditStore) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(write, books, 4)
    check = await log.check(PARTNER)
    assert (check.broken, check.reached.number) == (None, 20)


async def test_a_line_that_was_rolled_back_leaves_no_gap(books: Books, log: AuditStore) -> None:
    await write(books, 1)
    async with books.pool.connection() as connection:
        undone = connection.transaction()
        await undone.start()
        await audit(connection, PARTNER, who="Ann", what="x", subject="y")
        await undone.rollback()
    await write(books, 1)
    assert (await log.check(PARTNER)).broken is None


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE sync.audit SET who = 'Bob' WHERE audit_id = 2", "line 2 was changed after it was written"),
        ("UPDATE sync.audit SET why = why || ' ' WHERE audit_id = 3", "line 3 was changed after it was written"),
        (
            "UPDATE sync.audit SET at = now() WHERE audit_id = 1",
            "line 1 was changed after it was written",
        ),
        (
            "UPDATE sync.audit SET after = jsonb_set(after, '{amount}', '\"99.00\"') WHERE audit_id = 2",
            "line 2 was changed after it was written",
        ),
        (
            FORGED,
            "line 3 does not follow from the line before",
        ),
        ("DELETE FROM sync.audit WHERE audit_id = 1", "line 1 is missing"),
        ("DELETE FROM sync.audit WHERE audit_id = 2", "line 2 is missing"),
        ("DELETE FROM sync.audit WHERE audit_id = 4", "line 4 is missing: the log once ended at 4"),
        ("TRUNCATE sync.audit", "line 1 is missing: the log once ended at 4"),
        ("DELETE FROM sync.audit_head", "the log's head is missing"),
        (
            "UPDATE sync.audit SET audit_id = 9 WHERE audit_id = 2",
            "line 2 is missing",
        ),
    ],
)
async def test_tampering_by_the_owner_with_triggers_disabled_is_detected(
    statement: str, broken: str, books: Books, log: AuditStore
) -> None:
    await write(books, 4)
    await tamper(books, statement)
    assert (await log.check(PARTNER)).broken == broken


async def test_a_log_cut_off_together_with_its_head_is_detected_by_a_head_kept_elsewhere(
    books: Books, log: AuditStore
) -> None:
    await write(books, 4)
    kept = (await log.check(PARTNER)).reached
    await tamper(books, "DELETE FROM sync.audit WHERE audit_id > 2")
    await tamper(
        books,
        "UPDATE sync.audit_head h SET audit_id = 2, hash = a.hash FROM sync.audit a WHERE a.audit_id = 2",
    )
    assert (await log.check(PARTNER)).broken is None
    assert (await log.check(PARTNER, kept)).broken == "line 3 is missing: line 4 once was there"
    assert (await log.check(PARTNER, AuditHead(number=2, hash=b"x"))).broken is not None


async def test_a_log_that_is_gone_with_its_head_is_detected_by_the_connection(books: Books, log: AuditStore) -> None:
    await write(books, 1)
    await books.execute("UPDATE sync.connection SET consented_at = now()")
    await tamper(books, "DELETE FROM sync.audit")
    await tamper(books, "DELETE FROM sync.audit_head")
    assert await log.partners() == (PARTNER,)
    assert (await log.check(PARTNER)).broken == "the log's head is missing"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sync.audit SET who = 'x'",
        "DELETE FROM sync.audit",
        "TRUNCATE sync.audit",
        "DELETE FROM sync.audit_head",
        "TRUNCATE sync.audit_head",
        "UPDATE sync.invoice_history SET what = 'x'",
        "DELETE FROM sync.invoice_history",
        "TRUNCATE sync.invoice_history",
    ],
)
async def test_nobody_may_change_or_delete(statement: str, books: Books) -> None:
    """Not the daemon's role, for want of the right; not the owner, by a trigger."""
    await write(books, 1)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await books.execute(statement)
    async with books.pool.transaction() as connection:
        await connection.execute("SET LOCAL ROLE syncd")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_daemon_s_role_appends_and_touches_the_head_in_no_other_way(books: Books, log: AuditStore) -> None:
    async with books.pool.transaction() as connection:
        await connection.execute("SET LOCAL ROLE syncd")
        await audit(connection, PARTNER, who="Ann", what="x", subject="y")
        for statement in (
            "UPDATE sync.audit_head SET audit_id = 0",
            "INSERT INTO sync.audit_head VALUES ('q', 1, '')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(statement)
    assert (await log.check(PARTNER)).reached.number == 1


async def test_a_writer_cannot_choose_number_time_or_hash(books: Books, log: AuditStore) -> None:
    await books.execute(
        "INSERT INTO sync.audit (partner_id, audit_id, at, who, what, subject, previous, hash)"
        " VALUES ($1, 77, '2001-01-01', 'a', 'b', 'c', 'x', 'x')",
        PARTNER,
    )
    (line,) = [line async for line in log.lines(PARTNER)]
    assert (line.number, line.previous) == (1, b"")
    assert line.at.year > 2001
    assert (await log.check(PARTNER)).broken is None


async def test_lines_from_before_the_chain_become_its_beginning(empty_database: str, tmp_path: Path) -> None:
    before = shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (chain,) = before.glob("*_audit_chain.sql")
    for file in [*before.glob("[0-9]*.sql"), *before.glob("versions/[0-9]*.py")]:
        if file.stem >= chain.stem:
            file.unlink()
    await migrate(empty_database, before)
    async with Pool.open(empty_database) as pool, pool.connection() as connection:
        await connection.execute("INSERT INTO platform.partner VALUES ('acme', 'Acme'), ('zeta', 'Zeta')")
        for partner_id in ("acme", "zeta", "acme", "acme"):
            await audit(connection, PartnerId(partner_id), who="Ann", what="x", subject="y", after={"a": "1"})
    await migrate(empty_database)
    async with Pool.open(empty_database) as pool:
        async with pool.connection() as connection:
            await audit(connection, PARTNER, who="Ann", what="x", subject="y")
        checks = [await AuditStore(pool).check(partner_id) for partner_id in (PARTNER, OTHER)]
    assert [(check.broken, check.reached.number) for check in checks] == [(None, 4), (None, 1)]
