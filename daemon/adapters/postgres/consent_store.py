"""What the consent flow, Set Up Accounts and the operator change about a connection."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.account_rows import choice_of
from daemon.adapters.postgres.connection_store import add_event, close_reconnect
from daemon.adapters.postgres.issue_reconcile import close_issues
from daemon.adapters.postgres.pool import Conn, Source
from daemon.adapters.postgres.push_changes import audit, notify
from daemon.adapters.postgres.token_store import sealed_of, store_tokens
from daemon.core.consent import (
    AccountChoice,
    ConsentGrant,
    ConsentRequest,
    FormerConnection,
    Offer,
    PendingChoice,
)
from daemon.core.model import AccountId, IssueKind, LedgerAccount, PartnerId, Reason, Scope

_SQL = queries.load("connections")
_PUSHES = queries.load("pushes")
_STATES_KEPT: Final = timedelta(days=1)


class ConsentStore:
    """Each method is one transaction; whatever changes a connection wakes its supervisor."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def begin_consent(self, state_hash: bytes, request: ConsentRequest) -> None:
        """Store a begun consent under the hash of its state; also drops states that expired long ago."""
        async with self._source.transaction() as connection:
            await connection.execute(_SQL["drop_old_states"], request.created_at - _STATES_KEPT)
            await connection.execute(
                _SQL["begin_consent"],
                state_hash,
                request.partner_id,
                request.session_hash,
                request.verifier,
                request.created_at,
            )

    async def use_consent(self, state_hash: bytes, now: datetime) -> ConsentRequest | None:
        """Mark a state as used and hand it out, once: None when it is unknown or was used before."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["use_consent"], state_hash, now)
        if row is None:
            return None
        return ConsentRequest(
            partner_id=PartnerId(row["partner_id"]),
            session_hash=row["session_hash"],
            verifier=row["verifier"],
            created_at=row["created_at"],
        )

    async def former_connection(self, partner_id: PartnerId) -> FormerConnection | None:
        """Tell the books this partner's rows belong to, or None when never connected or reset (C6)."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["former"], partner_id)
        if row is None:
            return None
        return FormerConnection(
            account_id=AccountId(row["account_id"]),
            business_name=row["business_name"],
            disconnecting=row["disconnecting"],
        )

    async def save_choice(self, choice: PendingChoice) -> None:
        """Store a granted consent that waits for a choice; replaces an earlier one."""
        async with self._source.connection() as connection:
            await connection.execute(
                _SQL["save_choice"],
                choice.partner_id,
                choice.session_hash,
                choice.offer,
                choice.tokens.access_token,
                choice.tokens.refresh_token,
                choice.tokens.expires_at,
                choice.tokens.scope,
                choice.expires_at,
            )

    async def pending_choice(self, partner_id: PartnerId) -> PendingChoice | None:
        """Load the granted consent that waits for a choice."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["pending_choice"], partner_id)
        if row is None:
            return None
        return PendingChoice(
            partner_id=partner_id,
            session_hash=row["session_hash"],
            tokens=sealed_of(row, row["token_expires_at"]),
            offer=msgspec.convert(row["offer"], Offer),
            expires_at=row["expires_at"],
        )

    async def connect(self, grant: ConsentGrant) -> bool:
        """Store the connection and its tokens together, and wake its supervisor.

        False, and nothing stored, when another partner has this account connected, or when this partner's rows belong
        to other books. Cursors stay, so that one that had ended or was parked goes on where it stopped (C6, C7).
        """
        try:
            return await self._connect(grant)
        except asyncpg.UniqueViolationError:
            return False

    async def _connect(self, grant: ConsentGrant) -> bool:
        business = grant.business
        scope = Scope(partner_id=grant.partner_id, account_id=business.account_id)
        async with self._source.writing(grant.partner_id) as connection:
            epoch = await connection.fetchval(
                _SQL["connect"],
                grant.partner_id,
                business.account_id,
                business.business_id,
                business.business_uuid,
                business.name,
                business.timezone,
                business.role,
                business.findings,
                grant.consented_at,
            )
            if epoch is None:
                return False
            await store_tokens(connection, grant.partner_id, grant.tokens)
            await connection.execute(_SQL["drop_choice"], grant.partner_id)
            await connection.execute(_PUSHES["adopt_payouts"], grant.partner_id, business.account_id)
            await connection.execute(_PUSHES["wake_entries"], grant.partner_id, business.account_id)
            await close_reconnect(connection, scope)
            await add_event(connection, grant.partner_id, "consented", {"account_id": business.account_id})
            await audit(
                connection,
                grant.partner_id,
                who="partner",
                what="connected FreshBooks",
                subject="connection",
                after={"account_id": business.account_id, "business": business.name, "role": business.role},
            )
            await notify(connection, grant.partner_id, "connection")
        return True

    async def ask_disconnect(self, partner_id: PartnerId, who: str, now: datetime) -> bool:  # noqa: ARG002 -- see T2
        """Ask the supervisor to end the connection, audited; False when there is none."""
        async with self._source.writing(partner_id) as connection:
            row = await connection.fetchrow(_SQL["ask_disconnect"], partner_id)
            if row is None:
                return False
            await audit(
                connection,
                partner_id,
                who=who,
                what="asked to disconnect",
                subject="connection",
                before={"account_id": row["account_id"], "business": row["business_name"]},
            )
            await notify(connection, partner_id, "connection")
        return True

    async def account_choice(self, partner_id: PartnerId) -> AccountChoice | None:
        """Tell what is chosen in Set Up Accounts, or None while it is not complete."""
        async with self._source.connection() as connection:
            row = await connection.fetchrow(_SQL["account_choice"], partner_id)
        return None if row is None else choice_of(row)

    async def save_account_choice(
        self,
        partner_id: PartnerId,
        choice: AccountChoice,
        who: str,
        now: datetime,  # noqa: ARG002 -- the log dates its lines itself
    ) -> None:
        """Store the choice, audited, and make due what waits for it (C5)."""
        async with self._source.writing(partner_id) as connection:
            before = await connection.fetchrow(_SQL["account_choice"], partner_id)
            account_id = await connection.fetchval(
                _SQL["save_account_choice"],
                partner_id,
                choice.payments,
                choice.deposits,
                choice.fees,
                choice.record_deposits,
                choice.platform_invoices,
            )
            await connection.execute(_SQL["wake_for_accounts"], partner_id, account_id)
            await connection.execute(_PUSHES["wake_entries"], partner_id, account_id)
            await _forget_gone(connection, Scope(partner_id=partner_id, account_id=account_id), before, choice)
            await audit(
                connection,
                partner_id,
                who=who,
                what="set up accounts",
                subject="connection",
                before=None if before is None else dict(before),
                after=msgspec.to_builtins(choice),
            )
            await notify(connection, partner_id, "connection")
            await notify(connection, partner_id, "push")

    async def account_created(self, partner_id: PartnerId, account: LedgerAccount, who: str) -> None:
        """Audit that an account was made in the partner's books (T2)."""
        async with self._source.writing(partner_id) as connection:
            await audit(
                connection,
                partner_id,
                who=who,
                what="made an account in FreshBooks",
                subject=f"account/{account.id}",
                after={"name": account.name, "number": account.number, "type": account.type},
            )

    async def reset_connection(self, partner_id: PartnerId, who: str, now: datetime) -> int | None:
        """Let a partner connect other books: an operator's word (C6). What was not sent is cancelled visibly.

        The rows of the former books stay, under their account. Tells how many records were cancelled; None when there
        is no connection.
        """
        async with self._source.writing(partner_id) as connection:
            row = await connection.fetchrow(_SQL["reset"], partner_id, now)
            if row is None:
                return None
            done = await connection.execute(_PUSHES["cancel_unsent"], partner_id, Reason.CONNECTION_RESET.value)
            cancelled = int(done.rpartition(" ")[2])
            await connection.execute(_SQL["forget_tokens"], partner_id)
            await audit(
                connection,
                partner_id,
                who=who,
                what="reset the connection",
                subject="connection",
                before={"account_id": row["account_id"]},
                after={"cancelled": cancelled},
            )
            await notify(connection, partner_id, "connection")
        return cancelled


async def _forget_gone(connection: Conn, scope: Scope, before: asyncpg.Record | None, choice: AccountChoice) -> None:
    """Clear the issues about accounts that are no longer chosen; the next listing judges the new ones (C4)."""
    old, new = _roles(choice_of(before)) if before else {}, _roles(choice)
    changed = [role for role, account in old.items() if new[role] != account]
    if changed:
        await close_issues(connection, scope, IssueKind.ACCOUNT_GONE, "account", changed)


def _roles(choice: AccountChoice) -> dict[str, str | None]:
    return {
        "payments": choice.payments,
        "deposits": choice.deposits,
        "fees": choice.fees,
        "platform_invoices": choice.platform_invoices,
    }
