"""What the tests over the real adapters share."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from daemon.actors import reread
from tests.postgres import PostgresServers
from tests.whole.stage import Site, opened_site


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that no policy shortens."""
    for name in ("SNAPSHOT_RETRY", "REFUSED_RETRY"):
        monkeypatch.setattr(reread, name, timedelta(milliseconds=100))


@pytest.fixture(scope="module")
async def site(postgres_servers: PostgresServers) -> AsyncIterator[Site]:
    """One sandbox and one database for a module's tests; each adds partners of its own."""
    template = postgres_servers.migrated_template()
    with postgres_servers.database(template=template) as dsn:
        async with opened_site(dsn) as opened:
            yield opened
