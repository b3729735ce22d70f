"""What becomes of a journal entry's push: after its plan, a POST, a lost answer, a look-up (W4, W6)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from daemon.core.deposit_rules import Enter, EntryVerdict
from daemon.core.journal import EntryPush, FbJournalEntry, carries
from daemon.core.model import PushState, Reason
from daemon.core.policy import PushPolicy
from daemon.core.push_guard import Cancel, Stop, Wait
from daemon.core.write_back import Failure, failed, found_absent

TRY_AGAIN_AFTER: Final = timedelta(days=1)
"""How long what only the partner or FreshBooks can mend is left alone, unless something wakes it."""
FORBIDDEN: Final = 403
_LOOK_AGAIN_AFTER: Final = timedelta(hours=1)
_UNLESS_WOKEN: Final = frozenset({Reason.ACCOUNT_GONE, Reason.NO_CLEARING_ACCOUNT, Reason.NO_JOURNAL_PERMISSION})


def after_plan(push: EntryPush, verdict: EntryVerdict, now: datetime) -> EntryPush:
    """Tell what a plan makes of a push; one to be entered stays as it is, for the send.

    What waits for a setting is woken by it, and has no time of its own: nothing is tried in vain.
    """
    match verdict:
        case Wait(reason=reason, detail=detail):
            later = now + TRY_AGAIN_AFTER if reason in _UNLESS_WOKEN else None
            return replace(push, state=PushState.WAITING, reason=reason, detail=detail, not_before=later)
        case Stop(reason=reason, detail=detail):
            return replace(push, state=PushState.NEEDS_PERSON, reason=reason, detail=detail, not_before=None)
        case Cancel(reason=reason):
            return replace(push, state=PushState.CANCELLED, reason=reason, detail="", not_before=None)
        case Enter():
            return push
        case _:
            assert_never(verdict)


def after_entry(push: EntryPush, entry_id: str) -> EntryPush:
    """Store the id of the entry that FreshBooks made."""
    return replace(push, state=PushState.DONE, entry_id=entry_id, reason=None, detail="", not_before=None)


def look_for(push: EntryPush, seen: Sequence[FbJournalEntry], now: datetime, policy: PushPolicy) -> EntryPush | None:
    """Look for the entry of a push that was sent before: by its marker; None leaves the send open (W4).

    An uncertain one is proven absent by two look-ups. Two entries of one marker are a twin, and shown.
    """
    found = sorted((entry.id for entry in seen if carries(entry, push.marker)), key=lambda key: (len(key), key))
    if found:
        done = after_entry(push, found[0])
        if len(found) == 1:
            return done
        return replace(done, reason=Reason.RECORDED_TWICE, detail=", ".join(f"#{key}" for key in found))
    return found_absent(push, now, policy) if push.state is PushState.UNCERTAIN else None


def after_refusal(push: EntryPush, status: int, detail: str, now: datetime, policy: PushPolicy) -> EntryPush:
    """Tell what a refused POST makes of a push: without the permission it waits, else a person is asked."""
    if status != FORBIDDEN:
        return failed(push, Failure.REFUSED, now, policy, detail)
    waiting = replace(push, state=PushState.WAITING, attempts=max(push.attempts - 1, 0))
    return replace(waiting, reason=Reason.NO_JOURNAL_PERMISSION, detail=detail, not_before=now + TRY_AGAIN_AFTER)


def after_blind_look(push: EntryPush, detail: str, now: datetime) -> EntryPush:
    """Tell what a read without a usable answer makes of a push: what is unknown stays so, and it is left alone."""
    later = replace(push, detail=detail, not_before=now + _LOOK_AGAIN_AFTER)
    if push.state is PushState.UNCERTAIN:
        return later
    return replace(later, state=PushState.WAITING, reason=Reason.RETRY_LATER)
