"""A partner who is connected already, as another process would have stored it."""

from datetime import UTC, datetime, timedelta

import asyncpg

from daemon.adapters.crypto import KeyRing
from tests.system.program import ENCRYPTION_KEY


async def insert_partner(dsn: str) -> None:
    """Insert a partner who is connected and whose tokens are stored."""
    ring = KeyRing.from_base64({"k1": ENCRYPTION_KEY})
    now = datetime.now(UTC)  # noqa: TID251 -- rows as another process would have written them
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("INSERT INTO platform.partner (partner_id, name) VALUES ('acme', 'Acme')")
        await connection.execute(
            "INSERT INTO sync.connection (partner_id, status, account_id, business_uuid) "
            "VALUES ('acme', 'pending', 'abc123', 'u-1')"
        )
        await connection.execute(
            "INSERT INTO sync.token (partner_id, generation, access_token, refresh_token, expires_at) "
            "VALUES ('acme', 1, $1, $2, $3)",
            ring.encrypt("canary-access-token", partner_id="acme", field="access_token"),
            ring.encrypt("canary-refresh-token", partner_id="acme", field="refresh_token"),
            now + timedelta(hours=12),
        )
    finally:
        await connection.close()
