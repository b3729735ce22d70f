"""Leases in Postgres: a row per process that it renews, a row per partner with the epoch its writes are fenced by."""

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import APPLICATION, translated
from daemon.core.errors import StoreUnavailable
from daemon.core.leases import Census, Lease
from daemon.core.model import PartnerId

_SQL = queries.load("leases")
COMMAND_TIMEOUT_S: Final = 4.0
"""Less than a lease lives: a Postgres that does not answer is noticed while the lease is still trusted."""
IDLE_S: Final = 1.0
"""A process that is frozen within a transaction here holds up all others, who would wait for it until they are frozen
themselves, or give up. Postgres ends it after so long."""


class LeaseStore:
    """Fulfils `actors.membership.LeaseStore` over one connection of its own.

    That connection holds an advisory lock for as long as it lives, so that the others notice a crash at once. `alone`
    says that no other process can be using this Postgres, and buries whoever seems to.
    """

    def __init__(self, dsn: str, name: str, *, alone: bool = False) -> None:
        self._dsn = dsn
        self._name = name
        self._alone = alone
        self._connection: asyncpg.Connection | None = None
        self.member_id = secrets.token_hex(8)

    @property
    def application(self) -> str:
        """What this process' connections are called in Postgres, so that they can be closed when it is buried."""
        return application_of(self.member_id)

    async def join(self, ttl: timedelta) -> None:
        """Become a member. Raises StoreUnavailable."""
        await self._guarded()
        async with self._transaction() as connection:
            # What it held when it was buried may be taken by anybody, itself included.
            await connection.execute(_SQL["release_all"], self.member_id)
            await connection.execute(_SQL["join"], self.member_id, self._name, ttl)
            await connection.execute(_SQL["notify"])

    async def renew(self, ttl: timedelta) -> int | None:
        """Stay a member, and count those who share; None when the others have buried this one."""
        await self._guarded()
        async with self._transaction() as connection:
            members: int | None = await connection.fetchval(_SQL["renew"], self.member_id, ttl)
        return members

    async def bury(self, ttl: timedelta) -> int:
        """Remove the members that are gone, close what they have open, and tell how many there were.

        In one transaction: who is removed is never looked at again.
        """
        async with self._transaction() as connection:
            gone = await connection.fetch(_SQL["bury"], self.member_id, ttl, self._alone)
            if gone:
                await connection.execute(_SQL["disconnect"], [application_of(row[0]) for row in gone])
        return len(gone)

    async def census(self) -> Census:
        """Count the members and the partners they share."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(_SQL["census"])
        return Census(members=row["members"], partners=row["partners"]) if row else Census(members=1, partners=0)

    async def acquire(self, limit: int, without: Collection[PartnerId]) -> tuple[Lease, ...]:
        """Take up to `limit` partners that nobody holds, each under a higher epoch than ever before."""
        async with self._transaction() as connection:
            if not await connection.fetch(_SQL["membership"], self.member_id):
                return ()
            rows = await connection.fetch(_SQL["acquire"], self.member_id, limit, list(without))
        return tuple(
            Lease(partner_id=PartnerId(row["partner_id"]), epoch=row["epoch"], taken_over=row["taken_over"])
            for row in rows
        )

    async def release(self, partners: Collection[PartnerId]) -> None:
        """Give leases back, and tell the others."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["release"], self.member_id, list(partners))
            await connection.execute(_SQL["notify"])

    async def resign(self) -> None:
        """Count no longer among those who share, and tell the others."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["resign"], self.member_id)
            await connection.execute(_SQL["notify"])

    async def leave(self) -> None:
        """Give everything back, tell the others, and be a member no more; a later `join` is a new member's."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["release_all"], self.member_id)
            await connection.execute(_SQL["leave"], self.member_id)
            await connection.execute(_SQL["notify"])
        self.close()

    def close(self) -> None:
        """Close the connection; whoever still is a member then counts as crashed."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _guarded(self) -> None:
        """Hold the lock that says that this process lives, on a connection that does."""
        if self._connection is not None and not self._connection.is_closed():
            return
        with translated():
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=COMMAND_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                server_settings={
                    "application_name": f"{APPLICATION} leases",
                    "timezone": "UTC",
                    "idle_in_transaction_session_timeout": f"{IDLE_S:.0f}s",
                },
            )
            held = await self._connection.fetchval(_SQL["guard"], self.member_id)
        if not held:
            self.close()
            raise StoreUnavailable("Postgres still holds this process' former connection")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        if self._connection is None:
            raise StoreUnavailable("the leases' connection is not open")
        with translated():
            try:
                async with self._connection.transaction():
                    yield self._connection
            except TimeoutError:
                # What became of the statement is unknown, and so is the state of the connection.
                self.close()
                raise


def application_of(member_id: str) -> str:
    """Tell what a member's connections are called."""
    return f"{APPLICATION} {member_id}"
