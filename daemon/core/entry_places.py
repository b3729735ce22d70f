"""What the dashboard says of a deposit or a move: one visible place each, and the issues that must stand (W6, W8)."""

from typing import Final, assert_never

from daemon.core.deposit_rules import ENDED
from daemon.core.journal import EntryKind, EntryPush
from daemon.core.model import Choice, Issue, IssueKind, PushState, Reason
from daemon.core.places import Place, PlaceKind

_WAITS: Final[dict[Reason, str]] = {
    Reason.NO_ACCOUNTS: "Waiting for accounts: choose them in Set Up Accounts.",
    Reason.DEPOSITS_OFF: "Not recorded: deposits off. Switch on Record deposits in Set Up Accounts.",
    Reason.NO_FEES_ACCOUNT: "Waiting for fees account: choose one in Set Up Accounts.",
    Reason.NO_PLATFORM_ACCOUNT: "Waiting: it holds a payment on an invoice that was not made in FreshBooks.",
    Reason.ACCOUNT_GONE: "Waiting for an account: choose another one in Set Up Accounts.",
    Reason.NO_CLEARING_ACCOUNT: "Waiting: the books have no Petty Cash, where FreshBooks posts payments.",
    Reason.NO_JOURNAL_PERMISSION: "Waiting: FreshBooks does not allow journal entries with this login or plan.",
    Reason.NOT_SUCCEEDED: "Waiting until the payout has succeeded.",
    Reason.RETRY_LATER: "FreshBooks could not be reached; it will be tried again by itself.",
}
_STOPS: Final[dict[Reason, tuple[str, str, tuple[str, ...]]]] = {
    Reason.SUMS_DIFFER: (
        "The payout's parts do not add up, so it was not recorded.",
        "Ask Alternative Payments to correct it, and it is recorded by itself; or enter it by hand and accept.",
        (Choice.ACCEPT,),
    ),
    Reason.MIXED_CURRENCIES: (
        "The payout mixes currencies, so it was not recorded.",
        "Enter it in FreshBooks by hand and accept.",
        (Choice.ACCEPT,),
    ),
    Reason.PAYOUT_FAILED: (
        "The payout failed after it was recorded as a deposit.",
        "Reverse the journal entry in FreshBooks and accept; it clears by itself if the payout succeeds after all.",
        (Choice.ACCEPT,),
    ),
    Reason.REFUSED_BY_FRESHBOOKS: (
        "FreshBooks refused the journal entry.",
        "Correct the cause in FreshBooks and record it again; or enter it by hand and accept.",
        (Choice.RECORD_AGAIN, Choice.ACCEPT),
    ),
    Reason.ATTEMPTS_EXHAUSTED: (
        "FreshBooks did not confirm the journal entry after several attempts, and none of them shows in the books.",
        "Record it again; or enter it by hand and accept.",
        (Choice.RECORD_AGAIN, Choice.ACCEPT),
    ),
    Reason.RECORDED_TWICE: (
        "FreshBooks has more than one journal entry with its reference.",
        "Delete all but one of them in FreshBooks and accept.",
        (Choice.ACCEPT,),
    ),
}
_ENDS: Final[dict[Reason, str]] = {
    Reason.SETTLED_BY_HAND: "Settled by hand.",
    Reason.PAYOUT_FAILED: "The payout failed before it was recorded, so FreshBooks needs nothing.",
    Reason.PAYOUT_RECOVERED: "The payout succeeded after all; its deposit stands.",
    Reason.CONNECTION_RESET: "The connection was reset before it was recorded.",
    Reason.ALREADY_THERE: "FreshBooks posts payments to the chosen account itself.",
    Reason.RECORD_GONE: "The payment was removed from FreshBooks before it was moved.",
    Reason.RECORD_BACK: "The payment is in FreshBooks again.",
}
NEXT: Final = "To be recorded in FreshBooks next."


def entry_place(push: EntryPush) -> Place:
    """Tell where a payout or a move stands: recorded, waiting with why, an issue with what to do, or closed (W8)."""
    if push.state is PushState.DONE and push.reason is None:
        return Place(kind=PlaceKind.RECORDED, why=f"Recorded in FreshBooks as journal entry #{push.entry_id}.")
    match push.state:
        case PushState.NEEDS_PERSON | PushState.DONE:
            why, next_step, _ = _stop(push)
            return Place(kind=PlaceKind.ISSUE, why=why, next_step=next_step)
        case PushState.CANCELLED:
            return Place(kind=PlaceKind.CLOSED, why=_ends(push))
        case PushState.UNCERTAIN:
            why = f"FreshBooks did not confirm it; checking whether it arrived. {push.detail}".rstrip()
            return Place(kind=PlaceKind.WAITING, why=why)
        case PushState.SENDING:
            return Place(kind=PlaceKind.WAITING, why="Being recorded in FreshBooks now.")
        case PushState.READY | PushState.WAITING:
            sentence = wait_of_entry(push.reason) if push.reason else NEXT
            return Place(kind=PlaceKind.WAITING, why=f"{sentence} {push.detail}".rstrip())
        case _:
            assert_never(push.state)


def payout_place(status: str, push: EntryPush | None) -> Place:
    """Tell where a payout stands, also one that has no push because it never succeeded (W8)."""
    if push is not None:
        return entry_place(push)
    if status in ENDED:
        return Place(kind=PlaceKind.CLOSED, why=_ENDS[Reason.PAYOUT_FAILED])
    return Place(kind=PlaceKind.WAITING, why=_WAITS[Reason.NOT_SUCCEEDED])


def wait_of_entry(reason: Reason) -> str:
    """Say what a deposit or a move waits for."""
    return _WAITS.get(reason, NEXT)


def entry_issues(push: EntryPush) -> frozenset[Issue]:
    """Name the issues that must stand for a push now; the store closes what is not named."""
    stopped = push.state is PushState.NEEDS_PERSON or push.reason is Reason.RECORDED_TWICE
    if not stopped or push.choice is Choice.ACCEPT:
        return frozenset()
    why, next_step, actions = _stop(push)
    name = f"Payout {push.subject}" if push.kind is EntryKind.PAYOUT else f"The move of payment #{push.subject}"
    return frozenset(
        {
            Issue(
                kind=_issue_kind(push),
                subject=about_entry(push),
                reason=f"{name}: {why}",
                next_step=next_step,
                actions=actions,
                data=(("marker", push.marker),),
            )
        }
    )


def about_entry(push: EntryPush) -> tuple[str, str]:
    """Spell the subject of an issue about a payout or a move."""
    return (push.kind.value, push.subject)


def _issue_kind(push: EntryPush) -> IssueKind:
    if push.reason is Reason.RECORDED_TWICE:
        return IssueKind.DUPLICATE
    if push.reason is Reason.PAYOUT_FAILED:
        return IssueKind.PAYOUT_FAILED
    return IssueKind.DEPOSIT_STOPPED if push.kind is EntryKind.PAYOUT else IssueKind.MOVE_STOPPED


def _stop(push: EntryPush) -> tuple[str, str, tuple[str, ...]]:
    why, next_step, actions = _STOPS[push.reason or Reason.ATTEMPTS_EXHAUSTED]
    return f"{why} {push.detail}".rstrip(), next_step, actions


def _ends(push: EntryPush) -> str:
    return _ENDS.get(push.reason, _NOTHING) if push.reason else _NOTHING


_NOTHING: Final = "Nothing is to be recorded."
