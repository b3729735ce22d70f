"""Whose row and which one: the ids of the domain, and when a read was made."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from daemon.core.model.quick import quick

PartnerId = NewType("PartnerId", str)
"""A merchant on the platform."""
AccountId = NewType("AccountId", str)
"""A FreshBooks accounting account; rows and intents are keyed by it (C6)."""
CustomerId = NewType("CustomerId", int)
"""FreshBooks' client id."""
InvoiceId = NewType("InvoiceId", int)
"""FreshBooks' invoice id."""
FbPaymentId = NewType("FbPaymentId", int)
"""FreshBooks' payment id (also called log id)."""
PaymentId = NewType("PaymentId", str)
"""The platform's payment id."""
PayoutId = NewType("PayoutId", str)
"""The platform's payout id."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose rows: one partner in one FreshBooks account. Every primary key begins with these two."""

    partner_id: PartnerId
    account_id: AccountId


class VisState(enum.IntEnum):
    """FreshBooks' visibility of a record (FB API s5)."""

    ACTIVE = 0
    DELETED = 1
    ARCHIVED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """When a read of FreshBooks began and finished; decides which of two reads is the newer one (P9)."""

    began_at: datetime
    finished_at: datetime
