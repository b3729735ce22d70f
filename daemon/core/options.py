"""The partner's switches for what FreshBooks may do here and we may do there; all are off at first (O1-O4)."""

import enum


class Option(enum.StrEnum):
    """A switch; its value is its key in the connection's stored options."""

    MIRROR_INVOICES = "mirror_invoices"
    """Invoices archived or deleted in FreshBooks are archived here too (O1)."""
    MIRROR_CUSTOMERS = "mirror_customers"
    """Customers archived or deleted in FreshBooks are archived here too (O2)."""
    DELETE_PAYMENTS = "delete_payments"
    """A payment deleted on one side is taken back on the other (O3)."""
    PDF_INVOICES = "pdf_invoices"
    """The invoice's PDF is fetched from FreshBooks on demand (O4)."""
