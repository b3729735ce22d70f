"""One resource's records by id, with the indexes that keep filtered lists of large books cheap."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from daemon.sandbox.model import ACTIVE, ARCHIVED, DELETED


class Record(Protocol):
    """What every shelved record has."""

    @property
    def id(self) -> int:
        """The record's number."""
        ...

    @property
    def vis_state(self) -> int:
        """0 active, 1 deleted, 2 archived."""
        ...


R = TypeVar("R", bound=Record)


class Shelf(Generic[R]):
    """Records by ascending id.

    `parents` names the fields that are indexed by value (an invoice's client), `days` those indexed by calendar day
    (as an ordinal), and `keys_of` reads the values whose change can move a record in or out of a lasting list.
    `version` counts all writes, `keys_version` those that changed `keys_of`.
    """

    def __init__(
        self,
        *,
        parents: Mapping[str, Callable[[R], int | None]] | None = None,
        days: Mapping[str, Callable[[R], int]] | None = None,
        keys_of: Callable[[R], object] = lambda record: record.vis_state,
    ) -> None:
        """Make an empty shelf."""
        self.rows: dict[int, R] = {}
        self.deleted: set[int] = set()
        self._archived: set[int] = set()
        self.version = 0
        self.keys_version = 0
        self._parents = parents or {}
        self._by_parent: dict[str, dict[int, list[int]]] = {name: {} for name in self._parents}
        self._keys_of = keys_of
        self._days = days or {}
        self._by_day: dict[str, dict[int, set[int]]] = {name: {} for name in self._days}

    def __len__(self) -> int:
        """How many records there are, deleted ones included."""
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        """All records, oldest id first."""
        return iter(self.rows.values())

    def find(self, key: int) -> R | None:
        """The record with this id, deleted or not."""
        return self.rows.get(key)

    def put(self, record: R) -> R | None:
        """Store `record` in the place of the one with its id, and return that one."""
        old = self.rows.get(record.id)
        self.rows[record.id] = record
        self.version += 1
        if old is None or self._keys_of(old) != self._keys_of(record):
            self.keys_version += 1
        for state, ids in ((DELETED, self.deleted), (ARCHIVED, self._archived)):
            if record.vis_state == state:
                ids.add(record.id)
            elif old is not None:
                ids.discard(record.id)
        self._index(old, record)
        return old

    def _index(self, old: R | None, new: R) -> None:
        for name, parent_of in self._parents.items():
            before, after = parent_of(old) if old is not None else None, parent_of(new)
            if before == after and old is not None:
                continue
            if before is not None:
                self._by_parent[name][before].remove(new.id)
            if after is not None:
                self._by_parent[name].setdefault(after, []).append(new.id)
        for name, day_of in self._days.items():
            day, index = day_of(new), self._by_day[name]
            if old is not None:
                if day_of(old) == day:
                    continue
                index[day_of(old)].discard(new.id)
            index.setdefault(day, set()).add(new.id)

    def in_state(self, vis_state: int) -> set[int]:
        """Ids of the records with this `vis_state`."""
        if vis_state == DELETED:
            return set(self.deleted)
        if vis_state == ARCHIVED:
            return set(self._archived)
        return set(self.rows) - self.deleted - self._archived if vis_state == ACTIVE else set()

    def children(self, parent: str, key: int) -> list[R]:
        """The records whose `parent` field is `key`, oldest id first unless they were moved there."""
        return [self.rows[child] for child in self._by_parent[parent].get(key, ())]

    def child_ids(self, parent: str, keys: Iterable[int]) -> set[int]:
        """Ids of the records whose `parent` field is one of `keys`."""
        index = self._by_parent[parent]
        return {child for key in keys for child in index.get(key, ())}

    def ids_between(self, name: str, first_day: int, last_day: int) -> set[int]:
        """Ids whose day `name` lies from `first_day` to `last_day` (ordinals, both included)."""
        found: set[int] = set()
        for day, ids in self._by_day[name].items():
            if first_day <= day <= last_day:
                found |= ids
        return found
