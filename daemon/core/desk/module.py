"""The FreshBooks module: connection, progress and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from daemon.core.backfill import Feed
from daemon.core.consent import Finding
from daemon.core.model import AccountId, PartnerId, PushState
from daemon.core.state import ConnectionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProgress:
    """How far one feed has come (C3); `percent` never goes back within a run. Pages per second give the ETA."""

    feed: Feed
    percent: int
    pages_done: int
    pages_expected: int
    changed: int
    runs: int
    began_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    stage: str = ""
    """What is read now, such as "invoices, deleted"; empty when nothing remains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of what a partner has; `pushes` counts payments by the state of their latest push."""

    customers: int = 0
    invoices: int = 0
    outstanding: int = 0
    paid: int = 0
    drafts: int = 0
    deleted_in_freshbooks: int = 0
    fb_payments: int = 0
    payments: int = 0
    issues: int = 0
    quarantined: int = 0
    pushes: tuple[tuple[PushState, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """The FreshBooks module of a partner's Integrations page: connection, choices, progress and counts."""

    partner_id: PartnerId
    partner_name: str
    status: ConnectionStatus
    parked_reason: str | None
    parked_at: datetime | None
    account_id: AccountId | None
    business_id: int | None
    business_name: str
    role: str
    timezone: str
    payments_account_id: str | None
    deposits_account_id: str | None
    fees_account_id: str | None
    record_deposits: bool
    options: Mapping[str, bool]
    disconnecting: bool
    paused: bool
    consented_at: datetime | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    sync_asked_at: datetime | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    feeds: tuple[FeedProgress, ...]
    counts: Counts
    findings: tuple[Finding, ...] = ()

    @property
    def accounts_chosen(self) -> bool:
        """Whether Set Up Accounts is saved (C5)."""
        return self.payments_account_id is not None
