"""What is found without FreshBooks: payments that were never queued, records that name nobody, and look-alikes."""

from collections.abc import Collection

from daemon.core.model import Resource
from daemon.core.verify.findings import Drift, DriftKind, Judgement, Rule, Ruled


def judge_queues(
    lost: Collection[str],
    strangers: Collection[tuple[int, str]],
    alike: Collection[tuple[str, int]],
) -> Judgement:
    """Judge payments of ours that stand nowhere, records of ours without a payment, and what looks typed in (W5)."""
    drifts = [
        Drift(
            kind=DriftKind.MISSING_THERE,
            subject=("payment", payment_id),
            detail=f"Payment {payment_id} was made on the platform, and nothing was ever queued for FreshBooks.",
        )
        for payment_id in lost
    ]
    drifts += [
        Drift(
            kind=DriftKind.ORPHAN,
            subject=(Resource.PAYMENTS.value, str(fb_id)),
            detail=f"FreshBooks' payment #{fb_id} names payment {payment_id}, which the platform does not know.",
        )
        for fb_id, payment_id in strangers
    ]
    ruled = [
        Ruled(
            rule=Rule.W5,
            subject=("payment", payment_id),
            detail=f"Beside payment {payment_id} stands #{fb_id} of the same amount, typed in by hand: the same?",
        )
        for payment_id, fb_id in alike
    ]
    return Judgement(drifts=tuple(drifts), ruled=tuple(ruled))
