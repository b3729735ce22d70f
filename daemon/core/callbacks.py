"""FreshBooks' callbacks as values: where it rings when something changes (P1, FB API s6)."""

from dataclasses import dataclass

EVENTS = ("invoice", "payment", "client", "credit_note")
"""The bare nouns whose every event is heard; each is a callback of its own (FB API s6.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FbCallback:
    """A registered callback; FreshBooks rings only once it is verified."""

    id: int
    event: str
    uri: str
    verified: bool
