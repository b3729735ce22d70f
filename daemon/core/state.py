"""The supervisor's state: the product's three words, with deadlines as `_at` fields and the lanes as values."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from daemon.core.backfill import Cursor, Feed
from daemon.core.model import PartnerId, Scope
from daemon.core.model.quick import quick


class ConnectionStatus(enum.StrEnum):
    """What a partner sees (C1, C3)."""

    NOT_CONNECTED = "not_connected"
    PENDING = "pending"
    CONNECTED = "connected"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A partner's connection as stored: what a supervisor starts from, so that crash, reload and reboot are one path.

    `scope` is None while not connected. `parked` is the reason of "Reconnect needed" (C7). `disconnecting` asks the
    supervisor to revoke and forget the tokens (C6). `accounts_chosen` tells that Set Up Accounts is saved (C5).
    `epoch` counts consents: a changed epoch is a new pair of tokens. `sync_asked_at` is the partner's last press of
    Sync now. `push_open` tells whether a push may be waiting, which a start of many must not hold up.
    """

    partner_id: PartnerId
    status: ConnectionStatus
    scope: Scope | None = None
    parked: str | None = None
    disconnecting: bool = False
    accounts_chosen: bool = False
    token_expires_at: datetime | None = None
    epoch: int = 0
    timezone: str = "America/New_York"
    business_uuid: str = ""
    cursors: tuple[Cursor, ...] = ()
    sync_asked_at: datetime | None = None
    paused: bool = False
    push_open: bool = True


class Lane(enum.StrEnum):
    """Where effects run; one in flight per lane, so a long backfill never delays a payment."""

    AUTH = "auth"
    PULL = "pull"
    PUSH = "push"
    VERIFY = "verify"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """Whether a lane has an effect in flight, and how its failures hold it back.

    Two marks belong to the effect in flight: `asked` says that work came in since it began, so its answer does not know
    of it; `stale` says that it began with tokens that have been replaced since, so what it tells of tokens is old.
    """

    busy: bool = False
    asked: bool = False
    stale: bool = False
    failures: int = 0
    not_before: datetime | None = None


_FREE = LaneState()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The four lanes of a supervisor."""

    auth: LaneState = _FREE
    pull: LaneState = _FREE
    push: LaneState = _FREE
    verify: LaneState = _FREE

    @property
    def are_busy(self) -> bool:
        """Whether any effect is in flight."""
        return self.auth.busy or self.pull.busy or self.push.busy or self.verify.busy


_ALL_FREE = Lanes()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The deadlines of a connection. None means: nothing to do until an event says so.

    `token_until` is no deadline: the access token is good until then, None when FreshBooks no longer takes it.
    """

    refresh_at: datetime | None = None
    token_until: datetime | None = None
    reread_at: datetime | None = None
    accounts_at: datetime | None = None
    callbacks_at: datetime | None = None
    push_at: datetime | None = None
    verify_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConnected:
    """Nothing to do until the partner consents."""

    partner_id: PartnerId


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Connected by consent; the initial sync is under way (C3)."""

    scope: Scope
    connection: Connection
    cursors: tuple[Cursor, ...]
    schedule: Schedule
    lanes: Lanes = _ALL_FREE
    parked: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """All history is in; changes are followed both ways."""

    scope: Scope
    connection: Connection
    cursors: tuple[Cursor, ...]
    schedule: Schedule
    lanes: Lanes = _ALL_FREE
    parked: str | None = None


Syncing = Pending | Connected
State = NotConnected | Pending | Connected


def cursor_of(state: Syncing, feed: Feed) -> Cursor:
    """Tell how far a feed has come; a feed that never ran has an empty, never finished cursor."""
    for cursor in state.cursors:
        if cursor.feed is feed:
            return cursor
    return Cursor(feed=feed)


def is_leaving(state: Syncing) -> bool:
    """Tell whether the stored connection ended or moved to another account, and only effects in flight are awaited."""
    return state.connection.scope != state.scope or state.connection.status is ConnectionStatus.NOT_CONNECTED


def shown(state: State) -> tuple[str, bool]:
    """What the outside sees of a state: the product's word, and whether a reconnect is needed."""
    match state:
        case NotConnected():
            return "not_connected", False
        case Pending():
            return "pending", state.parked is not None
        case Connected():
            return "connected", state.parked is not None
        case _:
            assert_never(state)
