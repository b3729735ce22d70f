"""FreshBooks' callbacks: where it rings when something changes, who may ring, and what a ring means (P1, FB API s6)."""

import base64
import enum
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from daemon.core.model import Resource

EVENTS = ("invoice", "payment", "client")
"""The bare nouns whose every event is heard; each is a callback of its own (FB API s6.5).

Credits are listed in full every hour, and applying one rings as a payment.
"""
HANDSHAKE = "callback.verify"
_RESOURCES = {"invoice": Resource.INVOICES, "payment": Resource.PAYMENTS, "client": Resource.CUSTOMERS}
_ID_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class FbCallback:
    """A registered callback; FreshBooks rings only once it is verified."""

    id: int
    event: str
    uri: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedVerifier:
    """A stored verifier: `trusted` once FreshBooks took it back for this callback."""

    callback_id: int
    sealed: bytes
    trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """One delivery: its form fields in the order they came, which the signature covers (FB API s6.4)."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """Read a field; a missing one is empty, of a repeated one the last counts, as in FreshBooks' own example."""
        return dict(self.fields).get(name, "")


class Heard(enum.StrEnum):
    """What became of a delivery: the label under which it is counted."""

    RANG = "rang"
    REPEATED = "repeated"
    """Signed, and its object is already waiting to be read again: a repeat, or one more change of it."""
    HANDSHAKE = "handshake"
    FORGED = "forged"
    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    UNKNOWN = "unknown"


def signature_of(ring: Ring, verifier: str) -> str:
    """Sign a delivery as FreshBooks does: HMAC-SHA256 over the JSON text of its fields as they came (FB API s6.4)."""
    message = json.dumps(dict(ring.fields)).encode()
    return base64.b64encode(hmac.new(verifier.encode(), message, hashlib.sha256).digest()).decode()


def is_signed(ring: Ring, signature: str, verifiers: Iterable[str]) -> bool:
    """Whether one of the verifiers made this signature; each callback has its own, and a delivery does not name it."""
    given = signature.encode(errors="replace")
    matches = [hmac.compare_digest(signature_of(ring, verifier).encode(), given) for verifier in verifiers]
    return any(matches)


def object_of(ring: Ring) -> tuple[Resource, int] | None:
    """Tell which object to read again, or None for an event that is not heard."""
    noun, _, _ = ring.get("name").partition(".")
    number = ring.get("object_id")
    if noun not in _RESOURCES or not is_id(number):
        return None
    return _RESOURCES[noun], int(number)


def is_id(text: str) -> bool:
    """Whether a text is a FreshBooks id."""
    return text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackPlan:
    """What is to be done at FreshBooks so that every wanted event rings once, at our address."""

    register: tuple[str, ...] = ()
    verify: tuple[FbCallback, ...] = ()
    resend: tuple[FbCallback, ...] = ()
    delete: tuple[FbCallback, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.register or self.verify or self.resend or self.delete)


def plan_callbacks(
    listed: Sequence[FbCallback],
    uri: str,
    candidates: Mapping[int, Sequence[str]],
    trusted: Mapping[int, str],
    events: Sequence[str] = EVENTS,
) -> CallbackPlan:
    """Compare what FreshBooks has with what is wanted at our address; without events ours are deleted (C6).

    `candidates` are verifiers that arrived but were never proved, by callback id; `trusted` those that FreshBooks took.
    A callback that rings with a verifier we do not know is made anew.
    """
    ours = sorted((c for c in listed if c.uri == uri and c.event in events), key=lambda callback: callback.id)
    kept = {callback.event: callback for callback in reversed(ours)}
    good = {event: c for event, c in kept.items() if not c.verified or c.id in trusted}
    waiting = [callback for callback in good.values() if not callback.verified]
    base = f"{uri.rpartition('/')[0]}/"
    return CallbackPlan(
        register=tuple(event for event in events if event not in good),
        verify=tuple(callback for callback in waiting if candidates.get(callback.id)),
        resend=tuple(callback for callback in waiting if not candidates.get(callback.id)),
        delete=tuple(c for c in listed if c.uri.startswith(base) and c not in good.values()),
    )
