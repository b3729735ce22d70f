"""Journal entries as values: what is written to FreshBooks' ledger for deposits and moved payments (W6)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


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
    """An entry as FreshBooks' journal shows it: `debits` is the sum of its debit sides."""

    id: str
    name: str
    description: str
    entered_on: date
    debits: Decimal
