"""The rules of a consent: which business it connects, what is refused in which words, and what degrades (C2, C6)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from daemon.core.consent import (
    Business,
    Capability,
    ChooseBusiness,
    ConsentRefused,
    ConsentRequest,
    Finding,
    FormerConnection,
    Identity,
    Membership,
    NotOffered,
    Offer,
    PendingChoice,
    Refusal,
)
from daemon.core.model import AccountId

STATE_LIFETIME = timedelta(minutes=10)
"""How long a consent may take from Connect to Allow (C2)."""
CHOICE_LIFETIME = timedelta(minutes=10)
"""How long a granted consent waits for the partner to choose among several businesses."""

NEEDED_SCOPES = (
    "user:profile:read",
    "user:clients:read",
    "user:invoices:read",
    "user:payments:read",
    "user:payments:write",
    "user:credit_notes:read",
)
"""Without any one of these nothing can be kept in step (FB API s2.7)."""
DEPOSIT_SCOPES = ("user:journal_entries:read", "user:journal_entries:write")
"""Needed for deposits only (W6)."""

FULL_ROLES = frozenset({"owner", "admin", "business_partner", "business_manager"})
"""Roles that may read and record everything (FB API s2.8)."""
CLIENT_ROLE = "client"
LIVE_PLANS = frozenset({"active", "active_trial"})


def offer(identity: Identity, scopes: Collection[str]) -> Offer:
    """Sort a login's businesses into those offered, by name, and those not offered with the reason (C2)."""
    offered: dict[str, Business] = {}
    refused: list[NotOffered] = []
    for membership in identity.memberships:
        if membership.role.casefold() == CLIENT_ROLE:
            refused.append(NotOffered(name=membership.name, why=_ONLY_A_CLIENT))
        elif not membership.account_id:
            refused.append(NotOffered(name=membership.name, why=_NO_BOOKS))
        else:
            offered.setdefault(membership.account_id, _business(membership, membership.account_id, scopes))
    businesses = sorted(offered.values(), key=lambda b: (b.name.casefold(), b.account_id))
    return Offer(businesses=tuple(businesses), not_offered=tuple(refused))


def missing_scopes(scopes: Collection[str]) -> tuple[str, ...]:
    """List the scopes without which nothing works; none when FreshBooks did not tell the granted ones."""
    return tuple(scope for scope in NEEDED_SCOPES if scopes and scope not in scopes)


def check_request(request: ConsentRequest | None, session_hash: bytes, now: datetime) -> ConsentRefused | None:
    """Check that a returning consent is the one that this session began, and in time (C2)."""
    if request is None:
        return refuse(Refusal.STATE_UNKNOWN)
    if request.session_hash != session_hash:
        return refuse(Refusal.OTHER_SESSION)
    if now - request.created_at > STATE_LIFETIME:
        return refuse(Refusal.STATE_EXPIRED)
    return None


def check_grant(
    granted: Offer, scopes: Collection[str], former: FormerConnection | None
) -> Business | ChooseBusiness | ConsentRefused:
    """Decide which business a consent connects: the known one, the only one, the partner's choice, or none (C2, C6)."""
    missing = missing_scopes(scopes)
    if missing:
        return refuse(Refusal.SCOPES_MISSING, ", ".join(missing))
    if former is not None:
        return granted.find(former.account_id) or refuse(Refusal.OTHER_ACCOUNT, former.business_name)
    match granted.businesses:
        case ():
            reasons = "; ".join(f"{n.name}: {n.why}" for n in granted.not_offered)
            return refuse(Refusal.NO_BUSINESS, reasons or "it has none")
        case (only,):
            return only
        case _:
            return ChooseBusiness(offer=granted)


def check_choice(
    choice: PendingChoice | None, session_hash: bytes, account_id: str, now: datetime
) -> Business | ConsentRefused:
    """Check the partner's choice of a business against what was offered to this session (C2)."""
    if choice is None or now >= choice.expires_at:
        return refuse(Refusal.CHOICE_EXPIRED)
    if choice.session_hash != session_hash:
        return refuse(Refusal.OTHER_SESSION)
    return choice.offer.find(account_id) or refuse(Refusal.NOT_OFFERED)


def refuse_error(error: str) -> ConsentRefused:
    """Turn the `error` that FreshBooks sent back instead of a code into a refusal."""
    if error == "access_denied":
        return refuse(Refusal.DECLINED)
    return refuse(Refusal.FAILED_AT_FRESHBOOKS, error)


def refuse(refusal: Refusal, detail: str = "") -> ConsentRefused:
    """Say in a sentence why nothing was connected and what to do next; `detail` is what the sentence names."""
    return ConsentRefused(refusal=refusal, sentence=_SENTENCES[refusal].format(detail=detail))


_AGAIN = "Press Connect to start again."
_SENTENCES = {
    Refusal.DECLINED: f"You did not allow access in FreshBooks, so nothing was connected. {_AGAIN}",
    Refusal.FAILED_AT_FRESHBOOKS: "FreshBooks ended the sign-in with the error “{detail}”. "
    f"{_AGAIN} If it happens again, tell support this error.",
    Refusal.STATE_UNKNOWN: f"This sign-in was already used or was not started here. {_AGAIN}",
    Refusal.STATE_EXPIRED: f"The sign-in took longer than ten minutes. {_AGAIN}",
    Refusal.OTHER_SESSION: f"This sign-in was started in another browser session. {_AGAIN}",
    Refusal.CODE_REFUSED: f"FreshBooks did not accept the sign-in: {{detail}}. {_AGAIN}",
    Refusal.FRESHBOOKS_UNAVAILABLE: "FreshBooks did not answer, so nothing was connected. Wait a minute and press "
    "Connect again.",
    Refusal.SCOPES_MISSING: "FreshBooks did not grant everything that is needed; missing: {detail}. Press Connect "
    "again and allow all of it.",
    Refusal.NO_BUSINESS: "This FreshBooks login has no business that can be connected ({detail}). Sign in as the owner "
    "of the books.",
    Refusal.OTHER_ACCOUNT: "Your data here belongs to the FreshBooks books of “{detail}”, and this login does not "
    "reach them. Sign in with a login that does, or ask support to reset the connection.",
    Refusal.ACCOUNT_TAKEN: "The FreshBooks books of “{detail}” are already connected to another partner. Disconnect "
    "them there first, or choose another business.",
    Refusal.CHOICE_EXPIRED: f"The choice of a business took longer than ten minutes. {_AGAIN}",
    Refusal.NOT_OFFERED: f"This business was not among those offered. {_AGAIN}",
    Refusal.DISCONNECTING: "The former connection is still being ended. Wait a minute and press Connect again.",
}


_ONLY_A_CLIENT = "you are only a client of this business, and FreshBooks lets a client write nothing"
_NO_BOOKS = "it has no accounting account in FreshBooks"


def _business(membership: Membership, account_id: AccountId, scopes: Collection[str]) -> Business:
    return Business(
        account_id=account_id,
        business_id=membership.business_id,
        business_uuid=membership.business_uuid,
        name=membership.name,
        role=membership.role,
        timezone=membership.timezone,
        findings=(_read(membership), _record_payments(membership), _record_deposits(membership, scopes)),
    )


def _read(membership: Membership) -> Finding:
    if membership.plan is None or membership.plan in LIVE_PLANS:
        sentence = "Invoices, customers, payments and credits are read from FreshBooks."
        return Finding(capability=Capability.READ, allowed=True, sentence=sentence)
    sentence = (
        f"The FreshBooks plan of this business is “{membership.plan}”: FreshBooks may refuse to be read until it is "
        "renewed."
    )
    return Finding(capability=Capability.READ, allowed=None, sentence=sentence)


def _record_payments(membership: Membership) -> Finding:
    if membership.role in FULL_ROLES:
        sentence = "Payments are recorded in FreshBooks."
        return Finding(capability=Capability.RECORD_PAYMENTS, allowed=True, sentence=sentence)
    sentence = (
        f"Your role in FreshBooks is “{membership.role}”: FreshBooks may refuse to record payments, which then stand "
        "as sync issues. A login with the role owner or admin avoids this."
    )
    return Finding(capability=Capability.RECORD_PAYMENTS, allowed=None, sentence=sentence)


def _record_deposits(membership: Membership, scopes: Collection[str]) -> Finding:
    if scopes and not set(DEPOSIT_SCOPES) <= set(scopes):
        why = "access to journal entries was not granted"
    elif membership.journal_entries is False:
        why = "the FreshBooks plan or role does not allow journal entries"
    else:
        known = membership.journal_entries or None
        sentence = "Payouts can be recorded as deposits, if that is switched on."
        return Finding(capability=Capability.RECORD_DEPOSITS, allowed=known, sentence=sentence)
    sentence = f"Payouts cannot be recorded as deposits, because {why}; everything else works."
    return Finding(capability=Capability.RECORD_DEPOSITS, allowed=False, sentence=sentence)
