"""Journal entries as values: what is written to FreshBooks' ledger for deposits and moved payments (W6)."""

import enum
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from daemon.core.model import Choice, PushState, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One side of an entry: `amount` above 0 is a debit, below 0 a credit. The account goes by both of its ids."""

    account_id: str
    legacy_id: int | None
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDraft:
    """An entry to be written, in one currency; its marker stands in `description` (W4, W6)."""

    name: str
    description: str
    entered_on: date
    currency: str
    lines: tuple[JournalLine, ...]

    @property
    def is_balanced(self) -> bool:
        """Whether debits equal credits, and none of the lines is empty: FreshBooks refuses any other."""
        return (
            sum(line.amount for line in self.lines) == 0 and len(self.lines) > 1 and all(x.amount for x in self.lines)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FbJournalEntry:
    """An entry as FreshBooks' journal shows it: `debits` is the sum of its debit sides.

    `sides` are FreshBooks' older account ids with signed amounts, where every line tells its account; else empty.
    """

    id: str
    name: str
    description: str
    entered_on: date
    debits: Decimal
    sides: tuple[tuple[int, Decimal], ...] = ()


class EntryKind(enum.StrEnum):
    """What a journal entry is written for; the other kind of push is `payment`."""

    PAYOUT = "payout"
    """A deposit; its subject is the payout's id. An even generation stands for a payout that failed afterwards."""
    MOVE = "move"
    """A payment brought to the payments account; its subject is FreshBooks' payment id. Even ones bring it back."""


_MARKS = {EntryKind.PAYOUT: "APO", EntryKind.MOVE: "APM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPush:
    """The durable intent to write one journal entry, one per (kind, subject, generation); fields as of `Push` (W4).

    `draft` is what was sent last, so that a look-up knows its day and a reversal its accounts.
    """

    kind: EntryKind
    subject: str
    generation: int
    state: PushState
    marker: str
    fence: int = 0
    attempts: int = 0
    not_before: datetime | None = None
    deadline_at: datetime | None = None
    claimed_at: datetime | None = None
    checked_absent: int = 0
    entry_id: str | None = None
    draft: JournalDraft | None = None
    reason: Reason | None = None
    detail: str = ""
    choice: Choice | None = None

    @property
    def is_reversal(self) -> bool:
        """Whether it takes back what the generation before it did."""
        return self.generation % 2 == 0


def entry_marker(kind: EntryKind, subject: str, generation: int) -> str:
    """Spell the marker of an entry, as the database does too: "APO:po_1:1", "APM:501:1"."""
    return f"{_MARKS[kind]}:{subject}:{generation}"


def carries(entry: FbJournalEntry, marker: str) -> bool:
    """Tell whether an entry names this very marker, whatever a bookkeeper wrote around it."""
    wanted = re.compile(rf"(?<![A-Za-z0-9]){re.escape(marker)}(?![0-9])")
    return wanted.search(entry.description) is not None or wanted.search(entry.name) is not None
