"""The general journal: follows the books with entries and reversals, and takes manual entries (FB API s3.9)."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import cast

from daemon.sandbox.model import JournalEntry, Posting
from daemon.sandbox.money import ZERO
from daemon.sandbox.postings import Source, day_of, sides
from daemon.sandbox.switches import Switches

_FIRST_ENTRY, _FIRST_DETAIL = 5_000_001, 9_000_001


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry; `sign` is -1 for the reversal of what a record posted before."""

    id: int
    first_detail_id: int
    sign: int
    source: Source
    draft_line: bool

    @property
    def day(self) -> date:
        """The day the entry stands under."""
        return day_of(self.source)


@dataclass(frozen=True, slots=True)
class Detail:
    """One row of the journal."""

    id: int
    entry: Entry
    posting: Posting
    amount: Decimal


@dataclass(slots=True)
class Journal:
    """The entries of one set of books, made from `opening` (the records as generated) when first asked for.

    Records are immutable, so an entry keeps its record and works out its postings when read: a journal of a large
    account costs little until somebody reads it.
    """

    switches: Switches
    opening: list[Source] | None = None
    entries: list[Entry] = field(default_factory=list)
    _pending: list[tuple[Source | None, Source]] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    _next_entry: int = _FIRST_ENTRY
    _next_detail: int = _FIRST_DETAIL
    _balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    _balanced_until: int = 0

    def follow(self, old: object, new: object) -> None:
        """Note a change of a record; its postings are reversed and made anew if they differ."""
        self._pending.append((cast("Source | None", old), cast("Source", new)))

    def enter(self, entry: JournalEntry) -> Entry:
        """Append a manual entry and give it its numbers."""
        self._catch_up()
        self._append(1, entry)
        return self.entries[-1]

    def _catch_up(self) -> None:
        if self.opening is not None:
            opening, self.opening = self.opening, None
            for source in opening:
                self._append(1, source)
        pending, self._pending = self._pending, []
        draft_line = bool(self.switches["draft_journal_line"])
        for old, new in pending:
            before = sides(old, draft_line=draft_line) if old is not None else ()
            after = sides(new, draft_line=draft_line)
            if before == after and (old is None or day_of(old) == day_of(new)):
                continue
            if old is not None:
                self._append(-1, old)
            self._append(1, new)

    def _append(self, sign: int, source: Source) -> None:
        draft_line = bool(self.switches["draft_journal_line"])
        count = len(sides(source, draft_line=draft_line))
        if not count:
            return
        self.entries.append(Entry(self._next_entry, self._next_detail, sign, source, draft_line))
        self._next_entry += 1
        self._next_detail += count
        self._ends.append(self._next_detail)

    def _details_of(self, entry: Entry) -> Iterator[Detail]:
        for offset, posting in enumerate(sides(entry.source, draft_line=entry.draft_line)):
            yield Detail(entry.first_detail_id + offset, entry, posting, posting.amount * entry.sign)

    def page(self, page: int, per_page: int) -> tuple[list[Detail], int]:
        """One page of all details, newest first, and how many there are; works out no more than it shows."""
        self._catch_up()
        total = self._next_detail - _FIRST_DETAIL
        newest = self._next_detail - 1 - (page - 1) * per_page
        rows: list[Detail] = []
        while newest >= _FIRST_DETAIL and len(rows) < per_page:
            entry = self.entries[bisect_right(self._ends, newest)]
            own = list(self._details_of(entry))
            rows += reversed(own[: newest - entry.first_detail_id + 1])
            newest = entry.first_detail_id - 1
        return rows[:per_page], total

    def details(self) -> Iterator[Detail]:
        """All details, newest first."""
        self._catch_up()
        for entry in reversed(self.entries):
            yield from reversed(list(self._details_of(entry)))

    def balance(self, account_number: str, currency: str) -> Decimal:
        """Debits less credits of a sub-account in one currency."""
        self._catch_up()
        for entry in self.entries[self._balanced_until :]:
            for detail in self._details_of(entry):
                key = (detail.posting.account, detail.posting.currency)
                self._balances[key] = self._balances.get(key, ZERO) + detail.amount
        self._balanced_until = len(self.entries)
        return self._balances.get((account_number, currency), ZERO)
