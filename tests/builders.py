"""Valid values of the domain by default; a test names only what it is about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from daemon.core.invoice_rules import decide_snapshot
from daemon.core.markers import marker
from daemon.core.model import (
    Applied,
    AppliedElsewhere,
    CustomerId,
    FbCustomer,
    FbInvoice,
    FbPayment,
    FbPaymentId,
    Invoice,
    InvoiceContext,
    InvoiceId,
    LineItem,
    Link,
    Payment,
    PaymentId,
    PaymentStatus,
    Push,
    PushState,
    Reading,
    Snapshot,
    VisState,
)

NOW = datetime(2025, 11, 12, 15, 0, tzinfo=UTC)
"""A plain afternoon, far from any change of the clocks."""
INVOICE = InvoiceId(812)
OTHER_INVOICE = InvoiceId(813)
CUSTOMER = CustomerId(31)


def usd(amount: str | int) -> Decimal:
    """Write money as FreshBooks does, with two decimals."""
    return Decimal(amount).quantize(Decimal("0.01"))


def make_reading(began_at: datetime = NOW, seconds: float = 1) -> Reading:
    return Reading(began_at=began_at, finished_at=began_at + timedelta(seconds=seconds))


def make_line(**changes: Any) -> LineItem:
    line = LineItem(
        name="Managed support",
        description="Monthly",
        quantity=Decimal(1),
        unit_cost=usd(100),
        amount=usd(100),
    )
    return replace(line, **changes)


def make_fb_invoice(amount: str | int = 100, outstanding: str | int | None = None, **changes: Any) -> FbInvoice:
    """Make a sent invoice; nothing is paid unless `outstanding` says so. `version` follows `updated_at`."""
    updated_at = changes.get("updated_at", NOW - timedelta(days=1))
    invoice = FbInvoice(
        id=INVOICE,
        customer_id=CUSTOMER,
        number="0000812",
        issued_on=date(2025, 11, 1),
        due_on=date(2025, 12, 1),
        currency="USD",
        amount=usd(amount),
        outstanding=usd(amount if outstanding is None else outstanding),
        status=2,
        disputed=False,
        vis_state=VisState.ACTIVE,
        updated_at=updated_at,
        updated_is_ambiguous=False,
        version=f"{updated_at:%Y-%m-%d %H:%M:%S.%f}",
        description="Managed support",
        lines=(make_line(unit_cost=usd(amount), amount=usd(amount)),),
        fingerprint=hash((amount, outstanding, updated_at)),
    )
    return replace(invoice, **changes)


def make_fb_payment(fb_id: int = 501, amount: str | int = 100, **changes: Any) -> FbPayment:
    """Make a live payment that a bookkeeper typed: no marker."""
    payment = FbPayment(
        id=FbPaymentId(fb_id),
        invoice_id=INVOICE,
        customer_id=CUSTOMER,
        amount=usd(amount),
        currency="USD",
        paid_on=date(2025, 11, 12),
        type="Check",
        note="",
        vis_state=VisState.ACTIVE,
        updated_at=NOW - timedelta(days=1),
    )
    return replace(payment, **changes)


def make_our_fb_payment(
    fb_id: int = 501, amount: str | int = 100, payment_id: str = "pay_1", generation: int = 1, **changes: Any
) -> FbPayment:
    """Make a live payment that carries the marker of one of ours."""
    note = changes.pop("note", f"Paid online {marker(PaymentId(payment_id), generation)}")
    return make_fb_payment(fb_id, amount, note=note, type="ACH", **changes)


def make_customer(**changes: Any) -> FbCustomer:
    customer = FbCustomer(
        id=CUSTOMER,
        organization="Northwind Dental",
        first_name="Ada",
        last_name="Brook",
        email="ada@northwind.example",
        phone="",
        street="1 Main St",
        city="Albany",
        province="NY",
        postal_code="12207",
        country="United States",
        currency="USD",
        vis_state=VisState.ACTIVE,
        updated_at=NOW - timedelta(days=1),
    )
    return replace(customer, **changes)


def make_payment(payment_id: str = "pay_1", amount: str | int = 100, **changes: Any) -> Payment:
    """Make a payment by ACH that is processing on the FreshBooks invoice."""
    payment = Payment(
        id=PaymentId(payment_id),
        invoice_id=INVOICE,
        amount=usd(amount),
        currency="USD",
        method="ach",
        status=PaymentStatus.PROCESSING,
        initiated_at=NOW - timedelta(minutes=10),
    )
    return replace(payment, **changes)


def make_push(
    payment_id: str = "pay_1", state: PushState = PushState.READY, generation: int = 1, **changes: Any
) -> Push:
    push = Push(
        payment_id=PaymentId(payment_id),
        generation=generation,
        state=state,
        marker=marker(PaymentId(payment_id), generation),
    )
    return replace(push, **changes)


def make_done(payment_id: str = "pay_1", fb_id: int = 501, recorded: str | int = 100, **changes: Any) -> Push:
    """Make a push that stands in FreshBooks."""
    settled: dict[str, Any] = {
        "state": PushState.DONE,
        "fb_payment_id": FbPaymentId(fb_id),
        "recorded_amount": usd(recorded),
        "claimed_at": NOW - timedelta(minutes=6),
        "deadline_at": NOW - timedelta(minutes=5),
    }
    return make_push(payment_id, **{**settled, **changes})


def make_link(payment: Payment | None = None, *pushes: Push, **changes: Any) -> Link:
    """Link a payment with its pushes; one that is ready when none are named."""
    payment = payment or make_payment()
    return Link(payment=payment, pushes=pushes or (make_push(payment.id),), **changes)


def make_applied(
    fb_id: int = 501, amount: str | int = 100, payment_id: str = "pay_1", currency: str = "USD"
) -> Applied:
    return Applied(
        fb_payment_id=FbPaymentId(fb_id), payment_id=PaymentId(payment_id), amount=usd(amount), currency=currency
    )


def make_elsewhere(
    fb_id: int = 501, amount: str | int = 100, invoice_id: InvoiceId = OTHER_INVOICE, currency: str = "USD"
) -> AppliedElsewhere:
    return AppliedElsewhere(
        invoice_id=invoice_id, fb_payment_id=FbPaymentId(fb_id), amount=usd(amount), currency=currency
    )


def make_snapshot(
    invoice: FbInvoice | None = None, payments: Sequence[FbPayment] = (), reading: Reading | None = None
) -> Snapshot:
    """Make a consistent snapshot: outstanding is the total less what the live payments apply."""
    snapshot = Snapshot(
        invoice=invoice or make_fb_invoice(), payments=tuple(payments), reading=reading or make_reading()
    )
    paid = sum((payment.amount for payment in snapshot.live_payments), Decimal(0))
    return replace(snapshot, invoice=replace(snapshot.invoice, outstanding=snapshot.invoice.amount - paid))


def make_invoice(
    snapshot: Snapshot | None = None, links: Sequence[Link] = (), before: Invoice | None = None, **changes: Any
) -> Invoice:
    """Make the row that a snapshot leads to, by deciding it."""
    context = InvoiceContext(invoice=before, links=tuple(links))
    invoice = decide_snapshot(snapshot or make_snapshot(), context).invoice
    assert invoice is not None
    return replace(invoice, **changes)


def make_context(
    invoice: Invoice | None = None, links: Sequence[Link] = (), applied: Sequence[Applied] = ()
) -> InvoiceContext:
    return InvoiceContext(invoice=invoice, links=tuple(links), applied=tuple(applied))
