"""What each rule lets differ, in a few words of a bookkeeper (T1)."""

from typing import Final

_WORDS: Final = {
    "P1": "changed in FreshBooks a moment ago",
    "P5": "edited in FreshBooks after being paid",
    "P6": "deleted or archived in FreshBooks, kept here",
    "P7": "overpaid, or in two currencies",
    "P8": "let go by a person",
    "P10": "cannot be read",
    "P11": "refunded",
    "W1": "on the way to FreshBooks",
    "W2": "failed, and to be reverted in FreshBooks",
    "W4": "being looked up",
    "W5": "stopped, or maybe recorded by hand",
    "W6": "payout failed after its deposit",
}


def rule_words(name: str) -> str:
    """Say what a rule lets differ."""
    return _WORDS.get(name, name)
