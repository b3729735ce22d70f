"""What of a partner's can change under an open page."""

import enum
from typing import Final


class Topic(enum.StrEnum):
    """What changed; also the name of the event that a page listens for."""

    CONNECTION = "connection"
    """Status, progress, counts, runs, comparisons: whatever happens shows there."""
    INVOICES = "invoices"
    PAYMENTS = "payments"
    ISSUES = "issues"


ALL_TOPICS: Final = frozenset(Topic)
