"""Where the contestants meet: one sandbox process, one Postgres, a database of its own for each run."""

import contextlib
import itertools
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import asyncpg
import msgspec

from daemon.adapters.postgres.migrate import migrate
from daemon.adapters.postgres.pool import Pool
from daemon.adapters.postgres.pull_store import PullStore
from daemon.core.backfill import Cursor, Feed, Pass
from daemon.core.model import AccountId, PartnerId, Resource, Scope
from tests.bench.daemon_run import Job, Measured
from tests.bench.environments import PEERS, Peer, python_of
from tests.bench.scale import Scale
from tests.bench.server import Server, running_server
from tests.system.books import insert_connected, sandbox_process
from tests.system.program import ENCRYPTION_KEY

PARTNER = "pt_1"
MIGRATED = "migrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a contestant's process took, from after its imports on."""

    seconds: float
    cpu_s: float
    peak_mb: float


@dataclass(slots=True, kw_only=True)
class Stand:
    """The sandbox and the server; `listed` is how many invoices the large books list."""

    scale: Scale
    place: Path
    server: Server
    greeting: dict[str, Any]
    listed: int = 0
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def python(self) -> Path:
        """Our own interpreter, for processes of ours."""
        return Path(sys.executable)

    # ---- databases and books -----------------------------------------------------------------------------------------

    async def database(self, template: str = "template0") -> str:
        """A database for one contestant; its name."""
        name = f"bench_{next(self.numbers)}"
        await self.server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    async def partner(self) -> str:
        """A database in which a partner has just connected the large books."""
        name = await self.database(MIGRATED)
        tokens = {key: self.greeting[key] for key in ("access_token", "refresh_token")}
        connection = await asyncpg.connect(self.server.dsn(name))
        try:
            await insert_connected(connection, PARTNER, {**self.greeting["accounts"][0], **tokens})
        finally:
            await connection.close()
        return name

    @property
    def scope(self) -> Scope:
        account = AccountId(self.greeting["accounts"][0]["account_id"])
        return Scope(partner_id=PartnerId(PARTNER), account_id=account)

    async def count(self) -> int:
        """How many invoices the large books list: those that are deleted are not among them."""
        account = f"{self.greeting['base_url']}/accounting/account/{self.scope.account_id}"
        headers = {"Authorization": f"Bearer {self.greeting['access_token']}"}
        url = f"{account}/invoices/invoices?per_page=1"
        async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as answer:
            total: int = (await answer.json())["response"]["result"]["total"]
        return total

    async def fault(self, seconds: float) -> None:
        """Let every page take so long to answer; 0 for as long as it takes."""
        slow = {"match": {"query": "per_page=100"}, "action": {"kind": "latency", "seconds": seconds}}
        async with aiohttp.ClientSession() as http:
            url = f"{self.greeting['base_url']}/_sandbox/faults"
            async with http.put(url, json=[slow] if seconds else []) as answer:
                assert answer.status < 400, await answer.text()

    async def differences(self, name: str) -> int:
        """How many invoices of a database are not there, or not to the cent, as FreshBooks' books have them."""
        url = f"{self.greeting['base_url']}/_sandbox/books/{self.scope.account_id}/summary"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            theirs = {
                (row["invoiceid"], Decimal(row["amount"]), Decimal(row["outstanding"]))
                for row in (await answer.json())["invoices"]
            }
        connection = await asyncpg.connect(self.server.dsn(name))
        try:
            rows = await connection.fetch("SELECT invoice_id, total, amount_due FROM platform.invoice")
        finally:
            await connection.close()
        return len(theirs ^ {tuple(row) for row in rows})

    # ---- contestants -------------------------------------------------------------------------------------------------

    async def ours(self, name: str, feed: Feed, **more: Any) -> Measured:
        """Let the daemon read the listing of all invoices to its end, as a part of an initial sync or of a census."""
        await self._prepare(name, feed)
        return await self._daemon(name, feed.value, **more)

    async def whole(self, name: str) -> Measured:
        """Let the daemon work from the consent until the partner is Connected, and tell what that took."""
        return await self._daemon(name, None)

    async def _daemon(self, name: str, feed: str | None, **more: Any) -> Measured:
        job = Job(
            dsn=self.server.dsn(name),
            url=self.greeting["base_url"],
            key=ENCRYPTION_KEY,
            client_id=self.greeting["client_id"],
            client_secret=self.greeting["client_secret"],
            feed=feed,
            **more,
        )
        said = await self.run(Path(sys.executable), "-m", "tests.bench.daemon_run", msgspec.json.encode(job).decode())
        return msgspec.convert(said, Measured)

    async def peer(self, peer: Peer, name: str) -> Figures:
        """Let a peer read the same listing into its own tables of a database."""
        job = {
            "url": self.greeting["base_url"],
            "token": self.greeting["access_token"],
            "account": str(self.scope.account_id),
            "dsn": self.server.dsn(name).replace("@", ":none@"),
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.server.user,
            "database": name,
            "scratch": str(self.place / name),
        }
        return Figures(**await self.run(python_of(peer), str(PEERS / peer.script), json.dumps(job)))

    async def run(self, python: Path, *arguments: str) -> dict[str, Any]:
        """Run a contestant's process and read the figures on its last line."""
        done = await anyio.run_process([str(python), *arguments], check=False)
        if done.returncode:
            raise AssertionError(f"{arguments[0]} ended with {done.returncode}: {done.stderr.decode()[-3000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    async def _prepare(self, name: str, feed: Feed) -> None:
        """Store the cursors of a partner for whom nothing but this one listing is left to read."""
        now = datetime.now(UTC)  # noqa: TID251 -- rows as the daemon would have written them
        others = [other for other in Feed if other is not feed and (feed is Feed.CENSUS or other is not Feed.CLOSING)]
        done = (Cursor(feed=other, began_at=now, finished_at=now, runs=1) for other in others)
        pages = -(-self.scale.invoices // 100)
        work = Cursor(feed=feed, queue=(Pass(resource=Resource.INVOICES),), began_at=now, pages_expected=pages)
        async with Pool.open(self.server.dsn(name)) as pool:
            for cursor in (*done, work):
                await PullStore(pool).save_cursor(self.scope, cursor)
            if feed is Feed.CENSUS:
                async with pool.connection() as connection:
                    await connection.execute("UPDATE sync.connection SET status = 'connected'")


@contextlib.asynccontextmanager
async def opened_stand(scale: Scale) -> AsyncIterator[Stand]:
    """Open the server and the large books."""
    options = ("--no-webhooks", "--rate-calls", "0", "--rate-creates", "0", "--invoices", str(scale.invoices))
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        place = Path(scratch)
        place.chmod(0o755)
        async with running_server(place) as server, sandbox_process(*options, patience_s=180.0) as greeting:
            stand = Stand(scale=scale, place=place, server=server, greeting=greeting)
            stand.listed = await stand.count()
            await server.execute(f'CREATE DATABASE "{MIGRATED}"')
            await migrate(server.dsn(MIGRATED))
            yield stand
