"""The marker that a payment carries in FreshBooks' `note`, the only field that keeps a reference (W4, FB API s3.4)."""

import re
from typing import Final

from daemon.core.model import Payment, PaymentId

MARK: Final = "AP:"
_MARKER: Final = re.compile(rf"(?<![A-Za-z0-9]){MARK}([^\s:]+):([0-9]{{1,9}})(?![0-9])")
"""Payment ids hold neither spaces nor colons; the platform's schema checks it."""


def marker(payment_id: PaymentId, generation: int) -> str:
    """Spell the marker of one generation of a payment's push, as the database does too: "AP:pay_123:1"."""
    return f"{MARK}{payment_id}:{generation}"


def markers_in(note: str) -> frozenset[tuple[PaymentId, int]]:
    """Find every marker in a note, whatever a bookkeeper wrote around it."""
    return frozenset((PaymentId(found[1]), int(found[2])) for found in _MARKER.finditer(note))


def note_for(payment: Payment, generation: int) -> str:
    """Write the note of a payment: a sentence for the bookkeeper that ends with the marker."""
    return f"Paid through Alternative Payments; please keep this reference: {marker(payment.id, generation)}"
