"""The short-lived link by which the platform brings a partner in, signed with a shared key (HMAC-SHA256)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from daemon.core.model import PartnerId

ENTER_PATH = "/enter"
LINK_LIFETIME_MAX = timedelta(minutes=10)
"""A link that claims to live longer is refused, whoever signed it."""

_PARTNER = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_EXPIRY = re.compile(r"[0-9]{1,12}")


class LinkRefused(Exception):
    """The link is not one that signs a partner in; the message is a sentence for the person who followed it."""


def sign_link(public_url: str, partner_id: PartnerId, expires_at: datetime, *, key_id: str, secret: str) -> str:
    """Make a link into the dashboard: `/enter?partner=..&exp=..&sig=..`, where `sig` is `<key id>.<hex>`."""
    exp = str(int(expires_at.timestamp()))
    query = {"partner": partner_id, "exp": exp, "sig": f"{key_id}.{_mac(secret, partner_id, exp)}"}
    return f"{public_url.rstrip('/')}{ENTER_PATH}?{urlencode(query)}"


def check_link(query: Mapping[str, str], keys: Mapping[str, str], now: datetime) -> PartnerId:
    """Tell whom a followed link signs in. Raises LinkRefused: not signed by a key of ours, expired, or long-lived."""
    partner, exp, sig = (query.get(name, "") for name in ("partner", "exp", "sig"))
    key_id, _, mac = sig.partition(".")
    secret = keys.get(key_id)
    if not (secret and _PARTNER.fullmatch(partner) and _EXPIRY.fullmatch(exp)):
        raise LinkRefused(_NOT_VALID)
    if not hmac.compare_digest(mac.encode(errors="replace"), _mac(secret, partner, exp).encode()):
        raise LinkRefused(_NOT_VALID)
    left = datetime.fromtimestamp(int(exp), UTC) - now
    if left <= timedelta(0):
        raise LinkRefused("This link has expired. Open the dashboard again from Alternative Payments.")
    if left > LINK_LIFETIME_MAX:
        raise LinkRefused(_NOT_VALID)
    return PartnerId(partner)


_NOT_VALID = "This link is not valid. Open the dashboard again from Alternative Payments."


def _mac(secret: str, partner: str, exp: str) -> str:
    return hmac.new(secret.encode(), f"enter\n{partner}\n{exp}".encode(), hashlib.sha256).hexdigest()
