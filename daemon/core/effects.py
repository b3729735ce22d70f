"""Everything a supervisor may be asked to do: the outputs of `transition`; the inputs stand in events.py."""

from dataclasses import dataclass
from datetime import datetime

from daemon.core.backfill import Cursor
from daemon.core.model import PartnerId, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """Exchange the refresh token for a new pair. Answered by TokenRefreshed, TokenLost or CallFailed."""

    partner_id: PartnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeToken:
    """Revoke and forget the tokens of an ended connection; with `give_up`, forget them even unrevoked.

    Answered by TokenRevoked or CallFailed.
    """

    partner_id: PartnerId
    give_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPages:
    """Ask how long each listing of a fresh backfill is, so that progress is by pages.

    Answered by PagesStored, CallFailed or TokenRejected.
    """

    scope: Scope
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPages:
    """Read and store the next pages of the cursor. Answered by PagesStored, CallFailed or TokenRejected."""

    scope: Scope
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class RereadObjects:
    """Serve the rereads that are due. Answered by ObjectsReread, CallFailed or TokenRejected."""

    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccounts:
    """Read and store the chart of accounts. Answered by AccountsListed, CallFailed or TokenRejected."""

    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureCallbacks:
    """See to it that FreshBooks rings for every wanted event. Answered by CallbacksEnsured or TokenRejected."""

    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class PushNext:
    """Work on the pushes that are due. Answered by Pushed, CallFailed or TokenRejected."""

    scope: Scope
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyBooks:
    """Take the next step of a verification, if one is asked for or due.

    `cursors` tell what can have been read of FreshBooks by now. Answered by Verified, CallFailed or TokenRejected.
    """

    scope: Scope
    timezone: str
    cursors: tuple[Cursor, ...]


PullEffect = CountPages | PullPages | RereadObjects | ListAccounts | EnsureCallbacks
LaneEffect = RefreshToken | RevokeToken | PullEffect | PushNext | VerifyBooks
"""Effects that run in a lane and are answered by an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCursor:
    """Store a feed's cursor that changed without a page: a run that began or ended."""

    scope: Scope
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkConnected:
    """Store that the initial sync is complete: the module shows Connected (C3)."""

    scope: Scope
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Store "Reconnect needed" and why (C7)."""

    scope: Scope
    reason: str
    at: datetime


StoreEffect = StoreCursor | MarkConnected | Park
"""Effects performed at once, before any lane effect of the same step, so that the state is durable first."""

Effect = LaneEffect | StoreEffect
