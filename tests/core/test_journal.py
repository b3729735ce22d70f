"""Journal entries balance, or are not written."""

from datetime import date
from decimal import Decimal

import pytest

from daemon.core.callbacks import EVENTS, FbCallback
from daemon.core.journal import FbJournalEntry, JournalDraft, JournalLine


def draft(*amounts: str) -> JournalDraft:
    lines = tuple(JournalLine(account_id=f"a{n}", legacy_id=n, amount=Decimal(x)) for n, x in enumerate(amounts))
    return JournalDraft(name="n", description="AP:po_1:1", entered_on=date(2026, 8, 4), currency="USD", lines=lines)


@pytest.mark.parametrize(
    ("amounts", "balanced"),
    [
        (("176.00", "24.00", "100.00", "-300.00"), True),
        (("176.00", "-176"), True),
        (("176.00", "-175.99"), False),
        (("0.00", "0.00"), False),
        (("1.00", "-1.00", "0"), False),
        ((), False),
    ],
)
def test_an_entry_balances_when_its_sides_are_equal_and_none_is_empty(amounts: tuple[str, ...], balanced: bool) -> None:
    assert draft(*amounts).is_balanced is balanced


def test_what_freshbooks_shows_is_compared_by_content() -> None:
    entry = FbJournalEntry(id="1", name="n", description="d", entered_on=date(2026, 8, 4), debits=Decimal("1.00"))
    assert entry == FbJournalEntry(id="1", name="n", description="d", entered_on=date(2026, 8, 4), debits=Decimal(1))
    assert FbCallback(id=1, event=EVENTS[0], uri="https://x.example", verified=False).event == "invoice"
