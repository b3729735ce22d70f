"""What Postgres keeps of leases that are agreed on elsewhere: the epochs that fence its writes, and who is who."""

import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.guarded import GuardedConnection, application_of
from daemon.core.leases import Vacancy
from daemon.core.model import PartnerId

_SQL = queries.load("leases")
_REGISTER = queries.load("lease_register")


class LeaseRegister:
    """Fulfils `adapters.nats.lease_store.Register` over one connection of its own. Each method raises StoreUnavailable.

    A member's row is there for people and for those who bury it; it is not renewed.
    """

    def __init__(self, dsn: str, name: str) -> None:
        self._name = name
        self.member_id = secrets.token_hex(8)
        self.application = application_of(self.member_id)
        self._guarded = GuardedConnection(dsn, self.member_id)

    async def enter(self, coordinator: str) -> None:
        """Stand among the members, unless others agree on leases elsewhere."""
        async with self._transaction() as connection:
            # By itself: of two whose common place was lost, each would else be refused for the other's former row.
            await connection.execute(_SQL["release_all"], self.member_id)
            await connection.execute(_SQL["leave"], self.member_id)
        async with self._transaction() as connection:
            await connection.execute(_SQL["one_by_one"])
            await connection.execute(_REGISTER["enter"], self.member_id, self._name, coordinator)
            await self._guarded.refuse_elsewhere(connection, coordinator)

    async def bury(self, gone: Collection[str]) -> int:
        """Remove members, close what they have open, and tell how many still stood here."""
        async with self._transaction() as connection:
            removed = await connection.fetch(_REGISTER["bury"], list(gone))
            if removed:
                await connection.execute(_SQL["disconnect"], [application_of(row[0]) for row in removed])
        return len(removed)

    async def census(self) -> tuple[int, frozenset[str]]:
        """Count the partners to be shared, and name the members that stand here for some time."""
        async with self._transaction() as connection:
            row = await connection.fetchrow(_REGISTER["census"])
        return (row["partners"], frozenset(row["members"])) if row else (0, frozenset())

    async def vacant(self, living: Collection[str], limit: int, without: Collection[PartnerId]) -> tuple[Vacancy, ...]:
        """Find up to `limit` partners that none of the living holds, or this member without knowing it."""
        async with self._transaction() as connection:
            rows = await connection.fetch(_REGISTER["vacant"], self.member_id, list(living), list(without), limit)
        return tuple(
            Vacancy(partner_id=PartnerId(row["partner_id"]), epoch=row["epoch"], deserted=row["deserted"])
            for row in rows
        )

    async def stamp(self, epochs: Mapping[PartnerId, int]) -> frozenset[PartnerId]:
        """Refuse from now on what is written under lower epochs; tell for whom, a higher one not having come before."""
        async with self._transaction() as connection:
            rows = await connection.fetch(_REGISTER["stamp"], self.member_id, list(epochs), list(epochs.values()))
        return frozenset(PartnerId(row["partner_id"]) for row in rows)

    async def release(self, epochs: Mapping[PartnerId, int]) -> None:
        """Show as free what this member held, now under these epochs where they are higher, and tell the others."""
        async with self._transaction() as connection:
            await connection.execute(_REGISTER["release"], self.member_id, list(epochs), list(epochs.values()))
            await connection.execute(_SQL["notify"])

    async def tell(self) -> None:
        """Have the others look for what is free."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["notify"])

    async def leave(self) -> None:
        """Show everything as free, stand among the members no more, and tell the others."""
        async with self._transaction() as connection:
            await connection.execute(_SQL["release_all"], self.member_id)
            await connection.execute(_SQL["leave"], self.member_id)
            await connection.execute(_SQL["notify"])

    def close(self) -> None:
        """Close the connection."""
        self._guarded.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        await self._guarded.open()
        async with self._guarded.transaction() as connection:
            yield connection
