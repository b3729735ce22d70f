"""What is particular to writing a journal entry: a deposit of a payout, or the move of a payment (W4, W6)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from daemon.actors.limiter import Line
from daemon.actors.ports import Accounting
from daemon.actors.world import World
from daemon.core.book_accounts import BookAccounts
from daemon.core.deposit_rules import Enter, EntryVerdict, Payout, plan_deposit
from daemon.core.entry_outcomes import after_blind_look, after_entry, after_plan, after_refusal, look_for
from daemon.core.entry_places import entry_issues
from daemon.core.errors import FreshBooksRefused
from daemon.core.exchange import EntryClaim
from daemon.core.journal import EntryPush, JournalDraft
from daemon.core.model import Reason
from daemon.core.move_rules import plan_move
from daemon.core.payment_rules import payment_date
from daemon.core.policy import PushPolicy
from daemon.core.push_guard import Wait
from daemon.core.rate_limit import Priority
from daemon.core.write_back import Failure, failed

DAYS_AROUND = timedelta(days=1)
"""A look-up searches this long around the day an entry was sent for."""


class EntryErrand:
    """Fulfils `Errand` for one claimed journal entry."""

    def __init__(self, world: World, line: Line, claim: EntryClaim, policy: PushPolicy, timezone: str) -> None:
        self._world = world
        self._line = line
        self._claim = claim
        self._policy = policy
        self._timezone = timezone
        self._draft: JournalDraft | None = None

    def failed(self, push: EntryPush, failure: Failure, error: Exception | None = None) -> EntryPush:
        """Tell what a failed POST makes of the push; one that is not permitted waits."""
        if isinstance(error, FreshBooksRefused):
            return after_refusal(push, error.status, str(error), self._now(), self._policy)
        return failed(push, failure, self._now(), self._policy, str(error or ""))

    def unreadable(self, push: EntryPush, error: Exception) -> EntryPush:
        """Leave alone what FreshBooks does not let us look up: it must not hold up payments."""
        return after_blind_look(push, str(error), self._now())

    async def look_up(self, push: EntryPush) -> EntryPush | None:
        """Search the journal around the day of what was sent; None when posting is still open."""
        day = push.draft.entered_on if push.draft else self._now().date()
        seen = await self._line(
            Priority.PUSH, lambda books: books.entries_between(day - DAYS_AROUND, day + DAYS_AROUND)
        )
        return look_for(push, seen, self._now(), self._policy)

    async def prepare(self, push: EntryPush) -> bool:
        """Plan the entry from what is stored; accounts that are not known are listed anew first (C4)."""
        verdict = self._plan(push, self._claim.accounts)
        if (
            isinstance(verdict, Wait)
            and verdict.reason is Reason.ACCOUNT_GONE
            and not self._claim.accounts.gone_is_known
        ):
            verdict = self._plan(push, await self._listed_anew())
        if isinstance(verdict, Enter):
            self._draft = verdict.draft
            await self._line.draw_create(Priority.PUSH)
            return True
        await self.record(after_plan(push, verdict, self._now()))
        return False

    def _plan(self, push: EntryPush, accounts: BookAccounts) -> EntryVerdict:
        about = self._claim.about
        if isinstance(about, Payout):
            return plan_deposit(push, about, accounts)
        return plan_move(push, about, accounts, payment_date(self._now(), self._timezone))

    async def _listed_anew(self) -> BookAccounts:
        scope = self._claim.scope
        listed = await self._line(Priority.PUSH, lambda books: books.ledger_accounts())
        await self._world.store.store_ledger_accounts(scope, listed)
        return await self._world.store.book_accounts(scope)

    async def begin(self, deadline_at: datetime) -> EntryPush:
        """Commit the very draft that is about to be sent."""
        if self._draft is None:
            raise ValueError(f"{self._claim.push.marker} was not planned")
        return await self._world.store.begin_entry(self._claim, self._draft, deadline_at)

    async def create(self, books: Accounting, push: EntryPush, may_send: Callable[[], bool]) -> EntryPush:
        """Post the entry once."""
        if push.draft is None:
            raise ValueError(f"{push.marker} has nothing to send")
        return after_entry(push, await books.create_entry(push.draft, may_send=may_send))

    async def record(self, push: EntryPush) -> None:
        """Store what became of the push with the issues that must stand for it."""
        await self._world.store.record_entry(self._claim, push, entry_issues(push))

    async def give_back(self, push: EntryPush) -> None:
        """End the claim; nothing was decided. Others go first, so that one that cannot be read holds up no other."""
        later = self._now() + self._policy.lookup_again_after
        await self._world.store.record_entry(self._claim, replace(push, not_before=later), entry_issues(push))

    def recorded(self) -> None:
        """Count nothing: the figures about latency are about payments."""

    def _now(self) -> datetime:
        return self._world.clock.now()
