"""Leases in Postgres: a row per process that it renews, a row per partner with the epoch its writes are fenced by."""

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.guarded import GuardedConnection, application_of
from daemon.core.leases import Census, Lease, Roll, shares_for
from daemon.core.model import PartnerId

_SQL = queries.load("leases")
_HERE: Final = "Postgres"


class LeaseStore:
    """Fulfils `actors.membership.LeaseStore` over one connection of its own.

    `alone` says that no other process can be using this Postgres, and buries whoever seems to.
    """

    def __init__(self, dsn: str, name: str, *, alone: bool = False) -> None:
        self._name = name
        self._alone = alone
        self.member_id = secrets.token_hex(8)
        self._guarded = GuardedConnection(dsn, self.member_id)

    @property
    def application(self) -> str:
        """What this process' connections are called in Postgres, so that they can be closed when it is buried."""
        return application_of(self.member_id)

    async def join(self, ttl: timedelta) -> None:
        """Become a member. Raises StoreUnavailable, also while others agree on leases elsewhere."""
        await self._guarded.open()
        async with self._guarded.transaction() as connection:
            # What it held when it was buried may be taken by anybody, itself included.
            await connection.execute(_SQL["release_all"], self.member_id)
            await connection.execute(_SQL["one_by_one"])
            await connection.execute(_SQL["join"], self.member_id, self._name, ttl)
            await self._guarded.refuse_elsewhere(connection, _HERE)
            await connection.execute(_SQL["notify"])

    async def renew(self, ttl: timedelta) -> Roll | None:
        """Stay a member, and call the roll; None when the others have buried this one."""
        await self._guarded.open()
        async with self._guarded.transaction() as connection:
            row = await connection.fetchrow(_SQL["renew"], self.member_id, ttl, ttl - shares_for(ttl))
        return Roll(living=row["living"], sharing=row["sharing"]) if row else None

    async def bury(self, ttl: timedelta) -> int:
        """Remove the members that are gone, close what they have open, and tell how many there were.

        In one transaction: who is removed is never looked at again.
        """
        async with self._guarded.transaction() as connection:
            gone = await connection.fetch(_SQL["bury"], self.member_id, ttl, self._alone)
            if gone:
                await connection.execute(_SQL["disconnect"], [application_of(row[0]) for row in gone])
        return len(gone)

    async def census(self, ttl: timedelta) -> Census:
        """Count the members that were heard of lately, and the partners they share."""
        async with self._guarded.transaction() as connection:
            row = await connection.fetchrow(_SQL["census"], ttl - shares_for(ttl))
        return Census(members=row["members"], partners=row["partners"]) if row else Census(members=1, partners=0)

    async def acquire(self, limit: int, without: Collection[PartnerId]) -> tuple[Lease, ...]:
        """Take up to `limit` partners that nobody holds, each under a higher epoch than ever before."""
        async with self._guarded.transaction() as connection:
            if not await connection.fetch(_SQL["membership"], self.member_id):
                return ()
            rows = await connection.fetch(_SQL["acquire"], self.member_id, limit, list(without))
        return tuple(
            Lease(partner_id=PartnerId(row["partner_id"]), epoch=row["epoch"], taken_over=row["taken_over"])
            for row in rows
        )

    async def release(self, partners: Collection[PartnerId]) -> None:
        """Give leases back, and tell the others."""
        async with self._guarded.transaction() as connection:
            await connection.execute(_SQL["release"], self.member_id, list(partners))
            await connection.execute(_SQL["notify"])

    async def resign(self) -> None:
        """Count no longer among those who share, and tell the others."""
        async with self._guarded.transaction() as connection:
            await connection.execute(_SQL["resign"], self.member_id)
            await connection.execute(_SQL["notify"])

    async def leave(self) -> None:
        """Give everything back, tell the others, and be a member no more; a later `join` is a new member's."""
        async with self._guarded.transaction() as connection:
            await connection.execute(_SQL["release_all"], self.member_id)
            await connection.execute(_SQL["leave"], self.member_id)
            await connection.execute(_SQL["notify"])
        self.close()

    def close(self) -> None:
        """Close the connection; whoever still is a member then counts as crashed."""
        self._guarded.close()
