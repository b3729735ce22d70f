"""Reads what we hold of FreshBooks' records as FreshBooks' own values, to be compared with what it shows (T1)."""

import asyncpg
import msgspec

from daemon.core.model import (
    CustomerId,
    FbCredit,
    FbCustomer,
    FbPayment,
    FbPaymentId,
    InvoiceId,
    VisState,
)
from daemon.core.verify import Outcome, Report, VerifyAsk, VerifyMode
from daemon.core.verify.findings import VerifyRow


def customer_of(row: asyncpg.Record) -> FbCustomer:
    """Read a row of sync.customer."""
    names = ("organization", "first_name", "last_name", "email", "phone", "street", "city", "province", "postal_code")
    return FbCustomer(
        id=CustomerId(row["customer_id"]),
        **{name: row[name] for name in names},
        country=row["country"],
        currency=row["currency"],
        vis_state=VisState(row["vis_state"]),
        updated_at=row["fb_updated_at"],
        updated_is_ambiguous=row["updated_is_ambiguous"],
        fingerprint=row["fingerprint"],
    )


def fb_payment_of(row: asyncpg.Record) -> FbPayment:
    """Read a row of sync.fb_payment."""
    return FbPayment(
        id=FbPaymentId(row["fb_payment_id"]),
        invoice_id=InvoiceId(row["invoice_id"]),
        customer_id=CustomerId(row["customer_id"]),
        amount=row["amount"],
        currency=row["currency"],
        paid_on=row["paid_on"],
        type=row["type"],
        note=row["note"],
        vis_state=VisState(row["vis_state"]),
        updated_at=row["fb_updated_at"],
        updated_is_ambiguous=row["updated_is_ambiguous"],
        from_credit=row["from_credit"],
        credit_id=row["credit_id"],
        overpayment_id=row["overpayment_id"],
        fingerprint=row["fingerprint"],
    )


def credit_of(row: asyncpg.Record) -> FbCredit:
    """Read a row of sync.credit."""
    return FbCredit(
        id=row["credit_id"],
        customer_id=CustomerId(row["customer_id"]),
        number=row["number"],
        credit_type=row["credit_type"],
        amount=row["amount"],
        currency=row["currency"],
        issued_on=row["issued_on"],
        description=row["description"],
        vis_state=VisState(row["vis_state"]),
        fingerprint=row["fingerprint"],
    )


def ask_of(row: asyncpg.Record) -> VerifyAsk:
    """Read what a verification was asked to do."""
    return VerifyAsk(
        id=row["verification_id"],
        mode=VerifyMode(row["mode"]),
        repair=row["repair"],
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        seed=row["seed"],
    )


def verification_of(row: asyncpg.Record) -> VerifyRow:
    """Read one verification of the history."""
    return VerifyRow(
        ask=ask_of(row),
        began_at=row["began_at"],
        progress=row["progress"],
        percent=row["percent"],
        finished_at=row["finished_at"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        report=msgspec.convert(row["report"], Report),
    )
