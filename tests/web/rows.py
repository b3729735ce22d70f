"""Rows of the read models, valid by default, to be overridden by keyword."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from daemon.core.desk import (
    FbPaymentRow,
    HistoryRow,
    InvoiceDetail,
    InvoiceRow,
    IssueRow,
    PaymentRow,
    PushPlace,
)
from daemon.core.model import (
    CustomerId,
    FbPaymentId,
    InvoiceId,
    InvoiceStatus,
    IssueKind,
    LineItem,
    NotPayable,
    PartnerId,
    PaymentId,
    PaymentStatus,
    PushState,
    VisState,
)

NOW = datetime(2026, 3, 12, 15, 30, tzinfo=UTC)
PARTNER = PartnerId("northwind")
OTHER = PartnerId("contoso")


def make_invoice(**changes: Any) -> InvoiceRow:
    row = InvoiceRow(
        id=InvoiceId(812),
        number="INV-0812",
        customer_id=CustomerId(5),
        customer_name="Contoso Dental",
        issued_on=date(2026, 3, 1),
        due_on=date(2026, 3, 31),
        currency="USD",
        total=Decimal("1250.00"),
        amount_due=Decimal("1250.00"),
        overpaid_by=Decimal(0),
        status=InvoiceStatus.OUTSTANDING,
        archived_at=None,
        not_payable=None,
        amount_due_as_of=NOW - timedelta(minutes=2),
        frozen_at=None,
        vis_state=VisState.ACTIVE,
        disputed=False,
        same_number_as_ap_invoice=None,
        issues=0,
    )
    return replace(row, **changes)


def make_paid(**changes: Any) -> InvoiceRow:
    return make_invoice(
        **{
            "id": InvoiceId(811),
            "number": "INV-0811",
            "amount_due": Decimal("0.00"),
            "status": InvoiceStatus.PAID,
            "not_payable": NotPayable.NOTHING_DUE,
            "frozen_at": NOW - timedelta(days=2),
            **changes,
        }
    )


def make_line(**changes: Any) -> LineItem:
    row = LineItem(
        name="Managed workstation",
        description="Monitoring and patching, per seat",
        quantity=Decimal(25),
        unit_cost=Decimal("45.00"),
        amount=Decimal("1125.00"),
        tax_name1="Sales tax",
        tax_percent1=Decimal("6.25"),
    )
    return replace(row, **changes)


def make_detail(row: InvoiceRow | None = None, **changes: Any) -> InvoiceDetail:
    row = row or make_invoice()
    detail = InvoiceDetail(
        row=row,
        description="March 2026",
        fb_amount=row.total,
        fb_outstanding=row.amount_due or Decimal(0),
        fb_currency=row.currency,
        lines=(
            make_line(),
            make_line(name="Backup", description="", quantity=Decimal(1), unit_cost=Decimal(125), amount=Decimal(125)),
        ),
        payments=(),
        fb_payments=(),
        history=(),
        issues=(),
    )
    return replace(detail, **changes)


def make_place(state: PushState = PushState.DONE, **changes: Any) -> PushPlace:
    row = PushPlace(
        generation=1,
        state=state,
        reason=None,
        detail="",
        attempts=1,
        not_before=None,
        claimed_at=NOW - timedelta(seconds=50),
        fb_payment_id=FbPaymentId(9001) if state is PushState.DONE else None,
        recorded_amount=Decimal("1250.00") if state is PushState.DONE else None,
        choice=None,
        updated_at=NOW - timedelta(seconds=49),
    )
    return replace(row, **changes)


def make_payment(**changes: Any) -> PaymentRow:
    row = PaymentRow(
        payment_id=PaymentId("pay_4f1c09"),
        invoice_id=InvoiceId(812),
        ap_invoice_id=None,
        invoice_number="INV-0812",
        customer_name="Contoso Dental",
        amount=Decimal("1250.00"),
        currency="USD",
        surcharge=Decimal(0),
        method="card",
        status=PaymentStatus.PROCESSING,
        initiated_at=NOW - timedelta(seconds=51),
        updated_at=NOW - timedelta(seconds=51),
        place=make_place(),
        generations=1,
    )
    return replace(row, **changes)


def make_fb_payment(**changes: Any) -> FbPaymentRow:
    row = FbPaymentRow(
        id=FbPaymentId(9001),
        invoice_id=InvoiceId(812),
        amount=Decimal("1250.00"),
        currency="USD",
        paid_on=date(2026, 3, 12),
        type="Credit Card",
        note="AP:pay_4f1c09:1",
        vis_state=VisState.ACTIVE,
        from_credit=False,
        payment_id=PaymentId("pay_4f1c09"),
    )
    return replace(row, **changes)


def make_history(**changes: Any) -> HistoryRow:
    row = HistoryRow(
        entry_id=1,
        at=NOW - timedelta(hours=5),
        what="terms_changed",
        detail="total 1,100.00 to 1,250.00",
        ignored=False,
        data={},
    )
    return replace(row, **changes)


def make_issue(**changes: Any) -> IssueRow:
    row = IssueRow(
        issue_id=31,
        kind=IssueKind.PUSH_STOPPED,
        subject=("payment", "pay_77aa10"),
        reason="FreshBooks shows less outstanding (60.00) than was paid (100.00).",
        next_step="Decide how the payment should be recorded.",
        actions=("post_anyway", "settled_by_hand", "refund_in_ap"),
        data={"invoice_id": "812"},
        opened_at=NOW - timedelta(minutes=14),
        closed_at=None,
        closed_by=None,
    )
    return replace(row, **changes)
