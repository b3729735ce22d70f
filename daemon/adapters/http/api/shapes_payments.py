"""Payments and payouts as the API writes them, each with its one place in FreshBooks (W8)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Self

from pydantic import Field

from daemon.adapters.http.api.messages import Output
from daemon.adapters.http.wording import payout_place_of, place_of
from daemon.core.desk import IssueRow, PaymentRow, PayoutRow, PushPlace


class Place(Output):
    """Where a payment or payout stands in FreshBooks: always exactly one place."""

    label: str = Field(description="Recorded, Waiting, Recording, Checking, Sync issue or Nothing to record.")
    sentence: str
    state: str | None = Field(description="The write's own state; null when there is nothing to write.")
    reason: str | None
    record_id: str | None = Field(description="FreshBooks' id of what was recorded.")
    attempts: int
    updated_at: datetime | None


class Payment(Output):
    """A payment of the platform with its place in FreshBooks."""

    id: str
    invoice_id: int | None = Field(description="The invoice from FreshBooks; null for one made on the platform.")
    ap_invoice_id: str | None
    invoice_number: str
    customer_name: str
    amount: Decimal = Field(description="What is applied on the invoice, without any surcharge.")
    surcharge: Decimal
    currency: str
    payment_method: str
    status: str = Field(description="processing, succeeded, failed, refunded or chargeback.")
    created_at: datetime
    updated_at: datetime
    freshbooks: Place

    @classmethod
    def of(cls, row: PaymentRow, issues: tuple[IssueRow, ...] = ()) -> Self:
        """Write a stored row; an open issue about it is where it stands (W8)."""
        standing = place_of(row, issues)
        return cls(
            id=row.payment_id,
            invoice_id=row.invoice_id,
            ap_invoice_id=row.ap_invoice_id,
            invoice_number=row.invoice_number,
            customer_name=row.customer_name,
            amount=row.amount,
            surcharge=row.surcharge,
            currency=row.currency,
            payment_method=row.method,
            status=row.status.value,
            created_at=row.initiated_at,
            updated_at=row.updated_at,
            freshbooks=_place(standing.label, standing.sentence, row.place),
        )


class PayoutMember(Output):
    """One signed part of a payout."""

    id: str
    kind: str = Field(description="payment, refund, chargeback or fee.")
    payment_id: str | None
    amount: Decimal


class Payout(Output):
    """A payout with its members and its place in FreshBooks."""

    id: str
    status: str
    currency: str
    net: Decimal
    arrival_date: date | None
    created_at: datetime
    members: list[PayoutMember]
    freshbooks: Place

    @classmethod
    def of(cls, row: PayoutRow) -> Self:
        """Write a stored row."""
        standing = payout_place_of(row)
        return cls(
            id=row.payout_id,
            status=row.status,
            currency=row.currency,
            net=row.net,
            arrival_date=row.arrival_date,
            created_at=row.created_at,
            members=[
                PayoutMember(id=part.member, kind=part.kind, payment_id=part.payment_id, amount=part.amount)
                for part in row.members
            ],
            freshbooks=_place(standing.label, standing.sentence, row.place),
        )


def _place(label: str, sentence: str, place: PushPlace | None) -> Place:
    if place is None:
        return Place(
            label=label, sentence=sentence, state=None, reason=None, record_id=None, attempts=0, updated_at=None
        )
    record_id = place.entry_id or place.fb_payment_id
    return Place(
        label=label,
        sentence=sentence,
        state=place.state.value,
        reason=place.reason,
        record_id=str(record_id) if record_id is not None else None,
        attempts=place.attempts,
        updated_at=place.updated_at,
    )
