"""What becomes of pushes: what their claims record, and what decisions and people change about those at rest."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Conn
from daemon.core.errors import FenceLost
from daemon.core.exchange import Claim, EntryClaim
from daemon.core.journal import EntryPush
from daemon.core.model import PartnerId, PaymentId, Push, Scope

_SQL = queries.load("pushes")
OURSELVES: Final = "freshbooks-syncd"
"""Who did what no person asked for, in the audit log."""
PAYMENT: Final = "payment"
"""The kind of a payment's push; the others are journal entries, `EntryKind`."""


async def store_push(connection: Conn, claim: Claim | EntryClaim, push: Push | EntryPush) -> None:
    """Store what became of a claimed push of any kind. Raises FenceLost."""
    before = claim.push.choice
    entry = push if isinstance(push, EntryPush) else None
    payment = push if isinstance(push, Push) else None
    kind, subject = (entry.kind.value, entry.subject) if entry else (PAYMENT, payment.payment_id if payment else "")
    stored: asyncpg.Record | None = await connection.fetchrow(
        _SQL["record"],
        claim.scope.partner_id,
        subject,
        push.generation,
        push.fence,
        push.state.value,
        push.attempts,
        push.not_before,
        push.deadline_at,
        push.checked_absent,
        payment.fb_payment_id if payment else None,
        payment.recorded_amount if payment else None,
        push.reason.value if push.reason else None,
        push.detail,
        push.choice.value if push.choice else None,
        list(payment.candidates) if payment else [],
        before.value if before else None,
        kind,
        entry.entry_id if entry else None,
        push.claimed_at,
    )
    if stored is None:
        raise FenceLost(f"{kind} {subject} is no longer ours to record")


async def change_pushes(connection: Conn, scope: Scope, pushes: Sequence[Push]) -> None:
    """Store pushes as a decision gave them; their fences, claims and choices stay."""
    if pushes:
        await connection.execute(
            _SQL["change"],
            scope.partner_id,
            [push.payment_id for push in pushes],
            [push.generation for push in pushes],
            [push.state.value for push in pushes],
            [push.reason.value if push.reason else None for push in pushes],
            [push.detail for push in pushes],
            [push.fb_payment_id for push in pushes],
            [push.recorded_amount for push in pushes],
            [push.not_before for push in pushes],
        )


async def choose_push(connection: Conn, scope: Scope, push: Push) -> None:
    """Store a push as a person's choice left it, and wake the supervisor; who is about to send it loses the claim."""
    await connection.execute(
        _SQL["choose"],
        scope.partner_id,
        push.payment_id,
        push.generation,
        push.state.value,
        push.choice.value if push.choice else None,
        push.reason.value if push.reason else None,
        push.detail,
        push.fb_payment_id,
        list(push.candidates),
        push.not_before,
        push.checked_absent,
        push.attempts,
    )
    await notify(connection, scope.partner_id, "push")


async def open_pushes(connection: Conn, scope: Scope, pushes: Sequence[Push]) -> None:
    """Open new generations; one that is there already stays as it is (W2)."""
    if pushes:
        await connection.execute(
            _SQL["open"],
            scope.partner_id,
            scope.account_id,
            [push.payment_id for push in pushes],
            [push.generation for push in pushes],
            [push.state.value for push in pushes],
            [push.marker for push in pushes],
        )
        await notify(connection, scope.partner_id, "push")


async def wake_pushes(connection: Conn, scope: Scope, payment_ids: Sequence[PaymentId]) -> None:
    """Make what waited, or stopped for a reason that is gone, due at once."""
    if payment_ids:
        await connection.execute(_SQL["wake"], scope.partner_id, list(payment_ids))
        await notify(connection, scope.partner_id, "push")


async def notify(connection: Conn, partner_id: PartnerId, kind: str) -> None:
    """Wake the partner's supervisor when this transaction commits; `kind` is `push`, `reread` or `connection`."""
    await connection.execute(_SQL["notify"], partner_id, kind)


async def audit(  # noqa: PLR0913 -- one argument per column of the log
    connection: Conn,
    partner_id: PartnerId,
    *,
    who: str,
    what: str,
    subject: str,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    why: str = "",
) -> None:
    """Append to the audit log (T2)."""
    await connection.execute(_SQL["audit"], partner_id, who, what, subject, before, after, why)
