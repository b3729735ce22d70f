"""Turns customers, FreshBooks payments and credit notes into rows."""

from typing import Final

from daemon.adapters.postgres.copy_text import Row, boolean, moment, optional, text
from daemon.core.model import FbCredit, FbCustomer, FbPayment, Reading, Scope

CUSTOMER_COLUMNS: Final = (
    "partner_id",
    "account_id",
    "customer_id",
    "organization",
    "first_name",
    "last_name",
    "email",
    "phone",
    "street",
    "city",
    "province",
    "postal_code",
    "country",
    "currency",
    "vis_state",
    "fb_updated_at",
    "updated_is_ambiguous",
    "fingerprint",
    "read_began_at",
    "read_finished_at",
)
PAYMENT_COLUMNS: Final = (
    "partner_id",
    "account_id",
    "fb_payment_id",
    "invoice_id",
    "customer_id",
    "amount",
    "currency",
    "paid_on",
    "type",
    "note",
    "vis_state",
    "fb_updated_at",
    "updated_is_ambiguous",
    "from_credit",
    "credit_id",
    "overpayment_id",
    "fingerprint",
    "read_began_at",
    "read_finished_at",
)
CREDIT_COLUMNS: Final = (
    "partner_id",
    "account_id",
    "credit_id",
    "customer_id",
    "number",
    "credit_type",
    "amount",
    "currency",
    "issued_on",
    "description",
    "vis_state",
    "fingerprint",
    "read_began_at",
    "read_finished_at",
)


def customer_row(scope: Scope, customer: FbCustomer, reading: Reading) -> Row:
    """Write a customer in the order of CUSTOMER_COLUMNS."""
    return (
        text(scope.partner_id),
        text(scope.account_id),
        str(customer.id),
        text(customer.organization),
        text(customer.first_name),
        text(customer.last_name),
        text(customer.email),
        text(customer.phone),
        text(customer.street),
        text(customer.city),
        text(customer.province),
        text(customer.postal_code),
        text(customer.country),
        text(customer.currency),
        str(customer.vis_state.value),
        customer.updated_at.isoformat(),
        boolean(customer.updated_is_ambiguous),
        str(customer.fingerprint),
        *_reading(reading),
    )


def payment_row(scope: Scope, payment: FbPayment, reading: Reading) -> Row:
    """Write a FreshBooks payment in the order of PAYMENT_COLUMNS."""
    return (
        text(scope.partner_id),
        text(scope.account_id),
        str(payment.id),
        str(payment.invoice_id),
        str(payment.customer_id),
        str(payment.amount),
        text(payment.currency),
        payment.paid_on.isoformat(),
        text(payment.type),
        text(payment.note),
        str(payment.vis_state.value),
        payment.updated_at.isoformat(),
        boolean(payment.updated_is_ambiguous),
        boolean(payment.from_credit),
        optional(payment.credit_id),
        optional(payment.overpayment_id),
        str(payment.fingerprint),
        *_reading(reading),
    )


def credit_row(scope: Scope, credit: FbCredit, reading: Reading) -> Row:
    """Write a credit note in the order of CREDIT_COLUMNS."""
    return (
        text(scope.partner_id),
        text(scope.account_id),
        str(credit.id),
        str(credit.customer_id),
        text(credit.number),
        text(credit.credit_type),
        str(credit.amount),
        text(credit.currency),
        credit.issued_on.isoformat(),
        text(credit.description),
        str(credit.vis_state.value),
        str(credit.fingerprint),
        *_reading(reading),
    )


def _reading(reading: Reading) -> tuple[str, str]:
    return moment(reading.began_at), moment(reading.finished_at)
