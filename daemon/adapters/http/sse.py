"""Live pages: a hub that tells open pages of a partner that something changed, and the stream that carries it (SSE)."""

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from daemon.core.desk import ALL_TOPICS, Topic
from daemon.core.model import PartnerId

STREAMS_PER_PARTNER_MAX = 24
STREAMS_MAX = 2000


class HubFull(Exception):
    """Too many pages are open already; the message says whose."""


class Watch:
    """One open page's view of the hub: the topics that changed since it last looked, and nothing more to grow."""

    __slots__ = ("_changed", "_wake", "closed")

    def __init__(self) -> None:
        self._changed: set[Topic] = set()
        self._wake = anyio.Event()
        self.closed = False

    def mark(self, topics: frozenset[Topic]) -> None:
        """Note that these topics changed."""
        self._changed |= topics
        self._wake.set()

    def close(self) -> None:
        """End the stream at its next look."""
        self.closed = True
        self._wake.set()

    async def wait(self) -> None:
        """Wait until there is something to take, or the watch is closed."""
        await self._wake.wait()

    def take(self) -> tuple[Topic, ...]:
        """Hand out what changed, once, in the order of the topics."""
        changed, self._changed = self._changed, set()
        if not self.closed:
            self._wake = anyio.Event()
        return tuple(topic for topic in Topic if topic in changed)


class Hub:
    """Who is looking, by partner. Pings carry no data: a page that hears one reads its rows again from the database."""

    def __init__(self) -> None:
        self._watches: defaultdict[PartnerId, set[Watch]] = defaultdict(set)
        self._pings: Counter[PartnerId] = Counter()
        # Marks of a former process must not pass for ours.
        self._boot = secrets.token_hex(4)
        self._open = 0
        self._closed = False

    @property
    def open_streams(self) -> int:
        """How many pages are open."""
        return self._open

    def mark(self, partner_id: PartnerId) -> str:
        """Name this moment of a partner: a page that was read at an equal mark has missed nothing."""
        return f"{self._boot}-{self._pings[partner_id]}"

    def publish(self, partner_id: PartnerId, topics: frozenset[Topic] = ALL_TOPICS) -> None:
        """Tell the open pages of a partner that something changed. Never waits; many pings before a look are one."""
        self._pings[partner_id] += 1
        for watch in self._watches.get(partner_id, ()):
            watch.mark(topics)

    def publish_all(self) -> None:
        """Tell every open page that anything may have changed, and let no mark of before this pass."""
        self._boot = secrets.token_hex(4)
        for watches in self._watches.values():
            for watch in watches:
                watch.mark(ALL_TOPICS)

    def close(self) -> None:
        """End all streams, so that the listener can stop; new ones are refused."""
        self._closed = True
        for watches in self._watches.values():
            for watch in watches:
                watch.close()

    @contextmanager
    def watching(self, partner_id: PartnerId, since: str) -> Iterator[Watch]:
        """Watch a partner while the block lasts; everything counts as changed if `since` is not the present mark.

        Raises HubFull.
        """
        if self._closed:
            raise HubFull("The dashboard is stopping.")
        if len(self._watches.get(partner_id, ())) >= STREAMS_PER_PARTNER_MAX or self._open >= STREAMS_MAX:
            raise HubFull("Too many pages are open at once. Close some of them.")
        watch = Watch()
        if since != self.mark(partner_id):
            watch.mark(ALL_TOPICS)
        self._watches[partner_id].add(watch)
        self._open += 1
        try:
            yield watch
        finally:
            self._open -= 1
            self._watches[partner_id].discard(watch)
            if not self._watches[partner_id]:
                del self._watches[partner_id]
