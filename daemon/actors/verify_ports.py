"""What a verification needs of Postgres, as a Protocol: each method is one transaction (T1)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from daemon.core.model import FbPayment, InvoiceId, PartnerId, Resource, Scope
from daemon.core.verify import EntryKnowledge, HeldInvoice, Report, VerifyAsk, VerifyMode
from daemon.core.verify.records import Plain


class VerifyStore(Protocol):
    """What is asked for, what we hold, and what becomes of it. All raise StoreUnavailable."""

    async def ask(
        self, partner_id: PartnerId, mode: VerifyMode, who: str, now: datetime, seed: int, *, repair: bool
    ) -> int | None:
        """Ask for a verification; None while another one is open, or without a connection."""
        ...

    async def open_verification(self, scope: Scope) -> VerifyAsk | None:
        """Tell the verification that is asked for or under way."""
        ...

    async def verified_since(self, scope: Scope) -> datetime | None:
        """Tell what nights are counted from."""
        ...

    async def show_progress(self, scope: Scope, ask: VerifyAsk, now: datetime, stage: str, percent: int) -> None:
        """Store how far it has come."""
        ...

    async def finish(self, scope: Scope, ask: VerifyAsk, now: datetime, report: Report, kept: timedelta) -> Report:
        """Store what it came to; mend our side if that was asked for."""
        ...

    async def held_records(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> Mapping[int, Plain]:
        """Load customers, payments or credits by id."""
        ...

    async def held_invoices(
        self, scope: Scope, ids: Sequence[InvoiceId], shown: Sequence[FbPayment] = ()
    ) -> Mapping[InvoiceId, HeldInvoice]:
        """Load invoices with their lines, links and open issues; one that we do not hold has no row in its context."""
        ...

    async def payments_of(self, scope: Scope, ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, tuple[FbPayment, ...]]:
        """Load the payments that we hold of these invoices."""
        ...

    async def held_ids(self, scope: Scope, resource: Resource, after: int, limit: int) -> tuple[int, ...]:
        """List the ids that we hold, in order, from one on."""
        ...

    async def quarantined(self, scope: Scope, resource: Resource, ids: Sequence[int]) -> frozenset[int]:
        """Tell which of these are set aside because they cannot be read."""
        ...

    async def sample(self, scope: Scope, resource: Resource, seed: int, count: int) -> tuple[int, ...]:
        """Draw ids at random; the same seed draws the same."""
        ...

    async def held_count(self, scope: Scope) -> int:
        """Count the records that we hold."""
        ...

    async def entry_days(self, scope: Scope, since: date) -> tuple[date, ...]:
        """List the days on which journal entries of ours stand, or may stand."""
        ...

    async def held_entries(self, scope: Scope, first: date, last: date) -> EntryKnowledge:
        """Load the entries of some days, and the payouts behind them."""
        ...

    async def lost_intents(self, scope: Scope, limit: int) -> tuple[str, ...]:
        """List payments that ought to go to FreshBooks and stand in no queue."""
        ...

    async def strangers(self, scope: Scope, limit: int) -> tuple[tuple[int, str], ...]:
        """List live records in FreshBooks that name a payment of ours which the platform does not know."""
        ...

    async def alike(self, scope: Scope, days: int, limit: int) -> tuple[tuple[str, int], ...]:
        """List recorded payments beside which the same amount was typed in by hand."""
        ...
