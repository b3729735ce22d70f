"""The short-lived link by which the platform brings a partner in, once, signed with a shared key (HMAC-SHA256)."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from daemon.core.model import PartnerId

ENTER_PATH = "/enter"
LINK_LIFETIME_MAX = timedelta(minutes=10)
"""A link that claims to live longer is refused, whoever signed it."""

_PARTNER = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_EXPIRY = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NONCE_BYTES = 9


class LinkRefused(Exception):
    """The link is not one that signs a partner in; the message is a sentence for the person who followed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A followed link that holds: whom it signs in, and the hash by which its one use is remembered until it ends."""

    partner_id: PartnerId
    link_hash: bytes
    expires_at: datetime


def sign_link(public_url: str, partner_id: PartnerId, expires_at: datetime, *, key_id: str, secret: str) -> str:
    """Make a link into the dashboard: `/enter?partner=..&exp=..&nonce=..&sig=..`, where `sig` is `<key id>.<hex>`.

    The nonce makes every link its own, for each signs in once.
    """
    exp, nonce = str(int(expires_at.timestamp())), secrets.token_urlsafe(_NONCE_BYTES)
    sig = f"{key_id}.{_mac(secret, partner_id, exp, nonce)}"
    query = {"partner": partner_id, "exp": exp, "nonce": nonce, "sig": sig}
    return f"{public_url.rstrip('/')}{ENTER_PATH}?{urlencode(query)}"


def check_link(query: Mapping[str, str], keys: Mapping[str, str], now: datetime) -> Entry:
    """Tell whom a followed link signs in. Raises LinkRefused: not signed by a key of ours, expired, or long-lived."""
    partner, exp, nonce, sig = (query.get(name, "") for name in ("partner", "exp", "nonce", "sig"))
    key_id, _, mac = sig.partition(".")
    secret = keys.get(key_id)
    if not (secret and _PARTNER.fullmatch(partner) and _EXPIRY.fullmatch(exp) and _NONCE.fullmatch(nonce)):
        raise LinkRefused(_NOT_VALID)
    if not hmac.compare_digest(mac.encode(errors="replace"), _mac(secret, partner, exp, nonce).encode()):
        raise LinkRefused(_NOT_VALID)
    expires_at = datetime.fromtimestamp(int(exp), UTC)
    left = expires_at - now
    if left <= timedelta(0):
        raise LinkRefused("This link has expired. Open the dashboard again from Alternative Payments.")
    if left > LINK_LIFETIME_MAX:
        raise LinkRefused(_NOT_VALID)
    return Entry(partner_id=PartnerId(partner), link_hash=hashlib.sha256(mac.encode()).digest(), expires_at=expires_at)


_NOT_VALID = "This link is not valid. Open the dashboard again from Alternative Payments."


def _mac(secret: str, partner: str, exp: str, nonce: str) -> str:
    return hmac.new(secret.encode(), f"enter\n{partner}\n{exp}\n{nonce}".encode(), hashlib.sha256).hexdigest()
