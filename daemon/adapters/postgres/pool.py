"""The pool of connections: bounded, timed, and speaking the core's errors instead of asyncpg's."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from daemon.core.errors import LeaseLost, StoreUnavailable
from daemon.core.model import PartnerId

Conn: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
APPLICATION: Final = "freshbooks-syncd"
LEASE_LOST: Final = "SY001"
"""What `sync.fence` raises (migrations/0013_leases.sql)."""

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, or the statement was cancelled
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.ReadOnlySQLTransactionError,  # a standby answers after a fail-over
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a lock that is taken, a database that lets nobody in for now
    asyncpg.InternalClientError,
    OSError,  # TimeoutError is one
)


class Source(Protocol):
    """Where a store takes its connection from: the pool, or a transaction that is already open."""

    def connection(self) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection for single statements."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection with a transaction around it."""
        ...

    def reading(self, partner_id: PartnerId) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection for which no other partner's rows exist, whatever is asked."""
        ...

    def writing(self, partner_id: PartnerId) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection with a transaction around it that is its partner's only writer until it ends."""
        ...

    def fenced(self, partner_id: PartnerId) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection with a transaction around it that writes for a partner beside its one writer."""
        ...

    def lease(self, partner_id: PartnerId) -> int | None:
        """Tell the epoch that a single statement names to write for a partner; None where no lease guards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How many connections at most, and how long to wait for one and for an answer on it, in seconds."""

    size: int = 10
    acquire_timeout_s: float = 10.0
    command_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Lends connections; whatever makes Postgres unusable for now comes out as StoreUnavailable."""

    _pool: "asyncpg.Pool[asyncpg.Record]"
    dsn: str
    limits: PoolLimits

    @staticmethod
    @asynccontextmanager
    async def open(
        dsn: str, limits: PoolLimits | None = None, name: str = APPLICATION, **settings: str
    ) -> AsyncIterator["Pool"]:
        """Open a pool that connects when first used, so that it can be opened before Postgres answers.

        `name` is what Postgres calls its connections; `settings` are Postgres' own for them.
        """
        limits = limits or PoolLimits()
        pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=limits.size,
            timeout=limits.acquire_timeout_s,
            command_timeout=limits.command_timeout_s,
            statement_cache_size=256,
            max_cached_statement_lifetime=0,  # the first payment after a quiet hour is as urgent
            init=_prepare,
            reset=_as_it_is,
            server_settings={
                "application_name": name,
                "timezone": "UTC",
                "jit": "off",
                # A process that is frozen within a transaction holds its partner's lock no longer than this.
                "idle_in_transaction_session_timeout": f"{limits.command_timeout_s:.0f}s",
                **settings,
            },
        )
        with translated():
            _ = await pool
        try:
            yield Pool(pool, dsn, limits)
        finally:
            pool.terminate()

    def size(self) -> int:
        """How many connections are open."""
        return self._pool.get_size()

    def idle(self) -> int:
        """How many of them nobody uses."""
        return self._pool.get_idle_size()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Conn]:
        """Lend a connection for single statements. Raises StoreUnavailable."""
        with translated():
            async with self._pool.acquire(timeout=self.limits.acquire_timeout_s) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Conn]:
        """Lend a connection with a transaction around it. Raises StoreUnavailable."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def reading(self, partner_id: PartnerId) -> AsyncIterator[Conn]:
        """Lend a connection on which row-level security shows one partner's rows only. Raises StoreUnavailable."""
        async with self.transaction() as connection:
            await connection.execute("SELECT sync.read_as($1)", partner_id)
            yield connection

    @asynccontextmanager
    async def writing(self, partner_id: PartnerId) -> AsyncIterator[Conn]:
        """Lend a connection whose transaction is its partner's only writer. Raises StoreUnavailable."""
        async with self.transaction() as connection:
            await connection.execute("SELECT sync.lock_partner($1)", partner_id)
            yield connection

    def fenced(self, partner_id: PartnerId) -> AbstractAsyncContextManager[Conn]:  # noqa: ARG002 -- under no lease
        """Lend a connection with a transaction around it. Raises StoreUnavailable."""
        return self.transaction()

    def lease(self, partner_id: PartnerId) -> int | None:  # noqa: ARG002 -- under no lease
        """Tell that no lease guards."""
        return None


@dataclass(frozen=True, slots=True)
class Leased:
    """A pool whose writes for a partner are refused once another process has taken the partner over.

    `epoch` tells what the partner's lease is held under, and raises what it cannot be told for. Every write also raises
    LeaseLost.
    """

    pool: Pool
    epoch: Callable[[PartnerId], int]

    def connection(self) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection for single statements that read."""
        return self.pool.connection()

    def transaction(self) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection with a transaction around it, for what no lease guards."""
        return self.pool.transaction()

    def reading(self, partner_id: PartnerId) -> AbstractAsyncContextManager[Conn]:
        """Lend a connection for which no other partner's rows exist."""
        return self.pool.reading(partner_id)

    @asynccontextmanager
    async def writing(self, partner_id: PartnerId) -> AsyncIterator[Conn]:
        """Lend a connection whose transaction is its partner's only writer, under the partner's lease."""
        epoch = self.epoch(partner_id)
        async with self.pool.transaction() as connection:
            await connection.execute("SELECT sync.lock_partner($1, $2)", partner_id, epoch)
            yield connection

    @asynccontextmanager
    async def fenced(self, partner_id: PartnerId) -> AsyncIterator[Conn]:
        """Lend a connection with a transaction around it, under the partner's lease."""
        epoch = self.epoch(partner_id)
        async with self.pool.transaction() as connection:
            await connection.execute("SELECT sync.fence($1, $2)", partner_id, epoch)
            yield connection

    def lease(self, partner_id: PartnerId) -> int | None:
        """Tell the epoch that the partner is held under."""
        return self.epoch(partner_id)


@dataclass(frozen=True, slots=True)
class Bound:
    """A transaction that is already open and already its partner's only writer."""

    _connection: Conn

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Conn]:
        """Lend the transaction's connection."""
        yield self._connection

    transaction = connection

    @asynccontextmanager
    async def reading(self, partner_id: PartnerId) -> AsyncIterator[Conn]:  # noqa: ARG002 -- it is the partner's already
        """Lend the transaction's connection."""
        yield self._connection

    @asynccontextmanager
    async def writing(self, partner_id: PartnerId) -> AsyncIterator[Conn]:  # noqa: ARG002 -- it is the partner's already
        """Lend the transaction's connection."""
        yield self._connection

    fenced = writing

    def lease(self, partner_id: PartnerId) -> int | None:  # noqa: ARG002 -- the transaction is guarded as a whole
        """Tell that no other lease guards."""
        return None


async def _prepare(connection: Any) -> None:  # noqa: ANN401 -- asyncpg hands over either of its two connection types
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=msgspec.json.decode, format="text"
    )


async def _as_it_is(_: Any) -> None:  # noqa: ANN401 -- asyncpg hands over either of its two connection types
    """Ask for nothing more on release: every setting, lock and cursor of ours ends with its transaction."""


def _encode_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailable for whatever makes Postgres unusable for now, and LeaseLost for a lease that is past."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable(_explain(error)) from error
    except asyncpg.InterfaceError as error:
        if "clos" not in str(error):  # a closed connection or pool; anything else is a mistake of ours
            raise
        raise StoreUnavailable(_explain(error)) from error
    except asyncpg.PostgresError as error:
        if error.sqlstate != LEASE_LOST:
            raise
        raise LeaseLost(str(error)) from error


def _explain(error: BaseException) -> str:
    what = "it did not answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return f"Postgres cannot be used now: {what}"
