"""What can be told of a FreshBooks payment record by itself: when it was touched, and how to name it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from daemon.core.markers import markers_in
from daemon.core.model import FbPayment, Payment, Push
from daemon.core.push_sentences import money
from daemon.core.stale_guard import REPEATED_HOUR


def was_touched_since(fb: FbPayment, since: datetime) -> bool:
    """Tell whether a record may have been made after a moment; FreshBooks tells whole seconds and the last change only.

    In the repeated autumn hour the true time may be an hour later than it reads.
    """
    latest = fb.updated_at + REPEATED_HOUR if fb.updated_is_ambiguous else fb.updated_at
    return latest >= since.replace(microsecond=0)


def recorded_amount(fb: FbPayment, payment: Payment, pushes: Iterable[Push] = ()) -> Decimal:
    """Tell what FreshBooks applied when it made this record, which it may show edited by now (P8).

    An older generation that had this record knows. Else only a record with an overpayment was split, and one without
    our marker was typed by somebody: of these, what they show is all that can be known (FB API s3.4).
    """
    known = next((push.recorded_amount for push in pushes if push.fb_payment_id == fb.id), None)
    if known is not None:
        return known
    made_whole = fb.overpayment_id is None and markers_in(fb.note)
    return payment.amount if made_whole else min(fb.amount, payment.amount)


def describe(records: Sequence[FbPayment]) -> str:
    """Name records so that a bookkeeper finds them: "#17 of 40.00 USD on 2025-11-03"."""
    return ", ".join(f"#{fb.id} of {money(fb.amount, fb.currency)} on {fb.paid_on.isoformat()}" for fb in records)
