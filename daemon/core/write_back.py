"""The steps that every write to FreshBooks shares, whatever is written: what a failure and an absence mean (W4)."""

import enum
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar, assert_never

from daemon.core.journal import EntryPush
from daemon.core.model import Push, PushState, Reason
from daemon.core.policy import PushPolicy

PushT = TypeVar("PushT", Push, EntryPush)
"""A payment's push, or a journal entry's: both go through the same states."""


class Failure(enum.StrEnum):
    """How a POST failed, by what it may have done (W4)."""

    UNSENT = "unsent"
    """Provably nothing reached FreshBooks, or it refused the request unread (429)."""
    REFUSED = "refused"
    """FreshBooks understood it and said no: nothing was written."""
    MAYBE_LANDED = "maybe_landed"
    """Anything else: only a look-up may follow."""


def failed(push: PushT, kind: Failure, now: datetime, policy: PushPolicy, detail: str = "") -> PushT:
    """Tell what a failed POST makes of a push; what provably never reached FreshBooks is no attempt."""
    match kind:
        case Failure.UNSENT:
            return replace(
                push,
                state=PushState.READY,
                reason=Reason.RETRY_LATER,
                detail="",
                attempts=max(push.attempts - 1, 0),
                not_before=now + policy.lookup_again_after,
            )
        case Failure.REFUSED:
            return replace(push, state=PushState.NEEDS_PERSON, reason=Reason.REFUSED_BY_FRESHBOOKS, detail=detail)
        case Failure.MAYBE_LANDED:
            settled = now + policy.post_timeout + policy.lookup_margin
            return replace(
                push, state=PushState.UNCERTAIN, reason=None, detail="", checked_absent=0, not_before=settled
            )
        case _:
            assert_never(kind)


def never_sent(sent: PushT, claimed: PushT) -> PushT:
    """Give a push whose send provably never was what it was claimed with: what was not sent before needs no look-up."""
    return replace(sent, claimed_at=claimed.claimed_at)


def found_absent(push: PushT, now: datetime, policy: PushPolicy) -> PushT:
    """Count a look-up that found nothing: twice, a delay apart, prove absence, and it may be sent again (W4)."""
    checked = replace(push, checked_absent=push.checked_absent + 1)
    if checked.checked_absent < _LOOKUPS_TO_PROVE_ABSENCE:
        return replace(checked, state=PushState.UNCERTAIN, not_before=now + policy.lookup_again_after)
    if checked.attempts >= policy.attempts_max:
        return replace(checked, state=PushState.NEEDS_PERSON, reason=Reason.ATTEMPTS_EXHAUSTED)
    return replace(checked, state=PushState.READY, reason=None, not_before=None)


_LOOKUPS_TO_PROVE_ABSENCE: Final = 2
