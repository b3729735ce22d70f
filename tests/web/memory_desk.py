"""The pages' desk in memory: what the pages show is what a test put there, and what they did can be looked up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from daemon.core import choices
from daemon.core.desk import (
    AuditRow,
    DayFigures,
    DeskPage,
    InvoiceDetail,
    InvoiceQuery,
    InvoiceRow,
    IssueQuery,
    IssueRow,
    Module,
    PaymentQuery,
    PaymentRow,
    PayoutRow,
    RunRow,
    WaitingMoves,
    fill_days,
)
from daemon.core.errors import StoreUnavailable
from daemon.core.model import (
    FbPaymentId,
    InvoiceId,
    PartnerId,
    PaymentId,
)
from daemon.core.options import Option
from daemon.core.state import ConnectionStatus
from tests.web.module_rows import make_module
from tests.web.rows import PARTNER

RowT = TypeVar("RowT")


@dataclass
class MemoryDesk:
    """One partner's rows; any other partner has a module and nothing else."""

    module_row: Module = field(default_factory=make_module)
    details: list[InvoiceDetail] = field(default_factory=list)
    payment_rows: list[PaymentRow] = field(default_factory=list)
    payout_rows: list[PayoutRow] = field(default_factory=list)
    moves: list[WaitingMoves] = field(default_factory=list)
    issue_rows: list[IssueRow] = field(default_factory=list)
    run_rows: list[RunRow] = field(default_factory=list)
    audit_rows: list[AuditRow] = field(default_factory=list)
    days: list[DayFigures] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    switched: list[tuple[PartnerId, Option, bool]] = field(default_factory=list)
    archived: list[tuple[PartnerId, InvoiceId, bool]] = field(default_factory=list)
    archive_refusal: str | None = None
    next_cursor: str | None = None
    asked: list[InvoiceQuery | PaymentQuery | IssueQuery] = field(default_factory=list)
    synced: list[str] = field(default_factory=list)
    acted: list[tuple[PartnerId, int, str, FbPaymentId | None, PaymentId | None]] = field(default_factory=list)
    answer: choices.NotOffered | bool = True
    is_down: bool = False

    @asynccontextmanager
    async def at_once(self, partner_id: PartnerId) -> AsyncIterator["MemoryDesk"]:
        yield self

    async def module(self, partner_id: PartnerId, *, counted: bool = True) -> Module | None:
        self._check()
        return self.module_row if partner_id == PARTNER else make_module(partner_id, partner_name="Contoso")

    async def invoices(self, partner_id: PartnerId, query: InvoiceQuery) -> DeskPage[InvoiceRow]:
        self._check()
        self.asked.append(query)
        if query.after == "broken":
            raise ValueError("not a cursor of ours")
        rows = tuple(
            d.row for d in self.details if partner_id == PARTNER and query.search.lower() in d.row.number.lower()
        )
        return DeskPage(rows=rows, after=self.next_cursor)

    async def invoice(self, partner_id: PartnerId, invoice_id: InvoiceId) -> InvoiceDetail | None:
        self._check()
        return next((d for d in self.details if partner_id == PARTNER and d.row.id == invoice_id), None)

    async def payments(self, partner_id: PartnerId, query: PaymentQuery) -> DeskPage[PaymentRow]:
        self._check()
        self.asked.append(query)
        return DeskPage(rows=tuple(self.payment_rows) if partner_id == PARTNER else ())

    async def payouts(self, partner_id: PartnerId) -> DeskPage[PayoutRow]:
        self._check()
        return DeskPage(rows=tuple(self.payout_rows) if partner_id == PARTNER else ())

    async def waiting_moves(self, partner_id: PartnerId) -> tuple[WaitingMoves, ...]:
        self._check()
        return tuple(self.moves) if partner_id == PARTNER else ()

    async def issues(self, partner_id: PartnerId, query: IssueQuery) -> DeskPage[IssueRow]:
        self._check()
        self.asked.append(query)
        return DeskPage(rows=tuple(self.issue_rows) if partner_id == PARTNER else ())

    async def runs(
        self, partner_id: PartnerId, after: str | None = None, limit: int = 50, only: str = ""
    ) -> DeskPage[RunRow]:
        self._check()
        return DeskPage(rows=self._log(self.run_rows, partner_id, after, only), after=self.next_cursor)

    async def audit(
        self, partner_id: PartnerId, after: str | None = None, limit: int = 50, only: str = ""
    ) -> DeskPage[AuditRow]:
        self._check()
        return DeskPage(rows=self._log(self.audit_rows, partner_id, after, only))

    def _log(self, rows: list[RowT], partner_id: PartnerId, after: str | None, only: str) -> tuple[RowT, ...]:
        self.looked.append(only)
        if after == "broken":
            raise ValueError("not a cursor of ours")
        return tuple(rows) if partner_id == PARTNER else ()

    async def figures(self, partner_id: PartnerId, zone: str, today: date) -> tuple[DayFigures, ...]:
        self._check()
        return fill_days({d.day: d for d in self.days} if partner_id == PARTNER else {}, today)

    async def set_option(self, partner_id: PartnerId, option: Option, who: str, *, on: bool) -> bool:
        if self.module_row.status is ConnectionStatus.NOT_CONNECTED:
            return False
        self.switched.append((partner_id, option, on))
        return True

    async def archive(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str, now: datetime) -> str | None:
        self.archived.append((partner_id, invoice_id, True))
        return self.archive_refusal

    async def unarchive(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str) -> None:
        self.archived.append((partner_id, invoice_id, False))

    async def ask_sync(self, partner_id: PartnerId, who: str, now: datetime) -> bool:
        self.synced.append(partner_id)
        return True

    async def issue(self, partner_id: PartnerId, issue_id: int) -> IssueRow | None:
        return next((row for row in self.issue_rows if partner_id == PARTNER and row.issue_id == issue_id), None)

    async def act_on_issue(
        self,
        partner_id: PartnerId,
        issue_id: int,
        action: str,
        fb_payment_id: FbPaymentId | None,
        who: str,
        now: datetime,
        payment_id: PaymentId | None = None,
    ) -> choices.NotOffered | bool:
        self.acted.append((partner_id, issue_id, action, fb_payment_id, payment_id))
        return self.answer

    def _check(self) -> None:
        if self.is_down:
            raise StoreUnavailable("Postgres is away")
