"""Whether the tables can be spread by partner, by hash partitions or over several servers, as they are."""

import asyncpg

WITHOUT_PARTNER = {
    "sync.alembic_version",
    "sync.api_token",
    "sync.migration",
    "sync.member",
    "sync.oauth_state",
    "sync.session",
    "sync.used_link",
}
"""Of the process, of the schema, or found by a secret alone before the partner is known: small, and not partitioned."""


async def test_every_unique_key_of_a_partner_s_table_contains_the_partner(database: str) -> None:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch(
        "SELECT n.nspname || '.' || t.relname AS name, c.relname AS key,"
        " (SELECT array_agg(a.attname::text) FROM pg_attribute a"
        " WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))"
        " AS columns FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_namespace n ON n.oid = t.relnamespace WHERE i.indisunique AND n.nspname IN ('sync', 'platform')"
    )
    await connection.close()
    assert len({row["name"] for row in rows}) > 20
    found = {f"{row['name']}: {row['key']}" for row in rows if "partner_id" not in row["columns"]}
    beyond = {name for name in found if name.partition(":")[0] not in WITHOUT_PARTNER}
    # One FreshBooks account belongs to one partner (C2): spread tables would need a table of accounts for it.
    assert beyond == {"sync.connection: connection_account"}
