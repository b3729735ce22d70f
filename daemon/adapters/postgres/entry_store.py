"""What the push lane stores of journal entries: claims with what they are for, sends, outcomes (W4, W6)."""

from collections.abc import Collection
from datetime import datetime

import asyncpg
import msgspec

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.account_rows import choice_of, ledger_account_of
from daemon.adapters.postgres.issue_reconcile import reconcile_issues
from daemon.adapters.postgres.pool import Conn, Source
from daemon.adapters.postgres.push_changes import OURSELVES, audit, notify, store_push
from daemon.adapters.postgres.push_rows import draft_of, entry_of
from daemon.core.book_accounts import BookAccounts
from daemon.core.deposit_rules import Member, MemberKind, Payout
from daemon.core.entry_places import about_entry, entry_issues
from daemon.core.errors import FenceLost
from daemon.core.exchange import EntryClaim
from daemon.core.journal import EntryKind, EntryPush, JournalDraft, JournalLine
from daemon.core.model import (
    Choice,
    FbPaymentId,
    Issue,
    PartnerId,
    PaymentId,
    PayoutId,
    PushState,
    Scope,
)
from daemon.core.move_rules import Move

_SQL = queries.load("entries")
_PUSHES = queries.load("pushes")


class EntryStore:
    """Each method is one transaction; writes about a claimed entry raise FenceLost when the claim is lost."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def claim_entry(self, scope: Scope, now: datetime, deadline_at: datetime) -> EntryClaim | None:
        """Claim the oldest due journal entry, whatever its open state; committed before anything is sent (W4)."""
        async with self._source.fenced(scope.partner_id) as connection:
            row = await connection.fetchrow(
                _PUSHES["claim_entry"], scope.partner_id, scope.account_id, now, deadline_at
            )
            if row is None:
                return None
            push = entry_of(row)
            return EntryClaim(
                scope=scope,
                push=push,
                about=await _about(connection, scope, push),
                accounts=await _accounts(connection, scope),
            )

    async def book_accounts(self, scope: Scope) -> BookAccounts:
        """Load the chosen accounts and the chart of accounts as it was listed last."""
        async with self._source.connection() as connection:
            return await _accounts(connection, scope)

    async def begin_entry(self, claim: EntryClaim, draft: JournalDraft, deadline_at: datetime) -> EntryPush:
        """Fence the send of this very draft, as `begin_send` does for a payment. Raises FenceLost."""
        lease = self._source.lease(claim.scope.partner_id)
        async with self._source.connection() as connection:
            row = await connection.fetchrow(
                _PUSHES["begin_send"],
                claim.scope.partner_id,
                claim.push.subject,
                claim.push.generation,
                claim.push.fence,
                claim.scope.account_id,
                deadline_at,
                claim.push.kind.value,
                msgspec.to_builtins(draft),
                lease,
            )
        if row is None:
            raise FenceLost(f"{claim.push.kind} {claim.push.subject} is no longer ours to send")
        return entry_of(row)

    async def record_entry(self, claim: EntryClaim, push: EntryPush, issues: Collection[Issue] = ()) -> None:
        """Store what became of a claimed entry and let exactly these issues stand for it, audited. Raises FenceLost."""
        async with self._source.writing(claim.scope.partner_id) as connection:
            await store_push(connection, claim, push)
            await reconcile_issues(connection, claim.scope, [about_entry(push)], issues)
            if push.state is PushState.DONE:
                await _audit_entry(connection, claim, push)

    async def choose_entry(self, scope: Scope, kind: EntryKind, subject: str, choice: Choice, who: str) -> None:
        """Store what a person decided about a payout or a move, audited, and make it due (T2).

        Raises LookupError for an unknown one.
        """
        async with self._source.writing(scope.partner_id) as connection:
            row = await connection.fetchrow(
                _PUSHES["choose_entry"], scope.partner_id, kind.value, subject, choice.value
            )
            if row is None:
                raise LookupError(f"partner {scope.partner_id} has no {kind} {subject}")
            push = entry_of(row)
            await reconcile_issues(connection, scope, [about_entry(push)], entry_issues(push))
            await audit(
                connection,
                scope.partner_id,
                who=who,
                what=f"chose {choice.value}",
                subject=f"{kind}/{subject}",
                after={"choice": choice.value, "state": push.state.value},
            )
            await notify(connection, scope.partner_id, "push")


async def payouts_of(connection: Conn, partner_id: PartnerId, pushes: Collection[EntryPush]) -> dict[str, Payout]:
    """Load the payouts that these entries record, by id."""
    found: dict[str, Payout] = {}
    for subject in {push.subject for push in pushes if push.kind is EntryKind.PAYOUT}:
        row = await connection.fetchrow(_SQL["payout"], partner_id, subject)
        members = await connection.fetch(_SQL["members"], partner_id, subject)
        if row is not None:
            found[subject] = _payout_of(row, [_member_of(member) for member in members])
    return found


async def _about(connection: Conn, scope: Scope, push: EntryPush) -> Payout | Move:
    if push.kind is EntryKind.MOVE:
        row = await connection.fetchrow(_SQL["move"], scope.partner_id, scope.account_id, int(push.subject))
        return _move_of(_present(row, push))
    row = await connection.fetchrow(_SQL["payout"], scope.partner_id, push.subject)
    members = await connection.fetch(_SQL["members"], scope.partner_id, push.subject)
    return _payout_of(_present(row, push), [_member_of(member) for member in members])


def _present(row: asyncpg.Record | None, push: EntryPush) -> asyncpg.Record:
    if row is None:
        raise LookupError(f"nothing is known of {push.kind} {push.subject}")
    return row


def _payout_of(row: asyncpg.Record, members: list[Member]) -> Payout:
    return Payout(
        id=PayoutId(row["payout_id"]),
        status=row["status"],
        currency=row["currency"],
        net=row["net"],
        paid_on=row["paid_on"],
        members=tuple(members),
    )


def _member_of(row: asyncpg.Record) -> Member:
    held_in = row["held_in"]
    return Member(
        id=row["member"],
        kind=MemberKind(row["kind"]),
        amount=row["amount"],
        payment_id=None if row["payment_id"] is None else PaymentId(row["payment_id"]),
        currency=row["currency"],
        on_platform_invoice=bool(row["on_platform_invoice"]),
        held_in=None if held_in is None else msgspec.convert(held_in, JournalLine),
    )


def _move_of(row: asyncpg.Record) -> Move:
    return Move(
        payment_id=PaymentId(row["payment_id"]),
        fb_payment_id=FbPaymentId(row["fb_payment_id"]),
        amount=row["amount"],
        currency=row["currency"],
        paid_on=row["paid_on"],
        is_live=row["is_live"],
        moved=draft_of(row["moved"]),
    )


async def _accounts(connection: Conn, scope: Scope) -> BookAccounts:
    row = await connection.fetchrow(_SQL["chosen"], scope.partner_id, scope.account_id)
    rows = await connection.fetch(_SQL["ledger"], scope.partner_id, scope.account_id)
    return BookAccounts(
        chosen=choice_of(row) if row and _is_chosen(row) else None,
        ledger=tuple(ledger_account_of(found) for found in rows),
        gone_is_known=bool(row and row["gone_is_known"]),
    )


def _is_chosen(row: asyncpg.Record) -> bool:
    return row["payments_account_id"] is not None and row["deposits_account_id"] is not None


async def _audit_entry(connection: Conn, claim: EntryClaim, push: EntryPush) -> None:
    draft = push.draft
    after: dict[str, object] = {"entry_id": push.entry_id, "marker": push.marker}
    if draft is not None:
        after |= {"currency": draft.currency, "lines": msgspec.to_builtins(draft.lines)}
    reverses = push.is_reversal
    moved = "move reversed in FreshBooks" if reverses else "payment moved in FreshBooks"
    await audit(
        connection,
        claim.scope.partner_id,
        who=OURSELVES,
        what=moved if push.kind is EntryKind.MOVE else "deposit recorded in FreshBooks",
        subject=f"{push.kind}/{push.subject}",
        after=after,
        why="gone from FreshBooks" if reverses else "paid on the platform",
    )
