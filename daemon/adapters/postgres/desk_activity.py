"""What the Activity page reads: runs, the audit log, and figures by day."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from daemon.adapters.postgres import desk_rows
from daemon.adapters.postgres.desk_paging import is_back, limit_of, number_of, page_of
from daemon.adapters.postgres.desk_store import DeskStore
from daemon.core.desk import (
    CHART_DAYS,
    DESK_PAGE_ROWS,
    AuditRow,
    DayFigures,
    DeskPage,
    Recorded,
    RunRow,
    fill_days,
)
from daemon.core.model import PartnerId


class DeskActivity(DeskStore):
    """Lists end with a cursor for the next page, as the others do."""

    async def runs(
        self, partner_id: PartnerId, after: str | None = None, limit: int = DESK_PAGE_ROWS, only: str = ""
    ) -> DeskPage[RunRow]:
        """List the sync history, newest first; `only` is "changed", "failed" or empty (T3)."""
        limit = limit_of(limit)
        rows = await self._fetch("runs", partner_id, number_of(after), limit + 1, only, back=is_back(after))
        return page_of(rows, limit, desk_rows.run_of, lambda row: str(row.run_id), after)

    async def audit(
        self, partner_id: PartnerId, after: str | None = None, limit: int = DESK_PAGE_ROWS, only: str = ""
    ) -> DeskPage[AuditRow]:
        """List the audit log, newest first; `only` is "people", "daemon" or empty (T2)."""
        limit = limit_of(limit)
        rows = await self._fetch("audit", partner_id, number_of(after), limit + 1, only, back=is_back(after))
        return page_of(rows, limit, desk_rows.audit_of, lambda row: str(row.audit_id), after)

    async def figures(self, partner_id: PartnerId, zone: str, today: date) -> tuple[DayFigures, ...]:
        """Tell what happened on each of the last days of a time zone, oldest first, without a gap."""
        key = (partner_id, today - timedelta(days=CHART_DAYS - 1), zone)
        found: defaultdict[date, DayFigures] = defaultdict(lambda: DayFigures(day=today))
        for row in await self._fetch("run_days", *key):
            found[row["day"]] = DayFigures(**row)
        recorded: defaultdict[date, list[Recorded]] = defaultdict(list)
        for row in await self._fetch("recorded_days", *key):
            amount = Decimal(row["amount"])
            recorded[row["day"]].append(Recorded(currency=row["currency"], payments=row["payments"], amount=amount))
        for day, rows in recorded.items():
            found[day] = replace(found[day], day=day, recorded=tuple(rows))
        for row in await self._fetch("latency_days", *key):
            found[row["day"]] = replace(found[row["day"]], **row)
        return fill_days(found, today)
