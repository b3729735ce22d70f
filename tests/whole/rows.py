"""Our tables of one partner, read whole: what a test compares with FreshBooks' books."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from daemon.adapters.postgres.pool import Conn
from daemon.adapters.postgres.push_rows import payment_of, push_of
from daemon.core.model import InvoiceId, Issue, IssueKind, PartnerId, Payment, PaymentId, Push


@dataclass(slots=True)
class Rows:
    """As the in-memory store's, by the same names."""

    customers: dict[int, tuple[Any, None]] = field(default_factory=dict)
    credits: dict[int, Any] = field(default_factory=dict)
    fb_payments: dict[int, tuple[Any, None]] = field(default_factory=dict)
    invoices: dict[InvoiceId, Any] = field(default_factory=dict)
    payments: dict[PaymentId, Payment] = field(default_factory=dict)
    pushes: dict[tuple[PaymentId, int], Push] = field(default_factory=dict)
    issues: dict[tuple[IssueKind, tuple[str, str]], Issue] = field(default_factory=dict)
    rereads: dict[tuple[str, int], str] = field(default_factory=dict)
    quarantine: dict[tuple[str, int], str] = field(default_factory=dict)


async def load(connection: Conn, partner_id: PartnerId) -> Rows:
    """Read everything in one transaction, so that no row is older than another."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):

        async def fetch(table: str, order: str) -> list[Any]:
            sql = f"SELECT * FROM {table} WHERE partner_id = $1 ORDER BY {order}"  # noqa: S608 -- the names stand below
            return list(await connection.fetch(sql, partner_id))

        lines: dict[int, list[Any]] = {}
        for row in await fetch("sync.line_item", "invoice_id, position"):
            lines.setdefault(row["invoice_id"], []).append(SimpleNamespace(**row))
        pushes = [push_of(row) for row in await fetch("sync.push", "created_at") if row["kind"] == "payment"]
        payments = [payment_of(row) for row in await fetch("platform.payment", "initiated_at")]
        issues = [_issue(row) for row in await fetch("sync.issue", "issue_id") if row["closed_at"] is None]
        return Rows(
            customers={row["customer_id"]: (SimpleNamespace(**row), None) for row in await fetch("sync.customer", "2")},
            credits={row["credit_id"]: SimpleNamespace(**row) for row in await fetch("sync.credit", "2")},
            fb_payments={
                row["fb_payment_id"]: (SimpleNamespace(**row), None) for row in await fetch("sync.fb_payment", "2")
            },
            invoices={
                InvoiceId(row["invoice_id"]): _invoice(row, lines.get(row["invoice_id"], []))
                for row in await fetch("sync.invoice", "invoice_id")
            },
            payments={payment.id: payment for payment in payments},
            pushes={(push.payment_id, push.generation): push for push in pushes},
            issues={(issue.kind, issue.subject): issue for issue in issues},
            rereads={(row["resource"], row["id"]): row["reason"] for row in await fetch("sync.reread", "id")},
            quarantine={(row["resource"], row["id"]): row["reason"] for row in await fetch("sync.quarantine", "id")},
        )


def _invoice(row: Any, lines: list[Any]) -> Any:
    terms = SimpleNamespace(
        customer_id=row["customer_id"],
        number=row["number"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        total=row["total"],
        currency=row["currency"],
        lines=lines,
    )
    reading = SimpleNamespace(began_at=row["read_began_at"], finished_at=row["read_finished_at"])
    named = {"id": row["invoice_id"], "terms": terms, "reading": reading, "is_frozen": row["frozen_at"] is not None}
    return SimpleNamespace(**{**row, **named})


def _issue(row: Any) -> Issue:
    return Issue(
        kind=IssueKind(row["kind"]),
        subject=(row["subject_type"], row["subject_id"]),
        reason=row["reason"],
        next_step=row["next_step"],
        actions=tuple(row["actions"]),
        data=tuple(row["data"].items()),
    )
