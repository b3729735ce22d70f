"""What the API needs of the rest beyond the pages' ports, as Protocols."""

from datetime import datetime
from typing import Protocol

from typing_extensions import override

from daemon.adapters.http.ports import Desk
from daemon.core.desk import CustomerRow, DeskPage, EventRow, PaymentRow, PayoutRow
from daemon.core.model import InvoiceId, PartnerId, PaymentId, PayoutId


class StoredToken(Protocol):
    """A machine's token as found: whose it is, what it may do, and what the audit log calls it."""

    @property
    def partner_id(self) -> PartnerId: ...

    @property
    def name(self) -> str: ...

    @property
    def scopes(self) -> frozenset[str]: ...


class Tokens(Protocol):
    """The machines' tokens, known by their hash alone. Raises StoreUnavailable."""

    async def find_token(self, token_hash: bytes, now: datetime) -> StoredToken | None:
        """Look up a token that is neither revoked nor expired, and note that it was used."""
        ...


class KeptAnswer(Protocol):
    """What was answered to the first request with an idempotency key; a `status` of None: it is still being worked on.

    `is_same` tells whether that request was the same as this one.
    """

    @property
    def is_same(self) -> bool: ...

    @property
    def status(self) -> int | None: ...

    @property
    def body(self) -> str: ...


class Answers(Protocol):
    """Answers by idempotency key, so that a repeated POST acts once. Raises StoreUnavailable."""

    async def begin_answer(self, partner_id: PartnerId, key: str, request: bytes, now: datetime) -> KeptAnswer | None:
        """Take the key for this request, by its hash; what was kept under it is told, and None means: go ahead."""
        ...

    async def keep_answer(self, partner_id: PartnerId, key: str, status: int, body: str) -> None:
        """Keep what was answered."""
        ...

    async def drop_answer(self, partner_id: PartnerId, key: str) -> None:
        """Let the key go again: nothing was done."""
        ...


class ApiStore(Tokens, Answers, Protocol):
    """The API's own rows."""


class ApiDesk(Desk, Protocol):
    """The pages' desk with what only the API shows or does. Raises of the lists: ValueError for a wrong cursor."""

    async def customers(
        self, partner_id: PartnerId, search: str = "", after: str | None = None, limit: int = 50
    ) -> DeskPage[CustomerRow]:
        """List customers by name with what they owe."""
        ...

    async def payment(self, partner_id: PartnerId, payment_id: PaymentId) -> PaymentRow | None:
        """Read one payment."""
        ...

    @override
    async def payouts(self, partner_id: PartnerId, after: str | None = None, limit: int = 50) -> DeskPage[PayoutRow]:
        """List payouts, newest first."""
        ...

    async def payout(self, partner_id: PartnerId, payout_id: PayoutId) -> PayoutRow | None:
        """Read one payout."""
        ...

    async def events(self, partner_id: PartnerId, after_event_id: int = 0, limit: int = 50) -> tuple[EventRow, ...]:
        """List what the platform has to tell the partner since an event, oldest first (T4)."""
        ...

    async def read_invoice_again(self, partner_id: PartnerId, invoice_id: InvoiceId, who: str, now: datetime) -> bool:
        """Ask for a fresh look at an invoice before it is charged (P12); False for an unknown one."""
        ...
