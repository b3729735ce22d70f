"""What tests get when they ask for a database."""

import asyncpg

from tests.postgres import on_every_postgres


async def _ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@on_every_postgres
async def test_a_database_has_our_schema_on_every_supported_postgres(database: str) -> None:
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('platform', 'sync')"
    assert await _ask(database, schemas) == 2


async def test_an_empty_database_has_nothing(empty_database: str) -> None:
    assert await _ask(empty_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_what_one_test_writes_another_does_not_see(database: str, empty_database: str) -> None:
    await _ask(database, "CREATE TABLE mine (id int)")
    assert await _ask(empty_database, "SELECT to_regclass('mine')") is None
