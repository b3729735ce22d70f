"""What may stand in a log line: values of listed keys only, and no secret even there."""

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Final
from uuid import UUID

HIDDEN: Final = "[hidden]"

# fmt: off
SHOWN_KEYS: Final = frozenset({
    # the line itself
    "event", "exception", "level", "logger", "stack", "timestamp",
    # who and what
    "account_id", "call", "credit_id", "customer_id", "effect", "epoch", "fence", "field", "generation", "instance",
    "invoice_id", "issue", "issue_id", "kind", "lane", "marker", "partner", "payment_id", "payout_id", "push_id",
    "resource", "scope", "subject", "webhook_id",
    # what became of it
    "attempt", "attempts", "changed", "changes", "count", "errno", "error", "from_state", "items", "outcome", "page",
    "pages", "parked", "percent", "reason", "state", "status", "step", "taken_over", "to_state", "total",
    # how long and when; the unit stands last
    "at", "deadline_at", "downtime_s", "elapsed_s", "grace_s", "interval_s", "rate_per_s", "restart_in_s", "retry_in_s",
    "since_at", "until_at", "wait_s", "wake_at",
    # the process and its surroundings
    "address", "children", "key_id", "listener", "method", "migration", "path", "pid", "port",
    "postgres_version", "python_version", "requires_restart", "signal", "version",
})
# fmt: on
"""Every key whose value a log line shows; a test keeps it in step with the code."""

# A key with one of these in its name is hidden even when it is listed.
SECRET_WORDS: Final = ("authorization", "cookie", "credential", "dsn", "password", "passwd", "secret", "token")

# Secrets inside a text: `Bearer abc`, `token=abc`, `"client_secret": "abc"`, `postgresql://user:abc@host`.
_IN_TEXT: Final = (
    re.compile(r"(?i)(?P<before>\b(?:bearer|basic)\s+)[\w.~+/=-]+"),
    re.compile(
        r"""(?ix) (?P<before>
            [\w-]*(?:authorization|code_verifier|cookie|password|passwd|secret|signature|token)[\w-]*   # a telling name
            ['"]? \s* [:=] \s* ) (?: "[^"]*" | '[^']*' | (?:bearer\s+)?[^\s,;&)}'"]+ )"""
    ),
    re.compile(r"(?i)(?P<before>[?&](?:code|state|sig|key)=)[^\s&'\"]+"),
    re.compile(r"(?P<before>://[^\s:/@]*:)[^\s@/]+(?=@)"),
)


def redact(event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Give the event with every value hidden that is not known to be harmless."""
    return {key: _shown(value) if may_show(key) else HIDDEN for key, value in event.items()}


def may_show(key: str) -> bool:
    """Tell whether a key's value may stand in a log line."""
    return key in SHOWN_KEYS and not any(word in key for word in SECRET_WORDS)


def scrub(text: str) -> str:
    """Hide what looks like a secret inside a text."""
    for pattern in _IN_TEXT:
        text = pattern.sub(rf"\g<before>{HIDDEN}", text)
    return text


def _shown(value: object) -> object:
    shown: object
    match value:
        case Enum():
            shown = _shown(value.value)
        case None | bool() | int() | float():
            shown = value
        case str():
            shown = scrub(value)
        case Decimal() | UUID() | date() | timedelta() | PurePath():
            shown = str(value)
        case Mapping():
            shown = {str(key): _shown(inner) if may_show(str(key)) else HIDDEN for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            shown = [_shown(inner) for inner in value]
        case BaseException():
            shown = scrub(f"{type(value).__name__}: {value}")
        case _:
            shown = f"<{type(value).__name__}>"  # its repr might hold anything
    return shown
