"""Journal entries in the in-memory store: deposits and moves as Postgres' triggers and statements treat them."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from daemon.core.book_accounts import BookAccounts
from daemon.core.consent import AccountChoice
from daemon.core.deposit_rules import ENDED, SUCCEEDED, Member, MemberKind, Payout
from daemon.core.entry_places import about_entry, entry_issues
from daemon.core.errors import FenceLost
from daemon.core.exchange import EntryClaim
from daemon.core.issues import STANDING_KINDS
from daemon.core.journal import EntryKind, EntryPush, JournalDraft, entry_marker
from daemon.core.model import (
    Choice,
    FbPayment,
    FbPaymentId,
    Issue,
    IssueKind,
    LedgerAccount,
    PartnerId,
    Payment,
    PaymentId,
    Push,
    PushState,
    Reading,
    Reason,
    Scope,
)
from daemon.core.move_rules import Move, next_move

RESTING = frozenset({PushState.READY, PushState.WAITING, PushState.NEEDS_PERSON})
FOR_A_LISTING = frozenset({Reason.ACCOUNT_GONE, Reason.NO_CLEARING_ACCOUNT})
OPEN = frozenset({PushState.READY, PushState.WAITING, PushState.UNCERTAIN, PushState.SENDING})


@dataclass(slots=True)
class EntryRows:
    """One partner's payouts and journal entries, and what Set Up Accounts holds."""

    choice: AccountChoice | None = None
    payouts: dict[str, Payout] = field(default_factory=dict)
    pushes: dict[tuple[EntryKind, str, int], EntryPush] = field(default_factory=dict)
    claims: dict[tuple[EntryKind, str, int], datetime] = field(default_factory=dict)

    def of(self, kind: EntryKind, subject: str) -> list[EntryPush]:
        """All generations of one payout or move, oldest first."""
        found = [push for push in self.pushes.values() if (push.kind, push.subject) == (kind, subject)]
        return sorted(found, key=lambda push: push.generation)

    def open(self, kind: EntryKind, subject: str, generation: int) -> None:
        """Open a generation; one that is there stays."""
        mark = entry_marker(kind, subject, generation)
        fresh = EntryPush(kind=kind, subject=subject, generation=generation, state=PushState.READY, marker=mark)
        self.pushes.setdefault((kind, subject, generation), fresh)

    def wake(self, push: EntryPush) -> None:
        """Have a resting push planned anew; whoever plans it now loses the claim."""
        key = (push.kind, push.subject, push.generation)
        self.claims.pop(key, None)
        self.pushes[key] = replace(push, state=PushState.READY, fence=push.fence + 1, not_before=None)

    def listed(self, *, changed: bool) -> bool:
        """Have what waits for an account looked at; whoever plans by another listing loses the claim. Tell if any."""
        found = False
        for key, push in self.pushes.items():
            waits = push.state is PushState.WAITING and push.reason in FOR_A_LISTING
            if waits or (changed and push.state in {PushState.READY, PushState.WAITING}):
                due = replace(push, state=PushState.READY, not_before=None) if waits else push
                self.pushes[key] = replace(due, fence=push.fence + changed)
                found = True
                if changed:
                    self.claims.pop(key, None)
        return found


class Rows(Protocol):
    """What is needed of the other rows."""

    entries: EntryRows
    accounts: tuple[LedgerAccount, ...]
    payments: dict[PaymentId, Payment]
    pushes: dict[tuple[PaymentId, int], Push]
    fb_payments: dict[int, tuple[FbPayment, Reading]]
    issues: dict[tuple[IssueKind, tuple[str, str]], Issue]


class MemoryEntries:
    """Fulfils `EntryStore` over the rows of a MemoryStore."""

    def __init__(self, rows: Callable[[PartnerId], Rows], now: Callable[[], datetime]) -> None:
        self._rows = rows
        self._now = now
        self.fail: Callable[[str], None] = lambda _: None

    # ---- what the platform and people do -----------------------------------------------------------------------------

    def choose_accounts(self, partner_id: PartnerId, choice: AccountChoice) -> None:
        """Save Set Up Accounts."""
        entries = self._rows(partner_id).entries
        entries.choice = choice
        for push in list(entries.pushes.values()):
            if push.state in {PushState.READY, PushState.WAITING}:
                entries.wake(push)

    def pay_out(self, partner_id: PartnerId, payout: Payout) -> None:
        """Insert or change a payout, as the trigger sees it."""
        entries = self._rows(partner_id).entries
        entries.payouts[payout.id] = payout
        self._follow_payout(entries, payout)

    def accept(self, partner_id: PartnerId, kind: EntryKind, subject: str) -> None:
        """Settle an issue by hand."""
        rows = self._rows(partner_id)
        push = rows.entries.of(kind, subject)[-1]
        rows.entries.wake(replace(push, choice=Choice.ACCEPT))
        self._let_stand(rows, push, entry_issues(replace(push, choice=Choice.ACCEPT)))

    def follow_records(self, partner_id: PartnerId) -> None:
        """Open the moves, and the moves back, that payments' records call for now."""
        rows = self._rows(partner_id)
        if rows.entries.choice is None:
            return
        for record_id in {push.fb_payment_id for push in rows.pushes.values() if push.fb_payment_id is not None}:
            self._follow_record(rows, record_id)

    # ---- EntryStore --------------------------------------------------------------------------------------------------

    async def claim_entry(self, scope: Scope, now: datetime, deadline_at: datetime) -> EntryClaim | None:
        self.fail("claim_entry")
        rows = self._rows(scope.partner_id)
        for key, push in rows.entries.pushes.items():
            if push.state not in OPEN or not self._entry_is_due(rows.entries, push, now):
                continue
            taken = replace(push, fence=push.fence + 1, deadline_at=deadline_at)
            rows.entries.pushes[key] = taken
            rows.entries.claims[key] = deadline_at
            return EntryClaim(
                scope=scope,
                push=taken,
                about=self._about(rows, taken),
                accounts=await self.book_accounts(scope),
            )
        return None

    async def book_accounts(self, scope: Scope) -> BookAccounts:
        rows = self._rows(scope.partner_id)
        gone = any(kind is IssueKind.ACCOUNT_GONE for kind, _ in rows.issues)
        return BookAccounts(chosen=rows.entries.choice, ledger=rows.accounts, gone_is_known=gone)

    async def begin_entry(self, claim: EntryClaim, draft: JournalDraft, deadline_at: datetime) -> EntryPush:
        self.fail("begin_entry")
        entries = self._rows(claim.scope.partner_id).entries
        push = self._checked(entries, claim.push)
        sent = replace(
            push,
            state=PushState.SENDING,
            fence=push.fence + 1,
            draft=draft,
            deadline_at=deadline_at,
            claimed_at=push.claimed_at or self._now(),
            attempts=push.attempts + 1,
            checked_absent=0,
        )
        key = (push.kind, push.subject, push.generation)
        entries.pushes[key], entries.claims[key] = sent, deadline_at
        return sent

    async def record_entry(self, claim: EntryClaim, push: EntryPush, issues: Collection[Issue] = ()) -> None:
        self.fail("record_entry")
        rows = self._rows(claim.scope.partner_id)
        self._checked(rows.entries, push)
        key = (push.kind, push.subject, push.generation)
        rows.entries.claims.pop(key, None)
        rows.entries.pushes[key] = replace(push, deadline_at=None)
        self._let_stand(rows, push, issues)
        if push.kind is EntryKind.MOVE:
            self.follow_records(claim.scope.partner_id)
        elif push.state is PushState.DONE:
            self._follow_payout(rows.entries, rows.entries.payouts[push.subject])

    def next_entry_at(self, partner_id: PartnerId) -> Iterator[datetime]:
        """When open entries become due; one that waits for a setting never does by itself."""
        entries = self._rows(partner_id).entries
        for key, push in entries.pushes.items():
            if push.state in OPEN and (push.state is not PushState.WAITING or push.not_before):
                dates = [at for at in (push.not_before, entries.claims.get(key)) if at]
                yield max(dates, default=self._now())

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _entry_is_due(self, entries: EntryRows, push: EntryPush, now: datetime) -> bool:
        claimed_until = entries.claims.get((push.kind, push.subject, push.generation))
        if push.state is PushState.WAITING and push.not_before is None:
            return False
        return all(at is None or at <= now for at in (push.not_before, claimed_until))

    def _checked(self, entries: EntryRows, claimed: EntryPush) -> EntryPush:
        push = entries.pushes[claimed.kind, claimed.subject, claimed.generation]
        if push.fence != claimed.fence:
            raise FenceLost(f"{push.marker} was claimed again")
        return push

    def _let_stand(self, rows: Rows, push: EntryPush, issues: Collection[Issue]) -> None:
        for kind, subject in list(rows.issues):
            if kind in STANDING_KINDS and subject == about_entry(push):
                del rows.issues[kind, subject]
        rows.issues.update({(issue.kind, issue.subject): issue for issue in issues})

    def _about(self, rows: Rows, push: EntryPush) -> Payout | Move:
        if push.kind is EntryKind.PAYOUT:
            payout = rows.entries.payouts[push.subject]
            return replace(payout, members=tuple(self._member(rows, member) for member in payout.members))
        record_id = FbPaymentId(int(push.subject))
        of_record = [row for row in rows.pushes.values() if row.fb_payment_id == record_id]
        payment = rows.payments[max(of_record, key=lambda row: row.state is PushState.DONE).payment_id]
        return Move(
            payment_id=payment.id,
            fb_payment_id=record_id,
            amount=payment.amount,
            currency=payment.currency,
            paid_on=payment.initiated_at.date(),
            is_live=self._is_live(rows, record_id),
            moved=self._moved(rows, record_id),
        )

    def _member(self, rows: Rows, member: Member) -> Member:
        payment = rows.payments.get(member.payment_id) if member.payment_id else None
        if payment is None:
            return member
        records = [push.fb_payment_id for push in rows.pushes.values() if push.payment_id == payment.id]
        moved = [draft for record in records if record and (draft := self._moved(rows, record))]
        held_in = moved[-1].lines[0] if moved and member.kind is not MemberKind.FEE else None
        on_platform = payment.ap_invoice_id is not None
        return replace(member, currency=payment.currency, on_platform_invoice=on_platform, held_in=held_in)

    def _moved(self, rows: Rows, record_id: FbPaymentId) -> JournalDraft | None:
        moves = rows.entries.of(EntryKind.MOVE, str(record_id))
        done = [push for push in moves if push.state is PushState.DONE and not push.is_reversal]
        return done[-1].draft if done else None

    def _is_live(self, rows: Rows, record_id: FbPaymentId) -> bool:
        seen = rows.fb_payments.get(record_id)
        return seen is None or seen[0].is_live

    def _follow_record(self, rows: Rows, record_id: FbPaymentId) -> None:
        moves = rows.entries.of(EntryKind.MOVE, str(record_id))
        stands = any(push.fb_payment_id == record_id and push.state is PushState.DONE for push in rows.pushes.values())
        wanted = next_move(moves, is_live=self._is_live(rows, record_id)) if moves or stands else None
        if wanted is not None:
            rows.entries.open(EntryKind.MOVE, str(record_id), wanted)

    def _follow_payout(self, entries: EntryRows, payout: Payout) -> None:
        pushes = entries.of(EntryKind.PAYOUT, payout.id)
        ended = payout.status in ENDED
        if not pushes:
            if payout.status == SUCCEEDED:
                entries.open(EntryKind.PAYOUT, payout.id, 1)
            return
        last = pushes[-1]
        if last.state is PushState.DONE and not last.is_reversal and ended:
            entries.open(EntryKind.PAYOUT, payout.id, last.generation + 1)
        elif last.state is PushState.CANCELLED and last.reason is Reason.PAYOUT_RECOVERED and ended:
            entries.open(EntryKind.PAYOUT, payout.id, last.generation + 2)
        elif last.state in RESTING or last.reason in {Reason.PAYOUT_FAILED, Reason.NOTHING_TO_RECORD}:
            entries.wake(last)
