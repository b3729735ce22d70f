"""All of Postgres that the actors use, in one value: the stores share one pool."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from daemon.adapters.postgres.connection_store import ConnectionStore
from daemon.adapters.postgres.entry_store import EntryStore
from daemon.adapters.postgres.listener import Listener
from daemon.adapters.postgres.page_news import PageNews
from daemon.adapters.postgres.pool import Leased, Pool
from daemon.adapters.postgres.pull_store import PullStore
from daemon.adapters.postgres.push_store import PushStore
from daemon.adapters.postgres.take_back_store import TakeBackStore
from daemon.core.model import PartnerId


class PostgresStore(PullStore, PushStore, EntryStore, ConnectionStore, TakeBackStore):
    """Fulfils `actors.ports.Store`. `sleep` is the clock's, for the listener's retries; `pages` hears by the same one.

    With `epoch`, every write for a partner is made under its lease and raises LeaseLost once that is past.
    """

    def __init__(
        self,
        pool: Pool,
        sleep: Callable[[float], Awaitable[None]],
        epoch: Callable[[PartnerId], int] | None = None,
        pages: PageNews | None = None,
    ) -> None:
        super().__init__(pool if epoch is None else Leased(pool, epoch))
        self._pool = pool
        self._sleep = sleep
        self._pages = pages

    def wakes(self) -> AbstractAsyncContextManager[AsyncIterator[tuple[PartnerId, str]]]:
        """Listen for work: (partner, `push` | `reread` | `connection`); survives a lost connection."""
        return Listener(self._pool.dsn, self.partners, self._sleep, pages=self._pages).wakes()
