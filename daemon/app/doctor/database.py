"""Postgres: there, new enough, ours to use, with today's schema, and sealed under keys we have."""

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from daemon.actors.ports import Clock
from daemon.adapters.postgres.pool import Pool, PoolLimits
from daemon.adapters.postgres.sealed_store import SealedStore
from daemon.app.database import require_schema, running_database
from daemon.app.doctor.findings import Finding, Outcome, fault, ok, skipped, split, warning
from daemon.app.errors import StartRefused
from daemon.app.keys import key_ring, require_keys
from daemon.app.rotation import key_use
from daemon.core.errors import SettingsError, StoreUnavailable
from daemon.settings import Settings

VERSION_MIN: Final = 15
SKEW_MAX_S: Final = 30.0
PATIENCE_S: Final = 5.0
_LIMITS: Final = PoolLimits(size=2, acquire_timeout_s=PATIENCE_S, command_timeout_s=PATIENCE_S)
_LACKING: Final = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('platform', 'sync') AND c.relkind IN ('r', 'v')
  AND c.relname NOT IN ('migration', 'alembic_version', 'audit_head')
  AND (NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT')
       OR n.nspname = 'sync' AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, 'INSERT'))
ORDER BY 1
"""


async def check_database(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at the configured Postgres, or at a running daemon's own."""
    try:
        dsn = (await running_database(settings)).dsn
    except StartRefused:
        return [skipped("postgres", "the daemon starts its own, and does not run now")]
    try:
        connection = await asyncpg.connect(dsn, timeout=PATIENCE_S, command_timeout=PATIENCE_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        return [_unreachable(error, dsn)]
    try:
        found = [_version(connection), _clock(await connection.fetchval("SELECT clock_timestamp()"), clock.now())]
        granted = await _granted(connection)
        found.append(granted)
    finally:
        await connection.close()
    if granted.outcome is Outcome.FAULT:
        return [*found, skipped("schema", "the user must be allowed to look first")]
    schema = await _schema(dsn)
    if schema.outcome is Outcome.FAULT:
        return [*found, schema, skipped("stored secrets", "the schema must be there first")]
    return [*found, schema, *await _contents(settings, dsn)]


def _unreachable(error: Exception, dsn: str) -> Finding:
    parts = urlsplit(dsn)
    database, user = parts.path.lstrip("/") or "DATABASE", parts.username or "USER"
    match error:
        case asyncpg.InvalidCatalogNameError():
            return fault("postgres", str(error), f"createdb --owner {user} {database}   (as the postgres user)")
        case asyncpg.InvalidAuthorizationSpecificationError():
            cure = f"createuser --pwprompt {user}   (as the postgres user), or correct postgres.dsn"
            return fault("postgres", f"the server does not let {user} in ({error})", cure)
        case _:
            what = str(error) or "it did not answer in time"
            return fault("postgres", what, "systemctl start postgresql, or correct postgres.dsn")


def _version(connection: asyncpg.Connection) -> Finding:
    version = connection.get_server_version()
    text = f"Postgres {version.major}.{version.minor}"
    return judge_version(version.major, text)


def judge_version(major: int, text: str) -> Finding:
    """Whether a Postgres is new enough."""
    if major < VERSION_MIN:
        return fault("postgres", f"{text} is too old", f"install Postgres {VERSION_MIN} or newer, and move the data")
    return ok("postgres", text)


def _clock(theirs: datetime, ours: datetime) -> Finding:
    return judge_clock("clock", (theirs - ours).total_seconds(), "Postgres'")


def judge_clock(check: str, skew_s: float, whose: str) -> Finding:
    """Whether two clocks agree well enough for tokens, claims and day boundaries."""
    if abs(skew_s) <= SKEW_MAX_S:
        return ok(check, f"within {abs(skew_s):.0f} s of {whose} clock")
    side = "behind" if skew_s > 0 else "ahead of"
    return fault(check, f"this machine is {abs(skew_s):.0f} s {side} {whose} clock", "timedatectl set-ntp true")


async def _granted(connection: asyncpg.Connection) -> Finding:
    lacking = [row[0] for row in await connection.fetch(_LACKING)]
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    if not lacking:
        return ok("grants", f"{user} may use every table")
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return fault(
        "grants", f"{user} may not use {lacking[0]}{more}", f"psql -c 'GRANT syncd TO {user}'   (as the owner)"
    )


async def _schema(dsn: str) -> Finding:
    try:
        await require_schema(dsn)
    except (StartRefused, StoreUnavailable) as error:
        return fault("schema", *split(str(error)))
    return ok("schema", "up to date")


async def _contents(settings: Settings, dsn: str) -> list[Finding]:
    async with Pool.open(dsn, _LIMITS) as pool:
        try:
            return [await _secrets(settings, SealedStore(pool)), await _partners(pool)]
        except StoreUnavailable as error:
            return [fault("stored secrets", str(error), "systemctl status postgresql")]


async def _secrets(settings: Settings, store: SealedStore) -> Finding:
    try:
        require_keys(key_ring(settings), await store.samples())
    except SettingsError as error:
        return fault("stored secrets", *split(str(error)))
    used = await key_use(store, tuple(key.id for key in settings.encryption.keys))
    return ok("stored secrets", ", ".join(f"{use.total} under {use.key_id}" for use in used))


async def _partners(pool: Pool) -> Finding:
    async with pool.connection() as connection:
        count = await connection.fetchval("SELECT count(*) FROM platform.partner")
    if not count:
        cure = "let the platform insert into platform.partner: see the README"
        return warning("partners", "the platform has named no partner yet", cure)
    return ok("partners", f"{count} known to the platform")
