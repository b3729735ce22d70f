"""Reads a month for its reconciliation (W6)."""

from collections import defaultdict
from datetime import date

import asyncpg

from daemon.adapters.postgres import queries
from daemon.adapters.postgres.pool import Source
from daemon.adapters.postgres.push_rows import draft_of
from daemon.core.deposit_rules import Member, MemberKind
from daemon.core.model import PartnerId, PaymentId, PayoutId, PushState
from daemon.core.reconciliation import LoosePayment, MonthPayout, MonthReport, next_month

_SQL = queries.load("reports")


class ReportStore:
    """Raises StoreUnavailable."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def month(self, partner_id: PartnerId, month: date) -> MonthReport:
        """Read one month, given by its first day, from one picture of the tables."""
        span = (month, next_month(month))
        async with self._source.transaction() as connection:
            payouts = await connection.fetch(_SQL["payouts"], partner_id, *span)
            ids = [row["payout_id"] for row in payouts]
            parts: defaultdict[str, list[Member]] = defaultdict(list)
            for row in await connection.fetch(_SQL["members"], partner_id, ids):
                parts[row["payout_id"]].append(_member_of(row))
            loose = await connection.fetch(_SQL["loose"], partner_id, *span)
        return MonthReport(
            month=month,
            payouts=tuple(_payout_of(row, parts[row["payout_id"]]) for row in payouts),
            loose=tuple(LoosePayment(**dict(row)) for row in loose),
        )


def _payout_of(row: asyncpg.Record, members: list[Member]) -> MonthPayout:
    return MonthPayout(
        payout_id=PayoutId(row["payout_id"]),
        status=row["status"],
        paid_on=row["paid_on"],
        currency=row["currency"],
        net=row["net"],
        members=members,
        state=PushState(row["state"]) if row["state"] else None,
        entry_id=row["entry_id"],
        draft=draft_of(row["entry"]),
    )


def _member_of(row: asyncpg.Record) -> Member:
    return Member(
        id=row["member"],
        kind=MemberKind(row["kind"]),
        amount=row["amount"],
        payment_id=None if row["payment_id"] is None else PaymentId(row["payment_id"]),
    )
