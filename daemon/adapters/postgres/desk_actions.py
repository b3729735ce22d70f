"""What a person presses on the pages: sync now, an issue's actions, archiving; each audited (T2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.desk_activity import DeskActivity
from daemon.adapters.postgres.entry_store import EntryStore
from daemon.adapters.postgres.pool import Bound, Conn, Source
from daemon.adapters.postgres.pull_store import PullStore
from daemon.adapters.postgres.push_changes import audit, notify
from daemon.adapters.postgres.push_store import PushStore
from daemon.core.choices import NotOffered
from daemon.core.desk import IssueRow
from daemon.core.exchange import Reread
from daemon.core.invoice_rules import decide_unfreeze
from daemon.core.issues import TAKE_FRESHBOOKS_VERSION
from daemon.core.journal import EntryKind
from daemon.core.model import (
    AccountId,
    Choice,
    FbPaymentId,
    InvoiceId,
    PartnerId,
    PaymentId,
    Resource,
    Scope,
    VisState,
)
from daemon.core.options import Option

_SQL = queries.load("desk")
_CONNECTIONS = queries.load("connections")
READ_AGAIN: Final = "read_again"
_ENTRY_KINDS: Final = frozenset(EntryKind)
_CHOICES: Final = {choice.value: choice for choice in Choice}


class DeskActions(DeskActivity):
    """All of the http adapter's Desk: what is read, and the verbs."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._push = PushStore(source)
        self._entries = EntryStore(source)

    @asynccontextmanager
    async def at_once(self, partner_id: PartnerId) -> AsyncIterator["DeskActions"]:
        """Read several things on one connection, in one transaction that shows this partner's rows alone."""
        async with self._source.reading(partner_id) as connection:
            yield DeskActions(Bound(connection))

    async def ask_sync(self, partner_id: PartnerId, who: str, now: datetime) -> bool:
        """Ask for a sync now, audited; False when there is no connection to sync."""
        async with self._source.writing(partner_id) as connection:
            if await connection.fetchval(_CONNECTIONS["ask_sync"], partner_id, now) is None:
                return False
            await audit(connection, partner_id, who=who, what="asked for a sync", subject="connection")
            await notify(connection, partner_id, "connection")
        return True

    async def read_invoice_again(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str, now: datetime) -> bool:
        """Ask for a fresh look at an invoice before it is charged (P12), audited; False for an unknown one."""
        async with self._source.writing(partner_id) as connection:
            row = await connection.fetchrow(_SQL["archive_state"], partner_id, invoice_id)
            if row is None:
                return False
            scope = Scope(partner_id=partner_id, account_id=AccountId(row["account_id"]))
            reread = Reread(resource=Resource.INVOICES, id=invoice_id, reason="asked", due_at=now)
            await PullStore(Bound(connection)).ask_reread(scope, [reread])
            subject = f"invoice/{invoice_id}"
            await audit(connection, partner_id, who=who, what="asked to read the invoice again", subject=subject)
        return True

    async def pause(self, partner_id: PartnerId, who: str, *, paused: bool) -> bool:
        """Pause or resume a partner's syncing, audited; False when it was so already."""
        async with self._source.writing(partner_id) as connection:
            if await connection.fetchval(_CONNECTIONS["pause"], partner_id, paused) is None:
                return False
            what = "paused syncing" if paused else "resumed syncing"
            await audit(connection, partner_id, who=who, what=what, subject="connection")
            await notify(connection, partner_id, "connection")
        return True

    async def set_option(self, partner_id: PartnerId, option: Option, who: str, *, on: bool) -> bool:
        """Switch an option on or off, audited; False when there is no connection (O1-O4)."""
        async with self._source.writing(partner_id) as connection:
            before = await connection.fetchval(_CONNECTIONS["options"], partner_id)
            if before is None:
                return False
            after = await connection.fetchval(_CONNECTIONS["set_options"], partner_id, {option.value: on})
            if after != before:
                what = f"switched {'on' if on else 'off'} the option {option.value}"
                await audit(
                    connection, partner_id, who=who, what=what, subject="connection", before=before, after=after
                )
                await notify(connection, partner_id, "connection")
        return True

    async def act_on_issue(
        self,
        partner_id: PartnerId,
        issue_id: int,
        action: str,
        fb_payment_id: FbPaymentId | None,
        who: str,
        now: datetime,
        payment_id: PaymentId | None = None,
    ) -> NotOffered | bool:
        """Take an action that the open issue offers, audited; False when it is closed, unknown or does not offer it.

        NotOffered says why a choice fits the payment no more. `payment_id` is the payment that the record of a failed
        one is to stand for; else it is the issue's own.
        """
        issue = await self.issue(partner_id, issue_id)
        if issue is None or issue.closed_at is not None or action not in issue.actions:
            return False
        (row,) = await self._fetch("issue", partner_id, issue_id)
        scope = Scope(partner_id=partner_id, account_id=AccountId(row["account_id"]))
        kind, subject = issue.subject
        if action in _CHOICES and kind in _ENTRY_KINDS:
            await self._entries.choose_entry(scope, EntryKind(kind), subject, _CHOICES[action], who)
        elif action in _CHOICES and kind == "payment":
            about = payment_id or PaymentId(subject)
            refused = await self._push.choose(scope, about, _CHOICES[action], fb_payment_id, who)
            if refused is not None:
                return refused
        elif action == TAKE_FRESHBOOKS_VERSION:
            await self._unfreeze(scope, issue, who)
        elif action == READ_AGAIN:
            await self._read_again(scope, issue, who, now)
        else:
            return False
        return True

    async def archive(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str, now: datetime) -> str | None:
        """Archive an invoice on the platform, audited; tells why not, or None when it is archived now (P6).

        Raises LookupError for an unknown invoice.
        """
        async with self._source.writing(partner_id) as connection:
            row = await connection.fetchrow(_SQL["archive_state"], partner_id, invoice_id)
            if row is None:
                raise LookupError(f"partner {partner_id} has no invoice {invoice_id}")
            if row["processing"]:
                return "A payment of this invoice is still processing. Archive it when the payment is settled."
            if row["vis_state"] == VisState.ACTIVE:
                return "This invoice is active in FreshBooks. Archive or delete it there first, then here."
            if row["archived_at"] is None:
                await connection.execute(_SQL["archive"], partner_id, row["account_id"], invoice_id, now)
                subject = f"invoice/{invoice_id}"
                await audit(connection, partner_id, who=who, what="archived the invoice", subject=subject)
        return None

    async def unarchive(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str) -> None:
        """Bring an archived invoice back, audited. Raises LookupError for an unknown one."""
        async with self._source.writing(partner_id) as connection:
            row = await connection.fetchrow(_SQL["archive_state"], partner_id, invoice_id)
            if row is None:
                raise LookupError(f"partner {partner_id} has no invoice {invoice_id}")
            if row["archived_at"] is not None:
                await connection.execute(_SQL["archive"], partner_id, row["account_id"], invoice_id, None)
                subject = f"invoice/{invoice_id}"
                await audit(connection, partner_id, who=who, what="brought the invoice back", subject=subject)

    async def _unfreeze(self, scope: Scope, issue: IssueRow, who: str) -> None:
        async with self._source.writing(scope.partner_id) as connection:
            pull = PullStore(Bound(connection))
            await pull.settle(scope, InvoiceId(int(issue.subject[1])), decide_unfreeze, None)
            await _log(connection, scope, issue, who, "took FreshBooks' version")

    async def _read_again(self, scope: Scope, issue: IssueRow, who: str, now: datetime) -> None:
        resource, record_id = issue.subject
        reread = Reread(resource=Resource(resource), id=int(record_id), reason="asked", due_at=now)
        async with self._source.writing(scope.partner_id) as connection:
            await PullStore(Bound(connection)).ask_reread(scope, [reread])
            await _log(connection, scope, issue, who, "asked to read it again")


async def _log(connection: Conn, scope: Scope, issue: IssueRow, who: str, what: str) -> None:
    await audit(connection, scope.partner_id, who=who, what=what, subject="/".join(issue.subject), why=issue.reason)
