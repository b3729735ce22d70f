"""Reads the rows that pages and the API show."""

from decimal import Decimal

import asyncpg
import msgspec

from daemon.adapters.postgres.connection_store import stage_of
from daemon.core.backfill import Cursor, Feed
from daemon.core.consent import Finding
from daemon.core.desk import (
    AuditRow,
    Counts,
    CustomerRow,
    EventRow,
    FbPaymentRow,
    FeedProgress,
    HistoryRow,
    InvoiceRow,
    IssueRow,
    Module,
    PaymentRow,
    PayoutMember,
    PayoutRow,
    PushPlace,
    RunRow,
)
from daemon.core.model import (
    AccountId,
    Choice,
    CustomerId,
    FbPaymentId,
    InvoiceId,
    InvoiceStatus,
    IssueKind,
    NotPayable,
    PartnerId,
    PaymentId,
    PaymentStatus,
    PayoutId,
    PushState,
    Reason,
    VisState,
)
from daemon.core.state import ConnectionStatus

_AUDIT = ("audit_id", "at", "who", "what", "subject", "before", "after", "why")
_HISTORY = ("entry_id", "at", "what", "detail", "ignored", "data")
_EVENT = ("event_id", "at", "kind", "subject", "data")


def module_of(row: asyncpg.Record, feeds: tuple[FeedProgress, ...], counts: Counts) -> Module:
    """Read the FreshBooks module of a partner."""
    return Module(
        partner_id=PartnerId(row["partner_id"]),
        partner_name=row["name"],
        status=ConnectionStatus(row["status"]),
        parked_reason=row["parked_reason"],
        parked_at=row["parked_at"],
        account_id=AccountId(row["account_id"]) if row["account_id"] else None,
        business_id=row["business_id"],
        business_name=row["business_name"],
        role=row["role"],
        timezone=row["timezone"],
        payments_account_id=row["payments_account_id"],
        deposits_account_id=row["deposits_account_id"],
        fees_account_id=row["fees_account_id"],
        record_deposits=row["record_deposits"],
        options=row["options"],
        disconnecting=row["disconnecting"],
        paused=row["paused"],
        consented_at=row["consented_at"],
        connected_at=row["connected_at"],
        disconnected_at=row["disconnected_at"],
        sync_asked_at=row["sync_asked_at"],
        last_attempt_at=row["last_attempt_at"],
        last_success_at=row["last_success_at"],
        feeds=feeds,
        counts=counts,
        findings=tuple(msgspec.convert(row["findings"], list[Finding])),
    )


def progress_of(cursor: Cursor) -> FeedProgress:
    """Tell how far a feed has come."""
    return FeedProgress(
        feed=cursor.feed,
        percent=cursor.percent,
        pages_done=cursor.pages_done,
        pages_expected=cursor.pages_expected,
        changed=cursor.changed,
        runs=cursor.runs,
        began_at=cursor.began_at,
        finished_at=cursor.finished_at,
        due_at=cursor.due_at,
        stage=stage_of(cursor),
    )


def counts_of(row: asyncpg.Record, pushes: list[asyncpg.Record]) -> Counts:
    """Read the counts of a partner."""
    return Counts(
        customers=row["customers"],
        invoices=row["invoices"],
        outstanding=row["outstanding"],
        paid=row["paid"],
        drafts=row["drafts"],
        deleted_in_freshbooks=row["deleted"],
        fb_payments=row["fb_payments"],
        payments=row["payments"],
        issues=row["issues"],
        quarantined=row["quarantined"],
        pushes=tuple((PushState(push[0]), push[1]) for push in pushes),
    )


def invoice_row_of(row: asyncpg.Record) -> InvoiceRow:
    """Read an invoice as the platform sees it; archived by hand it is not payable (P6)."""
    reason = NotPayable(row["not_payable"]) if row["not_payable"] else None
    return InvoiceRow(
        id=InvoiceId(row["invoice_id"]),
        number=row["number"],
        customer_id=CustomerId(row["customer_id"]),
        customer_name=row["customer_name"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        currency=row["currency"],
        total=row["total"],
        amount_due=row["amount_due"],
        overpaid_by=max(-row["amount_due"], Decimal(0)) if row["amount_due"] is not None else Decimal(0),
        status=InvoiceStatus(row["status"]),
        archived_at=row["archived_at"],
        not_payable=reason if row["archived_at"] is None else NotPayable.ARCHIVED,
        amount_due_as_of=row["amount_due_as_of"],
        frozen_at=row["frozen_at"],
        vis_state=VisState(row["vis_state"]),
        disputed=row["disputed"],
        same_number_as_ap_invoice=row["same_number_as_ap_invoice"],
        issues=row["issues"],
    )


def fb_payment_row_of(row: asyncpg.Record) -> FbPaymentRow:
    """Read a payment as FreshBooks shows it."""
    return FbPaymentRow(
        id=FbPaymentId(row["fb_payment_id"]),
        invoice_id=InvoiceId(row["invoice_id"]),
        amount=row["amount"],
        currency=row["currency"],
        paid_on=row["paid_on"],
        type=row["type"],
        note=row["note"],
        vis_state=VisState(row["vis_state"]),
        from_credit=row["from_credit"],
        payment_id=PaymentId(row["payment_id"]) if row["payment_id"] else None,
    )


def history_of(row: asyncpg.Record) -> HistoryRow:
    """Read one line of an invoice's history."""
    return HistoryRow(**{name: row[name] for name in _HISTORY})


def payment_row_of(row: asyncpg.Record) -> PaymentRow:
    """Read a platform payment with its place in FreshBooks."""
    return PaymentRow(
        payment_id=PaymentId(row["payment_id"]),
        invoice_id=InvoiceId(row["invoice_id"]) if row["invoice_id"] is not None else None,
        ap_invoice_id=row["ap_invoice_id"],
        invoice_number=row["invoice_number"],
        customer_name=row["customer_name"],
        amount=row["amount"],
        currency=row["currency"],
        surcharge=row["surcharge"],
        method=row["method"],
        status=PaymentStatus(row["status"]),
        initiated_at=row["initiated_at"],
        updated_at=row["updated_at"],
        place=place_of(row),
        generations=row["generations"],
    )


def place_of(row: asyncpg.Record) -> PushPlace | None:
    """Read where a payment or payout stands in FreshBooks; None when it has no push."""
    if row["push_state"] is None:
        return None
    return PushPlace(
        generation=row["generation"],
        state=PushState(row["push_state"]),
        reason=Reason(row["push_reason"]) if row["push_reason"] else None,
        detail=row["detail"],
        attempts=row["attempts"],
        not_before=row["not_before"],
        claimed_at=row["claimed_at"],
        fb_payment_id=FbPaymentId(row["fb_payment_id"]) if row["fb_payment_id"] is not None else None,
        recorded_amount=row["recorded_amount"],
        choice=Choice(row["choice"]) if row["choice"] else None,
        updated_at=row["push_updated_at"],
        entry_id=row.get("entry_id"),
    )


def payout_of(row: asyncpg.Record) -> PayoutRow:
    """Read a payout with its members."""
    return PayoutRow(
        payout_id=PayoutId(row["payout_id"]),
        status=row["status"],
        currency=row["currency"],
        net=row["net"],
        arrival_date=row["arrival_date"],
        created_at=row["created_at"],
        members=tuple(
            PayoutMember(
                member=member["member"],
                kind=member["kind"],
                payment_id=member["payment_id"],
                amount=Decimal(member["amount"]),
            )
            for member in row["members"]
        ),
        place=place_of(row),
    )


def customer_of(row: asyncpg.Record) -> CustomerRow:
    """Read a customer with what they owe."""
    return CustomerRow(
        id=CustomerId(row["customer_id"]),
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        city=row["city"],
        country=row["country"],
        currency=row["currency"],
        vis_state=VisState(row["vis_state"]),
        updated_at=row["fb_updated_at"],
        invoices=row["invoices"],
        owes=tuple((currency, Decimal(due)) for currency, due in sorted(row["owes"].items())),
    )


def issue_of(row: asyncpg.Record) -> IssueRow:
    """Read a sync issue; one about a payment also names the payment's invoice."""
    invoice_id = row.get("invoice_id")
    return IssueRow(
        issue_id=row["issue_id"],
        kind=IssueKind(row["kind"]),
        subject=(row["subject_type"], row["subject_id"]),
        reason=row["reason"],
        next_step=row["next_step"],
        actions=tuple(row["actions"]),
        data=row["data"] if invoice_id is None else {**row["data"], "invoice_id": str(invoice_id)},
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
    )


def run_of(row: asyncpg.Record) -> RunRow:
    """Read one run of the sync history."""
    return RunRow(
        run_id=row["run_id"],
        feed=Feed(row["feed"]),
        stage=row["stage"],
        began_at=row["began_at"],
        finished_at=row["finished_at"],
        outcome=row["outcome"],
        pages=row["pages"],
        changed=row["changed"],
        read=row["read"],
        error=row["error"],
    )


def audit_of(row: asyncpg.Record) -> AuditRow:
    """Read one line of the audit log."""
    return AuditRow(**{name: row[name] for name in _AUDIT})


def event_of(row: asyncpg.Record) -> EventRow:
    """Read one event for the platform."""
    return EventRow(**{name: row[name] for name in _EVENT})
