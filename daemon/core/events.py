"""Everything that can happen to a supervisor: the inputs of `transition`; the outputs stand in effects.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.core.backfill import Cursor
from daemon.core.model import Scope
from daemon.core.state import Connection, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke:
    """The state's deadline has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushArrived:
    """The platform wrote a payment, or a person chose: the push lane has work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RereadAsked:
    """An object is to be read again by itself: a doorbell, a tie, a person's wish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierArrived:
    """FreshBooks sent the verifier of a callback: it can be handed back now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAsked:
    """Someone asked for the books to be verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged:
    """The stored connection differs from what the state knows: consent, accounts, disconnect, pause, sync now."""

    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """A reload brought new intervals or rates; the new policy is `transition`'s argument from now on.

    What has to be looked for anew is looked for within `spread`.
    """

    spread: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainAsked:
    """The process is stopping: nothing more is to be started, what is in flight may answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefreshed:
    """A new pair of tokens is stored; the access token lives until `expires_at`."""

    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLost:
    """The refresh token is spent or revoked (C7)."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked:
    """The tokens of an ended connection are revoked and forgotten (C6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesStored:
    """Pages are stored together with this cursor; `rereads` tells that invoices are to be read by themselves."""

    scope: Scope
    cursor: Cursor
    rereads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsReread:
    """The due rereads were served, if there were any; the next is due at `next_at`."""

    next_at: datetime | None
    served: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsListed:
    """The chart of accounts is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbacksEnsured:
    """FreshBooks' callbacks were looked after; `done` when every wanted event rings now."""

    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """One push was worked on, or none was due; the next is due at `next_at`.

    `rereads` tells that an invoice is to be read again.
    """

    next_at: datetime | None
    rereads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A step of a verification was taken, or none was due; the next is due at `next_at`."""

    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """FreshBooks or Postgres did not do what an effect needed; the lane waits and tries again."""

    lane: Lane
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRejected:
    """FreshBooks no longer takes the access token: the lane's work waits for a refresh."""

    lane: Lane


Event = (
    Woke
    | PushArrived
    | RereadAsked
    | VerifierArrived
    | VerifyAsked
    | ConnectionChanged
    | PolicyChanged
    | DrainAsked
    | TokenRefreshed
    | TokenLost
    | TokenRevoked
    | PagesStored
    | ObjectsReread
    | AccountsListed
    | CallbacksEnsured
    | Pushed
    | Verified
    | CallFailed
    | TokenRejected
)
