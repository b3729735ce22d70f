"""The schema's files: run once, in order, by one process at a time, and never edited afterwards."""

import shutil
from pathlib import Path

import anyio
import asyncpg
import pytest

from daemon.adapters.postgres.embedded import EmbeddedPostgres
from daemon.adapters.postgres.migrate import migrate
from daemon.adapters.postgres.schema_state import (
    MIGRATIONS,
    Ahead,
    Behind,
    MigrationError,
    UpToDate,
    migration_files,
    schema_state,
)
from daemon.core.errors import StoreUnavailable
from tests.postgres import PostgresKind, on_every_postgres
from tests.requirements import SYSTEM_POSTGRES_BINARIES

pytestmark = on_every_postgres
STEMS = [file.stem for file in migration_files()]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The migration files, to be edited."""
    return shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))


def add_file(directory: Path, sql: str, number: int = len(STEMS) + 1) -> None:
    stem = f"{number:04}_added"
    (directory / f"{stem}.sql").write_text(sql)
    last = (directory / "versions" / f"{STEMS[-1]}.py").read_text()
    version = last.replace(STEMS[-1], stem)
    for name, before, now in (("down_revision", number - 2, number - 1), ("\nrevision", number - 1, number)):
        version = version.replace(f'{name} = "{before:04}"', f'{name} = "{now:04}"')
    (directory / "versions" / f"{stem}.py").write_text(version)


async def test_every_file_runs_once(empty_database: str) -> None:
    assert await schema_state(empty_database) == Behind(count=len(STEMS))
    assert await migrate(empty_database) == STEMS
    assert await schema_state(empty_database) == UpToDate()
    assert await migrate(empty_database) == []


async def test_several_processes_may_migrate_at_once(empty_database: str) -> None:
    ran: list[list[str]] = []

    async def run() -> None:
        ran.append(await migrate(empty_database))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(run)
    assert sorted(ran) == [[], [], STEMS]


async def test_a_new_file_is_run_on_top(empty_database: str, copied: Path) -> None:
    await migrate(empty_database)
    add_file(copied, "CREATE TABLE sync.added (note text DEFAULT ':x $1 %s');\nINSERT INTO sync.added DEFAULT VALUES;")
    assert await schema_state(empty_database, copied) == Behind(count=1)
    assert await migrate(empty_database, copied) == [f"{len(STEMS) + 1:04}_added"]
    assert await fetchval(empty_database, "SELECT note FROM sync.added") == ":x $1 %s"


async def test_a_view_that_a_new_file_makes_is_read_with_the_rights_of_whoever_asks(
    empty_database: str, copied: Path
) -> None:
    add_file(copied, "CREATE VIEW sync.added AS SELECT partner_id FROM sync.push;")
    await migrate(empty_database, copied)
    options = await fetchval(empty_database, "SELECT reloptions FROM pg_class WHERE relname = 'added'")
    assert options == ["security_invoker=true"]


async def test_a_file_that_fails_leaves_nothing_of_itself(empty_database: str, copied: Path) -> None:
    add_file(copied, "CREATE TABLE sync.added (a int); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty_database, copied)
    assert await schema_state(empty_database, copied) == Behind(count=1)
    assert await fetchval(empty_database, "SELECT to_regclass('sync.added')") is None


async def test_a_file_edited_after_it_ran_is_refused(empty_database: str, copied: Path) -> None:
    await migrate(empty_database)
    edited = copied / f"{STEMS[1]}.sql"
    edited.write_text(edited.read_text() + "-- one more word\n")
    for ask in (schema_state, migrate):
        with pytest.raises(MigrationError, match=f"{STEMS[1]}.sql was edited"):
            await ask(empty_database, copied)


async def test_two_files_of_one_number_are_refused(empty_database: str, copied: Path) -> None:
    (copied / f"{STEMS[-1].split('_')[0]}_again.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="one number"):
        await migrate(empty_database, copied)


async def test_a_database_of_a_newer_daemon_is_left_alone(empty_database: str, copied: Path) -> None:
    add_file(copied, "SELECT 1")
    await migrate(empty_database, copied)
    assert await schema_state(empty_database) == Ahead(revisions=(f"{len(STEMS) + 1:04}",))
    with pytest.raises(MigrationError, match="newer"):
        await migrate(empty_database)


async def test_a_server_that_is_not_there_is_unavailable(empty_database: str, tmp_path: Path) -> None:
    nobody = f"postgresql://postgres@/nowhere?host={tmp_path}"
    with pytest.raises(StoreUnavailable):
        await schema_state(nobody)
    with pytest.raises(StoreUnavailable):
        await migrate(nobody)


async def test_a_user_who_may_not_create_roles_is_told_so(tmp_path: Path, postgres_kind: PostgresKind) -> None:
    binaries = SYSTEM_POSTGRES_BINARIES if postgres_kind == "system" else None
    async with EmbeddedPostgres.start(tmp_path / "data", binaries=binaries, durable=False) as server:
        await fetchval(server.dsn, "CREATE ROLE plain LOGIN")
        await fetchval(server.dsn, "CREATE DATABASE theirs OWNER plain")
        theirs = server.dsn_of("theirs").replace("postgres@", "plain@")
        ran = await migrate(theirs)
        assert ran[: len(STEMS)] == STEMS
        assert [note.split(":")[0] for note in ran[len(STEMS) :]] == [
            "role syncd is missing",
            "role platform is missing",
            "role syncd_reader is missing",
        ]
        assert await schema_state(theirs) == UpToDate()
        await fetchval(server.dsn, "CREATE DATABASE ours")
        with pytest.raises(MigrationError, match="owner"):
            await migrate(server.dsn_of("ours").replace("postgres@", "plain@"))


async def test_the_platform_s_role_sees_its_own_side_only(empty_database: str) -> None:
    await migrate(empty_database)
    connection = await asyncpg.connect(empty_database)
    try:
        await connection.execute("SET ROLE platform")
        await connection.execute("INSERT INTO platform.partner VALUES ('acme', 'Acme')")
        await connection.execute(
            "INSERT INTO platform.payment"
            " (partner_id, payment_id, account_id, invoice_id, amount, currency, method, status)"
            " VALUES ('acme', 'pay_1', 'Xr1', 1, 5, 'USD', 'card', 'processing')"
        )
        await connection.execute("UPDATE platform.payment SET status = 'succeeded'")
        assert await connection.fetchval("SELECT count(*) FROM platform.invoice") == 0
        for statement in (
            "SELECT * FROM sync.push",
            "UPDATE platform.payment SET amount = 1",
            "DELETE FROM platform.payment",
            "INSERT INTO platform.event (partner_id, kind, subject) VALUES ('acme', 'x', 'y')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await connection.execute("SET ROLE syncd")
        assert await connection.fetchval("SELECT state FROM sync.push") == "ready"
        for statement in ("UPDATE platform.payment SET status = 'failed'", "DELETE FROM sync.audit"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def fetchval(dsn: str, sql: str, *args: object) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        found: object = await connection.fetchval(sql, *args)
    finally:
        await connection.close()
    return found
