"""FreshBooks' identity answer: the person who consented and the businesses they belong to (FB API s2.8)."""

import msgspec
from msgspec import Struct, field

from daemon.adapters.freshbooks.calls import Answer
from daemon.adapters.freshbooks.envelopes import parse
from daemon.core.consent import Identity, Membership
from daemon.core.model import AccountId

_JOURNAL_ENTRIES = "manual_journal_entries_feature.access"


class _Business(Struct, gc=False):
    id: int
    name: str | None = None
    business_uuid: str | None = None
    account_id: str | None = None
    timezone: str | None = None


class _Membership(Struct, gc=False):
    business: _Business
    role: str | None = None


class _Me(Struct, gc=False):
    id: int
    email: str | None = None
    business_memberships: list[_Membership] = field(default_factory=list)
    permissions: dict[str, object] | None = None
    subscription_statuses: dict[str, object] | None = None


class _Answer(Struct, gc=False):
    response: _Me


_me_decoder = msgspec.json.Decoder(_Answer)


def read_identity(answer: Answer) -> Identity:
    """Read who consented. Raises FreshBooksAnswerInvalid, FreshBooksUnavailable."""
    me = parse(answer, _me_decoder).response
    return Identity(
        identity_id=me.id,
        email=me.email or "",
        memberships=tuple(_membership(me, membership) for membership in me.business_memberships),
    )


def _membership(me: _Me, wire: _Membership) -> Membership:
    business = wire.business
    account_id = business.account_id or None
    plan = (me.subscription_statuses or {}).get(account_id or "")
    return Membership(
        name=business.name or f"Business {business.id}",
        business_id=business.id,
        business_uuid=business.business_uuid or "",
        account_id=None if account_id is None else AccountId(account_id),
        role=wire.role or "",
        timezone=business.timezone or "",
        plan=plan if isinstance(plan, str) else None,
        journal_entries=_journal_entries(me, account_id),
    )


def _journal_entries(me: _Me, account_id: str | None) -> bool | None:
    """Tell whether manual journal entries are allowed; None when FreshBooks does not say."""
    flags = (me.permissions or {}).get(account_id or "")
    allowed = flags.get(_JOURNAL_ENTRIES) if isinstance(flags, dict) else None
    return bool(allowed) if isinstance(allowed, bool | int) else None
