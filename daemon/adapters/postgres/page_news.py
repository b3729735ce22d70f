"""What changed under open pages, told between the processes that share a database (NOTIFY on `syncd_pages`)."""

import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.core.desk import Topic
from daemon.core.errors import StoreUnavailable
from daemon.core.model import PartnerId

CHANNEL: Final = "syncd_pages"
GATHER_S: Final = 0.2
"""What changes within this is told together: a busy sync costs a statement for each of these, not for each page."""
RETRY_S: Final = 1.0
_SQL = queries.load("page_news")


class PageNews:
    """Tells the others what changed here, and hands on what they tell: a page may be open at any process.

    `show` is called with a partner and what of its changed elsewhere; `missed` when something may have gone unheard.
    """

    def __init__(
        self,
        source: Source,
        sleep: Callable[[float], Awaitable[None]],
        show: Callable[[PartnerId, frozenset[Topic]], None],
        missed: Callable[[], None],
    ) -> None:
        self._source = source
        self._sleep = sleep
        self._show = show
        self.missed = missed
        # A process hears its own news, too, which its pages were told already.
        self._origin = secrets.token_hex(4)
        self._untold: defaultdict[PartnerId, frozenset[Topic]] = defaultdict(frozenset)
        self._news = anyio.Event()

    def tell(self, partner_id: PartnerId, topics: frozenset[Topic]) -> None:
        """Have the others told soon. Never waits; what is told of a partner before that is one."""
        self._untold[partner_id] |= topics
        self._news.set()

    def hear(self, told: str) -> None:
        """Hand on what a process told, unless it was this one; what another release may say besides is no news."""
        origin, _, news = told.partition(" ")
        topics, _, partner_id = news.partition(" ")
        changed = frozenset(topic for topic in Topic if topic in topics.split(","))
        if origin != self._origin and changed and partner_id:
            self._show(PartnerId(partner_id), changed)

    async def run(self) -> None:
        """Tell for ever what changes. While Postgres is away nothing is lost: it is told afterwards."""
        while True:
            await self._news.wait()
            await self._sleep(GATHER_S)
            self._news = anyio.Event()
            untold, self._untold = self._untold, defaultdict(frozenset)
            try:
                await self._send(untold)
            except StoreUnavailable:
                for partner_id, topics in untold.items():
                    self.tell(partner_id, topics)
                await self._sleep(RETRY_S)

    async def _send(self, untold: dict[PartnerId, frozenset[Topic]]) -> None:
        told = [f"{self._origin} {','.join(sorted(topics))} {partner_id}" for partner_id, topics in untold.items()]
        async with self._source.connection() as connection:
            await connection.execute(_SQL["tell"], told)
